"""The bill: what each of a run's arms used, as if it had gone alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.panel import Panel
from selfcorrect.runs.costs import MONEY, cost_of, latency_of, money_of_rounds, seconds_of
from selfcorrect.runs.run import Run
from selfcorrect.runs.spent import spent_on
from selfcorrect.runs.store import Store

Table = dict[str, Any]


def bill(arms: Mapping[str, tuple[Run, Panel]]) -> Table:
    """What a dialogue of each arm used. These are counts of what was done, no estimates of what
    other dialogues would take, and have no intervals.

    Args:
        arms: the run first and then its controls, by name, each with its records.

    Returns:
        ``{"arms": {name: {"dialogues", "prompt", "cached", "generated", "drafted", "alone",
        "measuring", "money", "money_uncached", "seconds", "latency", "rounds": [...]}}}``. Tokens a
        dialogue:
        ``prompt``, all that were read at all steps, ``cached`` among them (what the dialogue has in
        the cache), ``generated``; ``alone``: prompt − cached + generated, what the arm takes by
        itself; ``drafted``: guesses of what would be generated, a local model's: those that weren't
        kept were read; ``measuring``: for samples and likelihoods beside. ``None`` where the model
        counts none. ``money``: by the spec's prices, cached tokens at theirs if that is stated;
        ``money_uncached``: all of every prompt paid for. ``seconds``: as of
        :func:`selfcorrect.runs.costs.seconds_of`, without its interval: the dialogue's share of the
        time in which it went together with others. ``latency``: ``{"request", "dialogue"}``, each
        ``{"n", "p50", "p95"}`` in seconds, how long a served model was waited for without what is
        asked beside the answers (:func:`selfcorrect.runs.waited.latency`); ``None`` elsewhere, and
        in runs of before that was noted. ``rounds``: tokens, money, seconds and latency of each
        round.
        Beside ``arms``, ``spent``: see :func:`selfcorrect.runs.spent.spent_on`.
    """
    asked, _ = next(iter(arms.values()))
    return {
        "arms": {name: _of_arm(run, records) for name, (run, records) in arms.items()},
        "spent": spent_on(Store(asked.folder)),
    }


def _of_arm(run: Run, panel: Panel) -> Table:
    dialogues = len(panel.examples)
    table: Table = {"dialogues": dialogues, **_tokens(panel, slice(None))}
    cost = cost_of(run, panel) if dialogues else {}
    for name in MONEY:
        table[name] = float(cost[name].mean()) if name in cost else None
    paid = money_of_rounds(run) if dialogues else {}
    timed, waited = seconds_of(run), latency_of(run, panel.rounds)
    table["seconds"] = timed["value"] if timed else None
    table["latency"] = {name: waited[name] for name in ("request", "dialogue")}
    table["rounds"] = [
        {
            "round": number,
            **_tokens(panel, slice(at, at + 1)),
            **{name: paid[number][name] / dialogues if paid else None for name in MONEY},
            "latency": waited["rounds"][number],
        }
        for at, number in enumerate(panel.rounds)
    ]
    whole = _work(table)
    for each in table["rounds"]:  # as runs that went together have their seconds: by tokens
        known = timed and whole
        each["seconds"] = table["seconds"] * _work(each) / whole if known else None
    return table


def _work(tokens: Table) -> float:
    """All tokens that went through the model; 0 where they aren't counted."""
    return float((tokens["alone"] or 0.0) + (tokens["measuring"] or 0.0))


def _tokens(panel: Panel, rounds: slice) -> Table:
    """Tokens a dialogue in some rounds together."""
    if not np.nansum(panel.columns["encoded"]):
        names = ("prompt", "cached", "generated", "drafted", "alone", "measuring")
        return dict.fromkeys(names)

    def mean(name: str) -> float:
        found: Floats | None = panel.columns.get(name)
        sums = 0.0 if found is None else float(np.nansum(found[:, rounds]))
        return sums / len(panel.examples)

    alone, cached, generated = mean("encoded"), mean("reused"), mean("generated")
    return {
        "prompt": alone + cached - generated,
        "cached": cached,
        "generated": generated,
        "drafted": mean("drafted"),
        "alone": alone,
        "measuring": mean("sampled"),
    }
