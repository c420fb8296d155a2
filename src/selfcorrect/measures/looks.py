"""A verdict that stays valid when a run is looked at, made larger, and looked at again.

Whoever goes on until an interval excludes 0 will see one do so: with ten looks in 13 to 30 % of
runs in which nothing changes. So the 5 % are spent over the looks, by how much larger the run has
become (Lan & DeMets 1983, doi:10.1093/biomet/70.3.659): most of it at the first look, and never all
of it, so that another look is always possible. Nothing need be known beforehand, neither how many
looks there will be nor how large the run will grow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from selfcorrect.measures.clusters import z_of
from selfcorrect.measures.intervals import LEVEL

#: What the first look may spend of the 5 %: its intervals are 9.4 % wider than at 95 %.
FIRST = 0.032
#: A look at a run that grew by less is computed as if it had grown by this.
_LEAST_GROWTH = 1.02
#: Points of a grid over what may have been seen at a look.
_POINTS = 201

Floats = NDArray[np.float64]


def spent(growth: float) -> float:
    """The chance of any false direction up to a run of ``growth`` ≥ 1 times its first size."""
    return (1 - LEVEL) - ((1 - LEVEL) - FIRST) / growth


def level(sizes: Iterable[float]) -> float:
    """The level of the intervals that decide at the last of some looks.

    The estimates are taken as a random walk in the number of dialogues. Where larger runs have more
    examples of the same clusters, looks are more alike than that, and the level is higher than it
    need be.

    Args:
        sizes: how many dialogues the run had at each look, ascending; one at least.

    Returns:
        In (.95, 1): 1 − 2 (1 − Φ(z)), z the boundary at the last look.
    """
    first, *later = sizes
    n = [float(first)]
    for size in later:
        n.append(max(float(size), n[-1] * _LEAST_GROWTH))
    for i in range(1, len(n)):  # one by one, so that no number of looks is too many
        _inside(tuple(n[:i]))
    return float(1 - 2 * special.ndtr(-_bound(tuple(n))))


@lru_cache(maxsize=512)
def _bound(n: tuple[float, ...]) -> float:
    """The boundary at the last of looks at n dialogues, in standard errors of that look."""
    if len(n) == 1:
        return z_of(1 - FIRST)
    before, now = n[-2:]
    # in units of the standard error of the look before
    step, length = math.sqrt(now / before - 1), math.sqrt(now / before)
    # what has been spent since; not as a difference of nearly equal numbers
    share = ((1 - LEVEL) - FIRST) * (n[0] / before) * (1 - before / now)
    seen = (*_inside(n[:-1]), step, length, share)
    return float(optimize.brentq(_beyond, 0.5, 12.0, args=seen, xtol=1e-4))


@lru_cache(maxsize=512)
def _inside(n: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Where an estimate is that crossed no boundary at looks at n dialogues: points, in standard
    errors of the last look, and the mass at each.

    Kept, as many next looks are asked about after the same ones.
    """
    points, weights = _grid(_bound(n))
    if len(n) == 1:
        return points, _normal(points) * weights
    before, now = n[-2:]
    step, length = math.sqrt(now / before - 1), math.sqrt(now / before)
    former, mass = _inside(n[:-1])
    kernel = _normal((points[:, None] * length - former[None, :]) / step)
    return points, kernel @ mass * (length / step) * weights


def _beyond(
    z: float, points: Floats, mass: Floats, step: float, length: float, share: float
) -> float:
    """The chance to cross ± z first at this look, less what it may spend."""
    above, below = ((side * points - z * length) / step for side in (1, -1))
    return float((mass * (special.ndtr(above) + special.ndtr(below))).sum()) - share


def _normal(x: Floats) -> Floats:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _grid(bound: float) -> tuple[Floats, Floats]:
    """Points within ± a boundary and their weights, for integrals by Simpson's rule."""
    points = np.linspace(-bound, bound, _POINTS)
    weights = np.where(np.arange(_POINTS) % 2, 4.0, 2.0)
    weights[[0, -1]] = 1.0
    return points, weights * (points[1] - points[0]) / 3
