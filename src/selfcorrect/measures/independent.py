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
    sides = [proportion(*each, level=level) for each in (one, other)]
    low = _put_together(*sides)["low"]
    few = any(e.few for e in sides)
    return {**found, "shown": low is not None and low > 0 and not few}


def _put_together(one: Estimate, other: Estimate) -> dict[str, Any]:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return {"value": None, "low": None, "high": None}
    assert one.value is not None
    assert other.value is not None
    value = one.value - other.value
    down = math.hypot(one.value - one.low, other.high - other.value)
    up = math.hypot(one.high - one.value, other.value - other.low)
    return {"value": value, "low": max(-1.0, value - down), "high": min(1.0, value + up)}


def difference_between(values: ArrayLike, first: ArrayLike, clusters: ArrayLike) -> Estimate:
    """A share's difference between two groups of records, which may lie in the same clusters.

    The interval is the jackknife's over clusters, and reaches at least as far as those of both
    shares put together: of a group whose few records are all alike the jackknife knows nothing, and
    takes its share for certain.

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

    def at(level: float) -> tuple[float, float]:
        told = _put_together(
            *(proportion(y[rows], names[rows], level=level) for rows in (one, ~one))
        )
        if told["low"] is None:
            return -math.inf, math.inf
        low, high = (told["low"], told["high"]) if alone is None else alone(level)
        return min(low, told["low"]), max(high, told["high"])

    low, high = at(LEVEL)
    if alone is None and not math.isfinite(low):
        return e
    return replace(e, low=max(-1.0, low), high=min(1.0, high), at=at, why=None)
