"""Outcomes compared on the same examples."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats, error_of_mean, sums_of
from selfcorrect.measures.intervals import LEVEL, Estimate, apart, bounded, finite, mean
from selfcorrect.measures.paired import share_difference, share_test, sign_flip
from selfcorrect.outcome import Outcome


def paired(
    outcome: Outcome, after: Floats, before: Floats, clusters: NDArray[Any], level: float = LEVEL
) -> Estimate:
    """An outcome's difference, after − before, of the same examples [n]."""
    if outcome.kind == "share":
        return share_difference(after, before, clusters, level=level)
    bounds = apart(outcome.bounds)
    with np.errstate(over="ignore", invalid="ignore"):
        e = mean(after - before, clusters, level=level)
        independent = _independent(after - before, clusters)
    return bounded(allowing_for_one(e, bounds, independent), bounds, level)


def allowing_for_one(e: Estimate, bounds: tuple[float, float], n: float) -> Estimate:
    """A mean's interval that allows for one more record, at either bound.

    Where small gains are common and large losses rare, most runs have none of the losses, and t
    would call such a run better: a mean can't tell more than its bounds do.

    Args:
        e: the mean.
        bounds: of a record's value.
        n: independent records; a cluster that moves as a whole is one.
    """
    if e.low is None or e.high is None or not all(map(isfinite, bounds)):
        return e
    ends = zip((e.low, e.high), bounds, strict=True)
    low, high = ((n * end + bound) / (n + 1) for end, bound in ends)
    return replace(e, low=low, high=high, unseen=e.n * (bounds[1] - bounds[0]) / 2 / (n + 1))


def _independent(d: Floats, clusters: NDArray[Any]) -> float:
    """How many independent records these [n] are, by how alike those of a cluster seem to be."""
    x, members, missing = finite(d, clusters)
    if missing is not None or members[-1] == 0:
        return 1.0
    sizes = np.bincount(members).astype(np.float64)
    x = x - x.mean()
    icc = error_of_mean(sums_of(x, members), sizes, float((x**2).sum())).icc
    return 1 / ((1 - icc) / len(x) + icc / len(sizes))


def paired_test(
    outcome: Outcome, after: Floats, before: Floats, clusters: NDArray[Any]
) -> float | None:
    """p of no difference of an outcome: of means, by sign flips of the clusters' sums."""
    if outcome.kind == "share":
        return share_test(after, before, clusters)
    with np.errstate(over="ignore", invalid="ignore"):
        d, members, missing = finite(after - before, clusters)
    return None if missing is not None or members[-1] == 0 else sign_flip(np.bincount(members, d))
