"""Outcomes compared on the same examples."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import LEVEL, Estimate, apart, cut, finite, mean
from selfcorrect.measures.paired import share_difference, share_test, sign_flip
from selfcorrect.outcome import Outcome


def paired(
    outcome: Outcome, after: Floats, before: Floats, clusters: NDArray[Any], level: float = LEVEL
) -> Estimate:
    """An outcome's difference, after − before, of the same examples [n]."""
    if outcome.kind == "share":
        return share_difference(after, before, clusters, level=level)
    with np.errstate(over="ignore", invalid="ignore"):
        e = mean(after - before, clusters, level=level)
    return cut(allowing_for_one(e, apart(outcome.bounds)), apart(outcome.bounds))


def allowing_for_one(e: Estimate, bounds: tuple[float, float]) -> Estimate:
    """A mean's interval that allows for one more record, at either bound.

    Where small gains are common and large losses rare, most runs have none of the losses, and t
    would call such a run better: a mean can't tell more than its bounds do.
    """
    if e.low is None or e.high is None or not all(map(isfinite, bounds)):
        return e
    low, high = (
        (e.n * end + bound) / (e.n + 1) for end, bound in zip((e.low, e.high), bounds, strict=True)
    )
    return replace(e, low=low, high=high)


def paired_test(
    outcome: Outcome, after: Floats, before: Floats, clusters: NDArray[Any]
) -> float | None:
    """p of no difference of an outcome: of means, by sign flips of the clusters' sums."""
    if outcome.kind == "share":
        return share_test(after, before, clusters)
    with np.errstate(over="ignore", invalid="ignore"):
        d, members, missing = finite(after - before, clusters)
    return None if missing is not None or members[-1] == 0 else sign_flip(np.bincount(members, d))
