"""Intervals of one number from clustered records: proportions and means.

Items of one cluster (a template, an occupation) are not independent, so an interval that counts
items is too narrow. The spread is taken between clusters, of whatever sizes they are
(:mod:`selfcorrect.measures.clusters`). Nothing here returns a number that isn't finite: what can't
be told is ``None``, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special
from statsmodels.stats.proportion import proportion_confint

from selfcorrect.measures.alike import alike
from selfcorrect.measures.clusters import (
    LEAST_EFFECTIVE,
    Error,
    Floats,
    Ints,
    effective_clusters,
    error_of_mean,
    sums_of,
)
from selfcorrect.measures.unseen import ANYWHERE, Room, chance, together

#: All intervals are at this level, unless another is asked for.
LEVEL = 0.95

#: Why there is no interval of no width: it would claim a certainty that nobody has.
UNVARYING = "every cluster has the same value, and an interval of no width would claim too much"

ROUNDING = 1e-12
#: The least p that an interval tells.
LEAST_P = 1e-12

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: ``None`` where it is undefined.
        low, high: ends of the interval at :data:`LEVEL`, or the level asked for; ``None`` where
            there is none.
        n, clusters: how many records and clusters it comes from.
        why: why ``value``, or else the interval, is missing.
        effective: how many clusters of one size would tell as much; ``None`` where all clusters
            are of one size.
        spread: n times the squared standard error, the clusters' part in it included: what n
            records more or fewer would do to the interval. ``None`` where it isn't known.
        worth: of a share, how many independent records these are worth.
        unseen: n times how far a mean could be moved down and up by as much of its records as one
            of the independent ones: what its interval allows for is in proportion to it
            (:mod:`selfcorrect.measures.unseen`); 0 where it allows for nothing.
        at: of a mean, its interval at any level.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    why: str | None = None
    effective: float | None = None
    spread: float | None = None
    worth: float | None = None
    unseen: tuple[float, float] = (0.0, 0.0)
    at: Callable[[float], tuple[float, float]] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def few(self) -> bool:
        """Whether there are too few clusters, or too much in one of them, to name a direction."""
        effective = self.clusters if self.effective is None else self.effective
        return effective < LEAST_EFFECTIVE

    def table(self) -> dict[str, float | int | str | None]:
        """As JSON has it: ``effective_clusters`` where sizes differ, ``why`` where there is one."""
        table: dict[str, float | int | str | None] = {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "clusters": self.clusters,
        }
        if self.effective is not None:
            table["effective_clusters"] = self.effective
        return table if self.why is None else {**table, "why": self.why}


#: Why a number without bounds has no interval: of so few clusters one says next to nothing.
FEW = f"fewer than {LEAST_EFFECTIVE:.0f} effective clusters, too few for an interval"
#: Why a cost has none.
SPREAD = "clusters differ too much, or are too few, for an interval"


def enough(e: Estimate) -> Estimate:
    """An estimate without its interval where the clusters are too few for one."""
    if e.value is None or not e.few:
        return e
    return replace(e, low=None, high=None, why=FEW, at=None)


def positive(e: Estimate) -> Estimate:
    """An estimate of what is never below 0 and was seen above it (tokens, seconds), without an
    interval that reaches 0: it could not be that."""
    if e.low is None or e.low > 0 or not e.value:
        return e
    return replace(e, low=None, high=None, why=SPREAD, at=None)


def cut(e: Estimate, bounds: tuple[float, float]) -> Estimate:
    """An estimate whose interval ends where no value can lie beyond."""
    if e.low is None or e.high is None:
        return e
    return replace(e, low=max(e.low, bounds[0]), high=min(e.high, bounds[1]))


def wilson(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a proportion; both numbers may be effective ones."""
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    # exactly, where rounding would leave a share of 0 outside of its own interval
    return (0.0 if successes <= 0 else float(low)), (1.0 if successes >= n else float(high))


def share_ends(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval, with the end next to 0 or 1 mended where few records are on that side.

    Wilson's holds a share of .01 in 92 % of samples of 100: that end lies too close to what was
    seen. There it is no closer than the exact one-sided bound (Brown, Cai & DasGupta 2001,
    doi:10.1214/ss/1009213286, section 4.1.1, who do so up to three; here up to eight, and less and
    less up to twelve or a half).
    """
    low, high = wilson(successes, n, level)
    return _no_closer(low, successes, n, level), 1 - _no_closer(1 - high, n - successes, n, level)


def _no_closer(low: float, seen: float, n: float, level: float) -> float:
    weight = min((12 - seen) / 4, 2 - 4 * seen / n, 1.0)
    if seen <= 0 or weight <= 0:
        return low
    return low + weight * min(0.0, float(special.betaincinv(seen, n - seen + 1, 1 - level)) - low)


def proportion(values: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """A share with its interval (:func:`share_ends`) at the effective n
    (:meth:`~selfcorrect.measures.alike.Alike.worth`).

    Where clusters aren't of one size it reaches as far as its skewness, too (:func:`share_of`).

    Args:
        values: zeros and ones [n]; NaN is missing and left out.
        clusters: the cluster of each [n], of any type that can be sorted.
        level: of the interval.
    """
    x, members, missing = finite(values, clusters)
    if missing is not None:
        return missing
    p = float(x.mean())
    if members[-1] == 0:
        return one_cluster(p, len(x))
    e, _ = share_of(x, members, level, lambda n: share_ends(p * n, n, level), (0.0, 1.0))
    return e


def share_of(
    x: Floats,
    members: Ints,
    level: float,
    ends_at: Callable[[float], tuple[float, float]],
    bounds: tuple[float, float],
) -> tuple[Estimate, float]:
    """A share, or a difference of shares, from K ≥ 2 clusters; and its effective n.

    An effective n knows how far clusters vary, not how unevenly: where a few of very different
    sizes moved one way, a larger one may be among those that weren't seen. So where sizes differ
    the interval reaches as far as the skewness, but no further than if all records of a cluster
    were the same, as nothing could be told from fewer than the clusters.

    Args:
        x: values [n], sorted by cluster.
        members: cluster numbers 0 … K−1 [n].
        level: of the interval.
        ends_at: the interval of this value at an effective n.
        bounds: of the value.
    """
    n, k, value = len(x), int(members[-1]) + 1, float(x.mean())
    found = alike(x, members)
    if found is None:
        return Estimate(value, *ends_at(float(n)), n, k), float(n)
    worth = found.worth(level)
    e = Estimate(value, *ends_at(worth), n, k, effective=unequal(members))
    error = found.error
    if error is None or error.skew == 0 or e.effective is None:
        return e, worth
    assert e.low is not None  # as has every share of two clusters
    assert e.high is not None
    reach, furthest = error.ends(value, level), ends_at(found.least(level))
    if error.skew < 0:
        return cut(replace(e, low=min(e.low, max(reach[0], furthest[0]))), bounds), worth
    return cut(replace(e, high=max(e.high, min(reach[1], furthest[1]))), bounds), worth


def mean(
    values: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL, room: Room = ANYWHERE
) -> Estimate:
    """The mean of records with its interval over clusters (:meth:`clusters.Error.ends`), which
    allows for records that weren't seen as far as their bounds do, and ends at these.

    Args:
        values: numbers [n]; what isn't finite is missing and left out.
        clusters: the cluster of each [n], of any type that can be sorted.
        level: of the interval.
        room: between what a value lies.
    """
    x, members, missing = finite(values, clusters)
    if missing is not None:
        return missing
    with np.errstate(over="ignore", invalid="ignore"):  # told in the estimate, not warned of
        return _mean(x, members, level, room)


def means(
    columns: Mapping[Name, ArrayLike],
    clusters: ArrayLike,
    *,
    level: float = LEVEL,
    rooms: Mapping[Name, Room] | None = None,
) -> dict[Name, Estimate]:
    """The means of several columns; see :func:`mean`.

    Args:
        columns: numbers [n] each; what isn't finite is missing and left out.
        clusters: the cluster of each [n], of any type that can be sorted.
        level: of the intervals.
        rooms: between what the values of a column lie, where that is known.
    """
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    order = np.argsort(members, kind="stable")
    members, rooms = members[order], rooms or {}
    found = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for name, values in columns.items():
            x = np.asarray(values, dtype=np.float64)[order]
            there, room = np.isfinite(x), rooms.get(name, ANYWHERE)
            found[name] = _mean(x[there], members[there], level, room) if there.any() else NOBODY
    return found


def _mean(x: Floats, members: Ints, level: float, room: Room) -> Estimate:
    """Of finite values [n] sorted by cluster; cluster numbers may be left out."""
    sizes = np.bincount(members).astype(np.float64)
    n, k = len(x), int(np.count_nonzero(sizes))
    m = float(x.mean())
    if k == 1:
        return one_cluster(m, n)
    if not math.isfinite(m):
        return checked(m, m, m, n, k)
    centred = x - m  # so that sums of large values don't lose what differs
    squares = float((centred**2).sum())
    if not math.isfinite(squares):
        return checked(m, -math.inf, math.inf, n, k)
    error = error_of_mean(sums_of(centred, members), sizes, squares)
    same = error.error <= ROUNDING * abs(m)
    if same and not room.bounded:
        return error_interval(m, error, members, level)
    independent = effective_clusters(sizes) if room.whole else float(n)
    at = reaching(m, (lambda _: (m, m)) if same else lambda x: error.ends(m, x), room, independent)
    return replace(
        checked(m, *at(level), n, k),
        spread=n * error.error**2,
        effective=unequal(members),
        unseen=room.each(m, n / independent),
        at=at,
    )


def reaching(
    value: float,
    ends: Callable[[float], tuple[float, float]],
    room: Room,
    independent: float,
) -> Callable[[float], tuple[float, float]]:
    """A mean's interval at any level, with what no record showed.

    Args:
        value: the mean.
        ends: the interval at a level, of what was seen.
        room: between what a record's value lies.
        independent: how many independent records there are.
    """

    def at(level: float) -> tuple[float, float]:
        one, other = ends(level)
        down, up = room.each(value, chance(level) / independent)
        low, high = value - together(value - one, down), value + together(other - value, up)
        return max(low, room.low), min(high, room.high)

    return at


def p_of(e: Estimate) -> float | None:
    """The p at which an estimate's interval would end at 0; ``None`` where it has but one level.

    No less than 1e-12: beyond that no interval is known.
    """
    if e.at is None or e.low is None or not e.value:
        return None if e.at is None or e.low is None else 1.0
    at, side = e.at, 0 if e.value > 0 else 1

    def beyond(log_p: float) -> float:
        end = at(1 - math.exp(log_p))[side]
        return end if side == 0 else -end

    least = math.log(LEAST_P)
    if beyond(least) > 0:
        return LEAST_P
    if beyond(-1e-9) <= 0:
        return 1.0
    return math.exp(float(optimize.brentq(beyond, least, -1e-9, xtol=1e-4)))


def unequal(members: Ints) -> float | None:
    """The effective number of clusters [n], where they aren't of one size."""
    sizes = np.bincount(members)
    sizes = sizes[sizes > 0]
    if not len(sizes) or (sizes == sizes[0]).all():
        return None
    return effective_clusters(sizes.astype(np.float64))


def finite(values: ArrayLike, clusters: ArrayLike) -> tuple[Floats, Ints, Estimate | None]:
    """The finite values sorted by cluster number 0 … K−1; an estimate if there are none."""
    x, names = np.asarray(values, dtype=np.float64), np.asarray(clusters)
    if x.shape != names.shape or x.ndim != 1:
        raise ValueError(f"values {x.shape} and clusters {names.shape} must be of one length")
    there = np.isfinite(x)
    x, names = x[there], names[there]
    if not len(x):
        return x, np.empty(0, np.int64), NOBODY
    _, members = np.unique(names, return_inverse=True)
    order = np.argsort(members, kind="stable")
    return x[order], members[order].astype(np.int64), None


#: Of a number that no record has.
NOBODY = Estimate(None, None, None, 0, 0, "no record has it")


def with_both(
    x: ArrayLike, y: ArrayLike, clusters: ArrayLike
) -> tuple[Floats, Floats, NDArray[Any]]:
    """The records [n] that have both numbers, with their clusters."""
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    there = np.isfinite(a) & np.isfinite(b)
    return a[there], b[there], np.asarray(clusters)[there]


def checked(value: float, low: float, high: float, n: int, k: int) -> Estimate:
    if not math.isfinite(value):
        return Estimate(None, None, None, n, k, "too large to be computed")
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(value, None, None, n, k, "the interval is too large to be computed")
    # sums are rounded otherwise than their parts
    return Estimate(value, min(low, value), max(high, value), n, k)


def one_cluster(value: float, n: int) -> Estimate:
    """The estimate of a number whose records all are of one cluster."""
    why = "one record: no interval" if n == 1 else "one cluster: no interval"
    return Estimate(value, None, None, n, 1, why)


def error_interval(value: float, error: Error, members: Ints, level: float = LEVEL) -> Estimate:
    """A figure's estimate from how it varies over clusters [n]."""
    n, k = len(members), len(np.unique(members))
    if error.error <= ROUNDING * abs(value):
        return Estimate(value, None, None, n, k, UNVARYING, unequal(members))
    e = checked(value, *error.ends(value, level), n, k)
    return replace(e, spread=n * error.error**2, effective=unequal(members))
