"""A run without the dialogues whose feedback named an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.measures.outcomes import paired, room_of
from selfcorrect.measures.panel import Panel


def leak_free(panel: Panel) -> list[dict[str, dict[str, Any]]]:
    """By round, the outcome over the dialogues in which no feedback named an answer so far, and its
    difference from round 1 on the same dialogues; nothing where there was no such feedback, or it
    isn't known of any.

    They are chosen by whether any answer was named, and not by whether the right one was: feedback
    that repeats the response names the right option where the response is right, so dialogues
    without a leak were wrong more often, and gained without any help.
    """
    named = names_answer(panel)
    if named is None:
        return [{} for _ in panel.rounds]
    x, outcome = panel.columns["outcome"], panel.outcome
    named = np.logical_or.accumulate(named, axis=1)
    found: list[dict[str, dict[str, Any]]] = []
    for at in range(len(panel.rounds)):
        rows = panel.there[:, at] & ~named[:, at]
        clusters = panel.clusters[rows]
        now = x[rows, at]
        e = (
            proportion(now, clusters)
            if outcome.kind == "share"
            else mean(now, clusters, room=room_of(outcome))
        )
        found.append({"leak_free": e.table()})
        if at:
            gain = paired(outcome, now, x[rows, 0], clusters)
            found[at]["leak_free_gain"] = gain.table()
    return found


def names_answer(panel: Panel) -> NDArray[np.bool_] | None:
    """Where feedback named an answer, or may have [D, T]; ``None`` where nothing is known of any.

    Feedback may have named one where a record says only whether it leaked: one of an older run.
    """
    said = panel.columns.get("names_answer")
    if not panel.feedback or said is None or not np.isfinite(said).any():
        return None
    unknown = np.isnan(said) & np.isfinite(panel.columns["leaked"])
    return np.asarray((said == 1) | unknown)
