"""Intervals of one number from clustered records: proportions and means.

Items of one cluster (a template, an occupation) are not independent, so an interval that counts
items is too narrow. The spread is taken between clusters, of whatever sizes they are
(:mod:`selfcorrect.measures.clusters`). Nothing here returns a number that isn't finite: what can't
be told is ``None``, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from statsmodels.stats.proportion import proportion_confint

from selfcorrect.measures.clusters import (
    LEAST_EFFECTIVE,
    Error,
    Floats,
    Ints,
    effective_clusters,
    error_of_mean,
    sums_of,
    t_of,
    z_of,
)

#: All intervals are at this level, unless another is asked for.
LEVEL = 0.95

#: Why there is no interval of no width: it would claim a certainty that nobody has.
UNVARYING = "every cluster has the same value, and an interval of no width would claim too much"

ROUNDING = 1e-12

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
        unseen: n times what the interval allows for a record that wasn't seen; 0 where for none.
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
    unseen: float = 0.0

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


def cut(e: Estimate, bounds: tuple[float, float]) -> Estimate:
    """An estimate whose interval ends where no value can lie beyond."""
    if e.low is None or e.high is None:
        return e
    return replace(e, low=max(e.low, bounds[0]), high=min(e.high, bounds[1]))


def apart(bounds: tuple[float, float]) -> tuple[float, float]:
    """Between what the difference of two values lies that lie between these bounds."""
    low, high = bounds
    return low - high, high - low


def wilson(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a proportion; both numbers may be effective ones."""
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    # exactly, where rounding would leave a share of 0 outside of its own interval
    return (0.0 if successes <= 0 else float(low)), (1.0 if successes >= n else float(high))


def proportion(values: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """A share with Wilson's interval at the effective n (:func:`effective_n`).

    Where every record is a cluster of its own this is Wilson's interval itself; where clusters
    aren't of one size it reaches as far as its skewness, too (:func:`reaching`).

    Args:
        values: zeros and ones [n]; NaN is missing and left out.
        clusters: the cluster of each [n], of any type that can be sorted.
        level: of the interval.
    """
    x, members, missing = finite(values, clusters)
    if missing is not None:
        return missing
    n, k = len(x), int(members[-1]) + 1
    p = float(x.mean())
    if k == 1:
        return one_cluster(p, n)
    effective, error = effective_n(x, members, level)
    ends = wilson(p * effective, effective, level)
    e = Estimate(p, *ends, n, k, effective=unequal(members))
    return reaching(e, error, level, (0.0, 1.0))


def reaching(
    e: Estimate, error: Error | None, level: float, bounds: tuple[float, float]
) -> Estimate:
    """A share's estimate that reaches as far as its skewness, where clusters' sizes differ.

    An effective n knows how far clusters vary, not how unevenly: where a few of very different
    sizes moved one way, a larger one may be among those that weren't seen.
    """
    if error is None or e.effective is None or e.value is None or e.low is None or e.high is None:
        return e
    low, high = error.ends(e.value, level)
    if error.skew < 0:
        return cut(replace(e, low=min(e.low, low)), bounds)
    if error.skew > 0:
        return cut(replace(e, high=max(e.high, high)), bounds)
    return e


def effective_n(x: Floats, members: Ints, level: float = LEVEL) -> tuple[float, Error | None]:
    """How many independent records tell as much about the mean as these of K ≥ 2 clusters.

    With it how the mean varies over clusters; ``None`` where each has one record, or all values
    are alike.

    n / deff · (z / t)²: deff is the variance of the mean between clusters over that of n
    independent records, at least 1, and t has the degrees of freedom of that variance (Korn &
    Graubard 1998, doi:10.2307/3109756; here with leverages).

    Where all values are alike nothing tells how much those of a cluster agree, and each cluster
    counts as one record. Where a few clusters hold a value that isn't the usual one, that is told
    in part: deff lies between that and what it seems to be.

    Args:
        x: values [n], sorted by cluster.
        members: cluster numbers 0 … K−1 [n].
        level: of the interval that is to be made.
    """
    n, k = len(x), int(members[-1]) + 1
    if k == n:
        return float(n), None
    sizes = np.bincount(members).astype(np.float64)
    most = float((sizes**2).sum()) / n  # all alike within clusters
    squares = float(((x - x.mean()) ** 2).sum())
    if squares <= ROUNDING:
        df = effective_clusters(sizes) - 1
        return n / most * _few(df, level), None
    error = error_of_mean(sums_of(x, members), sizes, squares)
    seems = max(1.0, error.error**2 * n**2 / squares)
    told, unusual = told_of(x, members)
    error = replace(error, skew=_no_more_than(sizes, unusual, error.skew))
    return n / float(seems**told * most ** (1 - told)) * _few(error.df, level), error


def told_of(x: Floats, members: Ints) -> tuple[float, int]:
    """How far values tell how alike those of a cluster are, 0 to 1, and how many clusters hold one
    that isn't the usual one.

    A cluster of one record tells nothing of it, and small ones little of large ones: each counts by
    its further records, so that clusters of one size count as many as they are.

    Args:
        x, members: as of :func:`effective_n`.
    """
    sizes = np.bincount(members).astype(np.float64)
    further = sizes - 1
    values, counts = np.unique(x, return_counts=True)
    usual = values[counts == counts.max()]
    flagged = [np.bincount(members, x != each) > 0 for each in usual]
    if not further.any():
        return 1.0, min(int(f.sum()) for f in flagged)
    weights = further / ((further**2).sum() / further.sum())
    telling = min(float(weights[f].sum()) for f in flagged)
    return min(1.0, telling / _TELLING), min(int(f.sum()) for f in flagged)


def _no_more_than(sizes: Floats, unusual: int, skew: float) -> float:
    """A share's skewness, no larger than if as many whole clusters had moved, whichever they are.

    Args:
        sizes: of the clusters [K].
        unusual: how many of them hold another value than the usual one.
        skew: as the data have it, corrected for how few those are.
    """
    q = unusual / len(sizes)
    if q >= 0.5:
        return skew
    uneven = float((sizes**3).sum() / (sizes**2).sum() ** 1.5)
    return math.copysign(min(abs(skew), uneven * (1 - 2 * q) / math.sqrt(q * (1 - q))), skew)


def _few(df: float, level: float) -> float:
    """(z / t)²: what few clusters take off a number of records."""
    return (z_of(level) / t_of(level, max(1.0, df))) ** 2


#: From so many clusters with a value that isn't the usual one on, they tell how alike they are;
#: :func:`told_of` says how each counts.
_TELLING = 8


def mean(values: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """The mean of records with its interval over clusters (:meth:`clusters.Error.ends`).

    Args:
        values: numbers [n]; what isn't finite is missing and left out.
        clusters: the cluster of each [n], of any type that can be sorted.
        level: of the interval.
    """
    x, members, missing = finite(values, clusters)
    if missing is not None:
        return missing
    with np.errstate(over="ignore", invalid="ignore"):  # told in the estimate, not warned of
        return _mean(x, members, level)


def means(
    columns: Mapping[Name, ArrayLike], clusters: ArrayLike, *, level: float = LEVEL
) -> dict[Name, Estimate]:
    """The means of several columns; see :func:`mean`.

    Args:
        columns: numbers [n] each; what isn't finite is missing and left out.
        clusters: the cluster of each [n], of any type that can be sorted.
        level: of the intervals.
    """
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    order = np.argsort(members, kind="stable")
    members = members[order]
    found = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for name, values in columns.items():
            x = np.asarray(values, dtype=np.float64)[order]
            there = np.isfinite(x)
            found[name] = _mean(x[there], members[there], level) if there.any() else NOBODY
    return found


def _mean(x: Floats, members: Ints, level: float) -> Estimate:
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
    return error_interval(
        m, error_of_mean(sums_of(centred, members), sizes, squares), members, level
    )


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
