"""The dialogues that a report lets its reader look into: which ones, and what of them.

A run can have far more than a page can hold, so those with a flip come first, and the text is
compressed; the browser takes it apart again.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from selfcorrect.outcome import BOX, GOLD

#: At most so many dialogues are embedded, …
MOST = 2_000
#: … and so many compressed bytes: with its charts a page stays under 8 MB.
BYTES = 3_800_000

_COLUMNS = (
    "example",
    "cluster",
    "round",
    "choices",
    "key",
    "choice",
    "problem",
    "outcome",
    "target",
)
#: The task's own numbers, of which the edges of boxes are shown.
_VALUES = "values"
_STEP = ("kind", "role", "speaker", "begin", "shown", "text", "images", "prefill", "finish")
#: Of what samples mean: in the records once they were grouped.
_OF_SAMPLES = ("samples", "meaning", "semantic_entropy")
#: Characters of a sample that are shown.
_SAMPLE = 400
_PLACES = 4  # of a probability: what a bar and its number can show


@dataclass(frozen=True)
class Chosen:
    """The dialogues to embed.

    Attributes:
        examples: their ids, in the order in which they are shown.
        total: how many dialogues the run has.
        flipped: how many of those have a flip, an answer that differs from the previous round's.
    """

    examples: tuple[str, ...]
    total: int
    flipped: int


def choose(light: pl.DataFrame, most: int = MOST) -> Chosen:
    """All dialogues with flips first, then the rest in order, at most ``most``.

    Args:
        light: all records, with ``example``, ``round`` and ``key``; rounds in order. An answer
            that couldn't be read differs from one that could.
        most: how many to choose.
    """
    before = pl.col("key").shift(1).over("example")
    later = pl.col("round") > pl.col("round").min().over("example")
    flips = (
        light.select("example", flip=later & pl.col("key").ne_missing(before))
        .group_by("example", maintain_order=True)
        .agg(pl.col("flip").any())
    )
    first = flips.sort("flip", descending=True, maintain_order=True)["example"].head(most)
    return Chosen(tuple(first.to_list()), len(flips), int(flips["flip"].sum()))


def embed(frames: Iterable[pl.DataFrame], chosen: Chosen, limit: int = BYTES) -> dict[str, Any]:
    """The chosen dialogues as the page holds them.

    Args:
        frames: full records, read and let go one by one; a dialogue's rounds in one frame, in
            order.
        chosen: from :func:`choose`.
        limit: compressed bytes; dialogues that would go beyond it are left out, from the end.

    Returns:
        ``{"data", "embedded", "chosen", "total", "flipped", "pictures"}``: data is base64 of gzip
        of one line of JSON a dialogue; pictures are what its steps call those that they show, by
        example; the others are counts of dialogues.
    """
    wanted = pl.Series(chosen.examples, dtype=pl.String)
    steps = pl.col("steps").list.eval(pl.struct(pl.element().struct.field(*_STEP)))
    columns = (*_COLUMNS, "option_p", "option_mass", "notes", steps)
    dialogues: dict[str, dict[str, Any]] = {}
    for frame in frames:
        known = [name for name in (*_OF_SAMPLES, _VALUES) if name in frame.columns]
        kept = frame.filter(pl.col("example").is_in(wanted.implode())).select(*columns, *known)
        for row in kept.iter_rows(named=True):
            dialogue = dialogues.setdefault(row["example"], _dialogue(row))
            values = {each["name"]: each["value"] for each in row.get(_VALUES) or ()}
            if gold := _box(values, GOLD):
                dialogue["gold"] = gold
            dialogue["rounds"].append(
                {**_round(row), **({"box": _box(values, BOX)} if gold else {})}
            )
        if len(dialogues) == len(chosen.examples):
            break  # no dialogue lies in two frames

    packer = zlib.compressobj(9, wbits=31)  # 31: as gzip, which browsers unpack
    packed, size, embedded = [], 0, 0
    pictures: dict[str, list[str]] = {}
    for dialogue in (dialogues[name] for name in chosen.examples if name in dialogues):
        line = json.dumps(dialogue, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        further = packer.copy()
        part = further.compress(line)
        if size + len(part) > limit:
            break
        packer, size, embedded = further, size + len(part), embedded + 1
        packed.append(part)
        if names := _pictures(dialogue):
            pictures[dialogue["example"]] = names
    packed.append(packer.flush())
    return {
        "data": base64.b64encode(b"".join(packed)).decode("ascii"),
        "embedded": embedded,
        "chosen": len(chosen.examples),
        "total": chosen.total,
        "flipped": chosen.flipped,
        "pictures": pictures,
    }


def _pictures(dialogue: Mapping[str, Any]) -> list[str]:
    """What the steps of a dialogue call their pictures, each once."""
    steps = (step for each in dialogue["rounds"] for step in each["steps"])
    return list(dict.fromkeys(name for step in steps for name in step.get("images", ())))


def which(embedded: Mapping[str, Any]) -> str:
    """Which dialogues are embedded, in a sentence.

    Args:
        embedded: from :func:`embed`.
    """
    there, total, flipped = (embedded[key] for key in ("embedded", "total", "flipped"))
    if not total:
        return "No dialogue is finished yet."
    if there == total:
        return f"All {total:,} dialogues, those with a flip first ({flipped:,})."
    if there <= flipped:
        return (
            f"{there:,} of the {flipped:,} dialogues with a flip; the run has {total:,} dialogues, "
            "and the rest are left out here."
        )
    return (
        f"{there:,} of {total:,} dialogues: all {flipped:,} with a flip first, then others in the "
        "order of the run. The rest are left out here."
    )


def _dialogue(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "example": row["example"],
        "cluster": row["cluster"],
        "choices": row["choices"] or [],
        "target": row["target"],
        "rounds": [],
    }


def _round(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "round": row["round"],
        "key": row["key"],
        "choice": row["choice"],
        "problem": row["problem"],
        "outcome": row["outcome"],
        "p": [_short(p) for p in row["option_p"] or ()],
        "mass": _short(row["option_mass"], 6),  # a filter asks whether it is under .5
        "notes": [note["text"] for note in row["notes"] or ()],
        "steps": [_step(step) for step in row["steps"] or ()],
        **_samples(row),
    }


def _box(values: Mapping[str, float | None], names: Iterable[str]) -> list[float] | None:
    """A box of a record as shares of its picture, within it; ``None`` where it has none."""
    edges = [_short(values.get(name)) for name in names]
    if any(edge is None for edge in edges):
        return None
    left, top, right, bottom = (min(1.0, max(0.0, edge or 0.0)) for edge in edges)
    return [left, top, max(left, right), max(top, bottom)]


def _samples(row: Mapping[str, Any]) -> dict[str, Any]:
    """What was drawn beside an answer: each distinct text once, by meaning, the most frequent
    first; ``m`` is the meaning (without one nobody grouped them), ``n`` how often it was drawn."""
    drawn = row.get("samples") or ()
    if not drawn:
        return {}
    meaning = row.get("meaning") or [None] * len(drawn)
    texts = Counter((m, s["text"]) for m, s in zip(meaning, drawn, strict=False))
    sizes = Counter(m for m, _ in texts.elements())
    order = sorted(texts, key=lambda key: (-sizes[key[0]], key[0] or 0, -texts[key]))
    shown = [{"m": m, "n": texts[m, text], "text": _clipped(text)} for m, text in order]
    return {"samples": shown, "sem": _short(row.get("semantic_entropy"))}


def _clipped(text: str) -> str:
    return text if len(text) <= _SAMPLE else f"{text[:_SAMPLE]}…"


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step without what is usual: nothing begins, all is shown, nothing was prefilled."""
    usual = {"begin": False, "shown": True, "images": [], "prefill": None, "finish": None}
    return {k: v for k, v in step.items() if k not in usual or v != usual[k]}


def _short(number: float | None, places: int = _PLACES) -> float | None:
    if number is None or not math.isfinite(number):
        return None
    return round(number, places)
