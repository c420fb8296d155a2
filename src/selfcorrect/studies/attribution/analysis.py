"""The parts of a gain (:mod:`selfcorrect.measures.ledger`), and what the arms take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.ends import turning
from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import mean
from selfcorrect.measures.ledger import ledger_of_arms, split
from selfcorrect.measures.looks import level
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.unseen import Room
from selfcorrect.studies.able import preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series


def preflight(inputs: Inputs) -> Preflight:
    """Whether the answers can be read."""
    return preflight_of(series(inputs.runs), (), inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``outcome``, ``share``, ``margin``, ``method``, ``rounds``,
        ``votes``, ``asks``: whether the neutral words are followed by the question; what
        :func:`selfcorrect.measures.ledger.split` gives; ``turning``: of arms in which many
        dialogues go back and forth their share; ``level`` of the intervals that decide, for all
        looks; ``tokens``: by arm (:func:`tokens`).
    """
    arms: Series = inputs.preflight.data
    method = inputs.runs["method"]
    spec = method.spec.strategy
    ledger = ledger_of_arms(arms.panels, arms.margins, inputs.looks)
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "better": arms.outcome.better,
        "share": arms.outcome.kind == "share",
        "margin": arms.margins.get(arms.outcome.name),
        "method": spec.name.rsplit("/", 1)[-1].removesuffix(".toml"),
        "rounds": list(arms.main.rounds),
        "votes": inputs.runs["majority"].spec.strategy.parameters["samples"],
        "asks": inputs.runs["padded"].spec.strategy.parameters["ask"],
        **split(ledger),
        "turning": turning(ledger.panels),
        "level": level(ledger.looks),
        "tokens": tokens(ledger.panels),
        "settings": dict(inputs.settings),
    }


def tokens(panels: Mapping[str, Panel]) -> dict[str, Any]:
    """What each arm takes: ``tokens`` of a dialogue, ``ratio`` of them to the method's, ``later``:
    those of a round after the first to the method's; ``None`` where none are counted, of the
    dialogues of which both are."""
    method = panels["method"]

    def ratio(one: Floats, other: Floats) -> dict[str, Any] | None:
        counted = (one > 0) & (other > 0)  # nobody knows what wasn't counted
        if not counted.any():
            return None
        terms = np.stack([one, other], axis=1)[counted]
        both = of_sums(terms, lambda s: np.asarray(s[..., 0] / s[..., 1]), method.clusters[counted])
        return both.table()

    def whole(panel: Panel) -> Floats:
        return np.asarray(np.nansum(panel.columns["encoded"], axis=1), np.float64)

    def later(panel: Panel) -> Floats:
        return np.asarray(np.nansum(panel.columns["encoded"][:, 1:], axis=1), np.float64)

    found = {}
    for arm, panel in panels.items():
        x = whole(panel)
        found[arm] = {
            "tokens": mean(np.where(x > 0, x, np.nan), panel.clusters, room=Room(low=0.0)).table()
            if x.sum() > 0
            else None,
            "ratio": ratio(x, whole(method)),
            "later": ratio(later(panel), later(method)) if arm in ("repeat", "padded") else None,
        }
    return found
