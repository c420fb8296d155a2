"""Outcomes compared on the same examples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import LEVEL, Estimate, finite, mean
from selfcorrect.measures.measure import Measure
from selfcorrect.measures.paired import share_difference, share_test, sign_flip
from selfcorrect.measures.unseen import Room
from selfcorrect.outcome import Outcome


def room_of(what: Outcome | Measure) -> Room:
    """Between what a record's value lies. An outcome may change in a whole cluster of a kind that
    wasn't seen; of the other measures that would leave intervals of no use where clusters are few
    (docs/statistics.md)."""
    return Room(*what.bounds, whole=isinstance(what, Outcome))


def paired(
    outcome: Outcome, after: Floats, before: Floats, clusters: NDArray[Any], level: float = LEVEL
) -> Estimate:
    """An outcome's difference, after − before, of the same examples [n]."""
    if outcome.kind == "share":
        return share_difference(after, before, clusters, level=level)
    with np.errstate(over="ignore", invalid="ignore"):
        return mean(after - before, clusters, level=level, room=room_of(outcome).apart())


def paired_test(
    outcome: Outcome, after: Floats, before: Floats, clusters: NDArray[Any]
) -> float | None:
    """p of no difference of an outcome: of means, by sign flips of the clusters' sums."""
    if outcome.kind == "share":
        return share_test(after, before, clusters)
    with np.errstate(over="ignore", invalid="ignore"):
        d, members, missing = finite(after - before, clusters)
    return None if missing is not None or members[-1] == 0 else sign_flip(np.bincount(members, d))
