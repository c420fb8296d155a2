"""Shares of different records compared: no cluster holds some of both, or any may."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfcorrect.measures.figures import of_sums_with_p
from selfcorrect.measures.intervals import LEVEL, Estimate, proportion


def independent_difference(
    one: tuple[NDArray[Any], NDArray[Any]],
    other: tuple[NDArray[Any], NDArray[Any]],
    family: int = 1,
) -> dict[str, Any]:
    """The difference of two shares of different examples, one − other: intervals of each share put
    together (Zou & Donner 2008, doi:10.1002/sim.3095; without clusters Newcombe's).

    Args:
        one, other: zeros and ones and their clusters, each [n]; NaN is missing.
        family: as how many comparisons at once ``shown`` counts this.

    Returns:
        ``value``, ``low``, ``high``, and ``shown``: whether it is above 0, at the level that so
        many comparisons need and with clusters enough.
    """
    found = _put_together(proportion(*one), proportion(*other))
    level = 1 - (1 - LEVEL) / family
    sides = proportion(*one, level=level), proportion(*other, level=level)
    low = _put_together(*sides)["low"]
    few = any(e.few for e in sides)
    return {**found, "shown": low is not None and low > 0 and not few}


def _correlation(y: NDArray[Any], one: NDArray[np.bool_], names: NDArray[Any]) -> float:
    """Of what each cluster adds to both shares; 0 where none holds records of both."""
    which = np.unique(names, return_inverse=True)[1]
    size = int(which.max()) + 1

    def parts(rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        n = np.bincount(which[rows], minlength=size)
        sums = np.bincount(which[rows], y[rows], minlength=size)
        return np.asarray(sums - n * (sums.sum() / n.sum()), dtype=np.float64)

    a, b = parts(one), parts(~one)
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


def _put_together(one: Estimate, other: Estimate, correlation: float = 0.0) -> dict[str, Any]:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return {"value": None, "low": None, "high": None}
    assert one.value is not None
    assert other.value is not None
    value = one.value - other.value

    def length(a: float, b: float) -> float:
        return math.sqrt(a * a + b * b - 2 * correlation * a * b)

    down = length(one.value - one.low, other.high - other.value)
    up = length(one.high - one.value, other.value - other.low)
    return {"value": value, "low": max(-1.0, value - down), "high": min(1.0, value + up)}


def difference_between(values: ArrayLike, first: ArrayLike, clusters: ArrayLike) -> Estimate:
    """A share's difference between two groups of records, which may lie in the same clusters.

    The interval puts those of both shares together, with the correlation that they have by the
    clusters which hold some of both, where that is below 0 and makes it wider (Zou & Donner 2008).
    The jackknife knows nothing of a group whose few records are all alike, and where all but one
    are, it takes the one for a long tail, which a share can't have: 13 of 19 against 1 of 5 had
    an interval of 7 standard errors. It stands in only where a share has no interval.

    Args:
        values: zeros and ones [n].
        first: whether a record is of the first group, from whose share the other's is taken [n].
        clusters: the cluster of each [n].

    Returns:
        The difference, its interval known at every level (:func:`intervals.p_of`).
    """
    y, one, names = np.asarray(values, float), np.asarray(first, bool), np.asarray(clusters)
    terms = np.stack([y * one, one, y * ~one, ~one], axis=1)
    e = of_sums_with_p(
        terms,
        lambda s: np.asarray(s[..., 0] / s[..., 1] - s[..., 2] / s[..., 3]),
        names,
        bounds=(-1, 1),
    )
    if e.value is None or e.at is None:
        return e
    alone = e.at if e.low is not None else None  # where nothing varies it has none

    together = min(0.0, _correlation(y, one, names))

    def at(level: float) -> tuple[float, float]:
        mine, other = (proportion(y[rows], names[rows], level=level) for rows in (one, ~one))
        told = _put_together(mine, other, together)
        if told["low"] is not None:
            return told["low"], told["high"]
        return (-math.inf, math.inf) if alone is None else alone(level)

    low, high = at(LEVEL)
    if alone is None and not math.isfinite(low):
        return e
    return replace(e, low=max(-1.0, low), high=min(1.0, high), at=at, why=None)
