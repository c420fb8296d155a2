"""A run without the dialogues whose feedback told the answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.measures.outcomes import paired, room_of
from selfcorrect.measures.panel import Panel


def leak_free(panel: Panel) -> list[dict[str, dict[str, Any]]]:
    """By round, the outcome over the dialogues in which no feedback leaked so far, and its
    difference from round 1 on the same dialogues; nothing where there was no feedback.

    Feedback of which nobody can say whether it leaked counts as none that did. Dialogues without a
    leak aren't a random part of all: feedback that repeats the response names the right option
    where the response is right, so those that are left are wrong more often.
    """
    if not panel.feedback:
        return [{} for _ in panel.rounds]
    x, outcome = panel.columns["outcome"], panel.outcome
    leaked = np.logical_or.accumulate(panel.columns["leaked"] == 1, axis=1)
    found: list[dict[str, dict[str, Any]]] = []
    for at in range(len(panel.rounds)):
        rows = panel.there[:, at] & ~leaked[:, at]
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
