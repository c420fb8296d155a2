"""What a run's dialogues cost: tokens and money from its records, seconds from ``timing/``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import polars as pl

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import enough, mean, positive
from selfcorrect.measures.panel import Panel, codes_of
from selfcorrect.measures.unseen import Room
from selfcorrect.runs.model_spec import Rates
from selfcorrect.runs.pieces import Piece, pieces
from selfcorrect.runs.run import Run
from selfcorrect.runs.spec import RunSpec
from selfcorrect.runs.store import Store
from selfcorrect.runs.waited import LONGEST, LONGEST_NOTE, latency, read

Table = dict[str, Any]
#: A note of more dialogues is damaged.
_MOST = 10**9
#: What is paid, and what would be without a discount for cached tokens.
MONEY = ("money", "money_uncached")


def cost_of(run: Run, panel: Panel, until: int | None = None) -> dict[str, Floats]:
    """Tokens of each of a panel's dialogues, all of its rounds or those ``until`` one of them
    together [D] each, NaN where the model counted none of its first round; money in the currency of
    the spec's prices, and what it would be without a discount for cached tokens, where those are
    all there is to pay."""
    rounds = sum(until is None or number <= until for number in panel.rounds)
    counted = panel.columns["encoded"][:, 0] > 0  # a first round always takes some
    found = {
        name: np.where(counted, np.nansum(panel.columns[column][:, :rounds], axis=1), np.nan)
        for name, column in (("tokens", "encoded"), ("generated", "generated"))
    }
    prices = prices_of(run.spec)
    if prices is None:
        return found
    wanted = pl.lit(True) if until is None else pl.col("round") <= until
    parts = [frame.filter(wanted).drop("round") for frame in _paid_for(run, prices)]
    sums = pl.concat(parts).group_by("example", maintain_order=True).sum()
    codes = codes_of(sums["example"])
    order = np.argsort(codes)
    at = order[np.searchsorted(codes[order], panel.examples)]
    return found | {name: sums[name].to_numpy()[at] / 1e6 for name in MONEY}


def money_of_rounds(run: Run) -> dict[int, dict[str, float]]:
    """What all dialogues of a run paid in each round, by its number: ``money`` and
    ``money_uncached`` as of :func:`cost_of`; nothing where that isn't known."""
    prices = prices_of(run.spec)
    if prices is None:
        return {}
    every = pl.concat(frame.drop("example") for frame in _paid_for(run, prices))
    # fsum: the same to the last bit, whoever adds up what first
    return {
        number: {name: math.fsum(of[name]) / 1e6 for name in MONEY}
        for (number,), of in every.partition_by("round", as_dict=True).items()
    }


def _paid_for(run: Run, prices: Mapping[str, Rates]) -> Iterator[pl.DataFrame]:
    """What each record cost by prices of a million tokens: ``example``, ``round`` and
    :data:`MONEY`."""
    uncached = {name: (p, p, g) for name, (p, _, g) in prices.items()}
    paid = [_paid(each).alias(name) for name, each in zip(MONEY, (prices, uncached), strict=True)]
    for frame in run.chunks(["example", "round", "steps"]):
        yield frame.select("example", "round", *paid)


def _paid(prices: Mapping[str, Rates]) -> pl.Expr:
    """What a record's steps cost by prices of a million tokens."""
    field = pl.element().struct.field
    generated = field("generated").cast(pl.Float64)
    tokens = (field("encoded") - generated, field("reused"), generated)
    each = [
        pl.when(field("speaker") == speaker).then(count * rate).otherwise(0.0)
        for speaker, price in prices.items()
        for count, rate in zip(tokens, price, strict=True)
    ]
    return pl.col("steps").list.eval(pl.sum_horizontal(each)).list.sum()


def prices_of(spec: RunSpec) -> dict[str, Rates] | None:
    """What a million tokens cost of each model that speaks, by its name; ``None`` where nothing is
    paid for, or not all of it is known."""
    found: dict[str, Rates] = {}
    for model in (spec.model, *spec.models.values()):
        if model.rates is None or found.setdefault(model.name, model.rates) != model.rates:
            return None
    return found if any(any(price) for price in found.values()) else None


def cost_table(run: Run, cost: Mapping[str, Floats], panel: Panel) -> Table:
    """What a dialogue costs, with intervals over clusters; ``None`` for what isn't known."""
    table: Table = {"tokens": None, "generated": None, "money": None}
    for name, x in cost.items():
        if name not in table:
            continue
        if name == "money" or (cost["tokens"] > 0).any():  # else the model counts none
            table[name] = positive(mean(x, panel.clusters, room=Room(low=0.0))).table()
    return {**table, "seconds": seconds_of(run)}


def seconds_of(run: Run) -> Table | None:
    """How long a dialogue took, from the notes in ``timing/``: that of runs which went together
    divided among them by the tokens that each takes alone (evenly in older notes, which don't say);
    ``None`` where there are no notes. Its interval is over pieces, which are what was timed; of few
    pieces there is none."""
    notes = list(_timings(run))
    if not notes:
        return None
    each = np.array([[note["seconds"] * note["share"], note["dialogues"]] for note in notes])
    pieces_of = np.arange(len(each))
    ratio = of_sums(each, lambda s: s[..., 0] / s[..., 1], pieces_of, bounds=(0, math.inf))
    e = positive(enough(ratio))
    return {
        "value": float(each[:, 0].sum() / each[:, 1].sum()),
        "low": e.low,
        "high": e.high,
        "n": int(each[:, 1].sum()),
        "pieces": len(each),
        "together": max(note["arms"] for note in notes),
        "hosts": sorted({note["host"] for note in notes}),
    }


def latency_of(run: Run, rounds: Sequence[int]) -> Table:
    """How long the replies of a served model were waited for, from the notes in ``timing/``: see
    :func:`selfcorrect.runs.waited.latency`."""
    every = []
    for piece, note in _notes(run):
        told = note.get("waited") if isinstance(note, dict) else None
        if isinstance(told, list) and len(told) == piece.end - piece.start:
            every += [waits for each in told[: run.wanted - piece.start] if (waits := read(each))]
    return latency(every, rounds)


def _notes(run: Run) -> Iterator[tuple[Piece, Any]]:
    """What was noted of each of a run's pieces that was timed."""
    store = Store(run.folder)
    for piece in pieces(store):
        if piece.start < run.wanted and store.has(piece.timing):
            with suppress(ValueError, RecursionError):  # a damaged note is as none
                yield piece, json.loads(store.read(piece.timing, LONGEST_NOTE))


def _timings(run: Run) -> Iterator[Table]:
    for _, note in _notes(run):
        try:
            seconds, n = float(note["seconds"]), int(note["dialogues"])
            arms_of, host = len(note.get("arms", ())) or 1, str(note["host"])
            alone = {str(arm): float(tokens) for arm, tokens in note.get("alone", {}).items()}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            continue  # a damaged note is no reason not to compare
        whole = sum(alone.values())
        share = alone.get(run.folder.name, 0.0) / whole if whole > 0 else 1 / arms_of
        if 0 <= seconds <= LONGEST and 0 < n <= _MOST and 0 <= share <= 1:
            yield {
                "seconds": seconds,
                "dialogues": n,
                "arms": arms_of,
                "host": host,
                "share": share,
            }
