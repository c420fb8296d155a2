"""Shares of different examples compared, of which no cluster holds some of both."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

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
