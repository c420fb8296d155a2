"""The ratio of two means of the same records, with Fieller's interval over clusters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import LEVEL, Estimate, mean, with_both
from selfcorrect.measures.unseen import Room

#: Beyond this a ratio has no end.
_MOST = 1e6
_BELOW = "what it is a share of isn't shown to be above 0"


def ratio(
    above: ArrayLike, below: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL
) -> Estimate:
    """mean(above) / mean(below) of numbers between 0 and 1.

    The interval holds every ratio r at which mean(above − r · below) can't be told from 0 by the
    interval of a mean (Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x), which knows of
    clusters and of what no record showed. It has no end where the mean below may be 0, and then
    there is none.

    Args:
        above, below: [n]; records that lack one are left out.
        clusters: the cluster of each [n].
        level: of the interval.
    """
    y, x, names = with_both(above, below, clusters)
    bottom = mean(x, names, level=level, room=Room(0, 1))
    if bottom.value is None:
        return bottom
    if bottom.value == 0:
        return Estimate(None, None, None, bottom.n, bottom.clusters, _BELOW, bottom.effective)
    value = float(y.mean() / x.mean())
    e = replace(bottom, value=value, low=None, high=None, spread=None, unseen=(0.0, 0.0), at=None)
    if bottom.low is None:
        return e
    if bottom.low <= 0:
        return replace(e, why=_BELOW)
    ends = _ends(y, x, names, level)
    low = _root(lambda r: ends(r)[0], 0.0, value)
    most = max(1.0, 2 * value)
    while ends(most)[1] >= 0 and most < _MOST:
        most *= 2
    if most >= _MOST:
        return replace(e, why=_BELOW)
    return replace(e, low=low, high=_root(lambda r: ends(r)[1], value, most))


def _ends(
    y: Floats, x: Floats, names: NDArray[Any], level: float
) -> Callable[[float], tuple[float, float]]:
    """The interval of mean(y − r x) by r."""

    def at(r: float) -> tuple[float, float]:
        e = mean(y - r * x, names, level=level, room=Room(-r, 1))
        return (
            (-math.inf if e.low is None else e.low),
            (math.inf if e.high is None else e.high),
        )

    return at


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function passes 0; the lower end where it is below 0 all along, the upper one
    where it is above."""
    if f(low) <= 0:
        return low
    if f(high) >= 0:
        return high
    return float(optimize.brentq(f, low, high, xtol=1e-6))


def lacking(part: Estimate) -> Estimate:
    """1 − a ratio."""
    low, high = (None if end is None else 1 - end for end in (part.high, part.low))
    value = None if part.value is None else 1 - part.value
    return replace(part, value=value, low=low, high=high)


def hull(estimates: Sequence[Estimate]) -> Estimate:
    """The first of several estimates, its interval as far as any of theirs reaches; none where one
    of them has none."""
    first = estimates[0]
    without = next((e for e in estimates if e.low is None), None)
    if without is not None:
        return replace(first, low=None, high=None, why=first.why or without.why)
    lows, highs = ([getattr(e, end) for e in estimates] for end in ("low", "high"))
    return replace(first, low=min(lows), high=max(highs))


def bounds(values: list[float | None]) -> list[float] | None:
    """The lowest and the highest of several values; ``None`` where one is undefined."""
    known = [value for value in values if value is not None and np.isfinite(value)]
    return [min(known), max(known)] if len(known) == len(values) else None
