"""The bill: what each of a run's arms used, as if it had gone alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.panel import Panel
from selfcorrect.runs.costs import cost_of, seconds_of
from selfcorrect.runs.run import Run

Table = dict[str, Any]


def bill(arms: Mapping[str, tuple[Run, Panel]]) -> Table:
    """What a dialogue of each arm used. These are counts of what was done, no estimates of what
    other dialogues would take, and have no intervals.

    Args:
        arms: the run and its controls, by name, each with its records.

    Returns:
        ``{"arms": {name: {"dialogues", "prompt", "cached", "generated", "drafted", "alone",
        "measuring", "money", "money_uncached", "seconds", "rounds": [...]}}}``. Tokens a dialogue:
        ``prompt``, all that were read at all steps, ``cached`` among them (what the dialogue has in
        the cache), ``generated``; ``alone``: prompt − cached + generated, what the arm takes by
        itself; ``drafted``: guesses of what would be generated, a local model's: those that weren't
        kept were read; ``measuring``: for samples and likelihoods beside. ``None`` where the model
        counts none. ``money``: by the spec's prices, cached tokens at theirs if that is stated;
        ``money_uncached``: all of every prompt paid for. ``seconds``: as of
        :func:`selfcorrect.runs.costs.seconds_of`, without its interval. ``rounds``: the tokens of
        each round.
    """
    return {"arms": {name: _of_arm(run, records) for name, (run, records) in arms.items()}}


def _of_arm(run: Run, panel: Panel) -> Table:
    dialogues = len(panel.examples)
    table: Table = {"dialogues": dialogues, **_tokens(panel, slice(None))}
    cost = cost_of(run, panel) if dialogues else {}
    for name in ("money", "money_uncached"):
        table[name] = float(cost[name].mean()) if name in cost else None
    timed = seconds_of(run)
    table["seconds"] = timed["value"] if timed else None
    table["rounds"] = [
        {"round": number, **_tokens(panel, slice(at, at + 1))}
        for at, number in enumerate(panel.rounds)
    ]
    return table


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
