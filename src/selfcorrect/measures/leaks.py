"""A run without the dialogues whose feedback named an answer: described, and nothing tested.

Which dialogues those are is decided by what the feedback said, after the first answers. A critic
who names an answer more readily to right responses, or to wrong ones, leaves dialogues that gain,
or lose, though feedback does nothing (docs/strategies.md has figures). So there is a value and how
many dialogues it comes from, and no interval: one would take that choice for an effect.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import Estimate
from selfcorrect.measures.panel import Panel

#: Why there is no interval.
CHOSEN = "which dialogues these are follows from what the feedback said, so no interval is given"


def leak_free(panel: Panel) -> list[dict[str, dict[str, Any]]]:
    """By round, the outcome over the dialogues in which no feedback named an answer so far, and its
    difference from round 1 on the same dialogues; nothing where there was no such feedback, or it
    isn't known of any.

    They are chosen by whether any answer was named, and not by whether the right one was: feedback
    that repeats the response names the right option where the response is right, so dialogues
    without a leak were wrong more often, and gained without any help. That takes away one way of
    choosing, and not all.

    Returns:
        By round ``leak_free``, and from round 2 on ``leak_free_gain``: estimates without intervals.
    """
    named = names_answer(panel)
    if named is None:
        return [{} for _ in panel.rounds]
    x = panel.columns["outcome"]
    named = np.logical_or.accumulate(named, axis=1)
    found: list[dict[str, dict[str, Any]]] = []
    for at in range(len(panel.rounds)):
        rows = panel.there[:, at] & ~named[:, at]
        clusters = panel.clusters[rows]
        found.append({"leak_free": _described(x[rows, at], clusters)})
        if at:
            with np.errstate(over="ignore", invalid="ignore"):
                gain = x[rows, at] - x[rows, 0]
            found[at]["leak_free_gain"] = _described(gain, clusters)
    return found


def _described(values: Floats, clusters: NDArray[Any]) -> dict[str, Any]:
    known = np.isfinite(values)
    n, k = int(known.sum()), len(np.unique(clusters[known]))
    if not n:
        return Estimate(None, None, None, 0, 0, "no such dialogue has it").table()
    return Estimate(float(values[known].mean()), None, None, n, k, CHOSEN).table()


def names_answer(panel: Panel) -> NDArray[np.bool_] | None:
    """Where feedback named an answer, or may have [D, T]; ``None`` where nothing is known of any.

    Feedback may have named one where a record says only whether it leaked: one of an older run.
    """
    said = panel.columns.get("names_answer")
    if not panel.feedback or said is None or not np.isfinite(said).any():
        return None
    unknown = np.isnan(said) & np.isfinite(panel.columns["leaked"])
    return np.asarray((said == 1) | unknown)
