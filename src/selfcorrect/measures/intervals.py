"""Intervals of one number from clustered records: proportions, means, and any other figure.

Items of one cluster (a template, an occupation) are not independent, so an interval that counts
items is too narrow. With K clusters the spread is taken between clusters. Nothing here returns a
number that isn't finite: what can't be told is ``None``, with the reason.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

#: All intervals are at this level, unless another is asked for.
LEVEL = 0.95
#: Standard errors of a normal to each side.
Z = float(stats.norm.ppf(0.5 + LEVEL / 2))
#: From so many clusters on, intervals of means and figures are cluster bootstraps.
BOOTSTRAP_FROM = 50
#: … unless (Σ r²)² / Σ r⁴ of the clusters' residual sums, about how many of them carry the
#: spread, is less than this.
LEAST_SPREAD = 50
#: Resamples of a bootstrap; of a figure that must be computed for one resample at a time, fewer.
RESAMPLES = 2_000
FIGURE_RESAMPLES = 999

#: Why there is no interval of no width: it would claim a certainty that nobody has.
UNVARYING = "the clusters don't differ, so nothing tells how far it would vary"

TOO_FEW = "undefined in more than a tenth of the resamples"
ROUNDING = 1e-12

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Ints = NDArray[np.int64]
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: ``None`` where it is undefined.
        low, high: ends of the interval at :data:`LEVEL`; ``None`` where there is none.
        n, clusters: how many records and clusters it comes from.
        why: why ``value``, or else the interval, is missing.
        spread: n times the squared standard error, the clusters' part in it included: what n
            records more or fewer would do to the interval. ``None`` where it isn't known.
        worth: of a share, how many independent records these are worth.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    why: str | None = None
    spread: float | None = None
    worth: float | None = None

    def table(self) -> dict[str, float | int | str | None]:
        """As JSON has it: without ``spread`` and ``worth``, ``why`` only where there is one."""
        table: dict[str, float | int | str | None] = {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "clusters": self.clusters,
        }
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
    return max(0.0, float(low)), min(1.0, float(high))


def proportion(values: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """A share with Wilson's interval at the effective n (:func:`effective_n`).

    Where every record is a cluster of its own this is Wilson's interval itself.

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
    effective = effective_n(x, members, level)
    return Estimate(p, *wilson(p * effective, effective, level), n, k)


def effective_n(x: Floats, members: Ints, level: float = LEVEL) -> float:
    """How many independent records tell as much about the mean as these of K ≥ 2 clusters.

    n / deff · (z / t_{K−1})²: see :func:`design_effect`; the last factor is for deff being
    estimated from K clusters (Korn & Graubard 1998, doi:10.2307/3109756).

    Args:
        x: values [n], sorted by cluster.
        members: cluster numbers 0 … K−1 [n].
        level: of the interval that is to be made.
    """
    n, k = len(x), int(members[-1]) + 1
    if k == n:
        return float(n)
    ratio = float(stats.norm.ppf(0.5 + level / 2)) / t_quantile(k, level)
    return n / design_effect(x, members) * ratio**2


def design_effect(x: Floats, members: Ints) -> float:
    """The variance of the mean between clusters over that of n independent records, at least 1.

    Where all values are alike nothing tells how much those of a cluster agree, and each cluster
    counts as one record (n / K). Where a few clusters hold a value that isn't the usual one, that
    is told in part: the effect lies between n / K and what it seems to be.
    """
    n, k = len(x), int(members[-1]) + 1
    if k == n:
        return 1.0
    independent = float(x.var()) / n
    if independent == 0:
        return n / k
    seems = max(1.0, variance(x, members) / independent)
    values, counts = np.unique(x, return_counts=True)
    usual = values[counts == counts.max()]
    unusual = min(len(np.unique(members[x != each])) for each in usual)
    told = min(1.0, unusual / _TELLING)
    return float(seems**told * (n / k) ** (1 - told))


#: From so many clusters with a value that isn't the usual one on, they tell how alike they are.
_TELLING = 8


def mean(values: ArrayLike, clusters: ArrayLike, *, seed: int = 0) -> Estimate:
    """The mean of one column; see :func:`means`."""
    return means({"": values}, clusters, seed=seed)[""]


def mean_t(values: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """The mean with t_{K−1}, however many clusters there are; see :func:`means`."""
    x, members, missing = finite(values, clusters)
    if missing is not None:
        return missing
    n, k = len(x), int(members[-1]) + 1
    with np.errstate(over="ignore", invalid="ignore"):  # told in the estimate, not warned of
        m = float(x.mean())
        if k == 1:
            return one_cluster(m, n)
        squared = variance(x, members)
        half = t_quantile(k, level) * math.sqrt(squared)
        if math.isfinite(m) and half <= ROUNDING * abs(m):
            return Estimate(m, None, None, n, k, UNVARYING)
        return replace(checked(m, m - half, m + half, n, k), spread=n * squared)


def means(
    columns: Mapping[Name, ArrayLike],
    clusters: ArrayLike,
    *,
    seed: int = 0,
) -> dict[Name, Estimate]:
    """Means over records: K < 50 clusters with t_{K−1}, from 50 on a cluster bootstrap-t.

    The standard error is that of the ratio Σ sums / Σ sizes over clusters, which for clusters of
    one size is the usual one of the cluster means. The bootstrap draws the same clusters for all
    columns and takes the quantiles of (mean* − mean) / error* in place of t's (Efron & Tibshirani
    1993, ch. 12), unless few clusters carry the spread, as when most differences are exactly 0:
    then resamples that miss them all have no error, and t stands.

    Args:
        columns: numbers [n] each; what isn't finite is missing and left out.
        clusters: the cluster of each [n], of any type that can be sorted.
        seed: of the resampling.
    """
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    estimates: dict[Name, Estimate] = {}
    many: dict[Name, tuple[Floats, Floats]] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for name, values in columns.items():
            e = estimates[name] = mean_t(values, members)
            if e.clusters >= BOOTSTRAP_FROM and e.low is not None:
                there = np.isfinite(np.asarray(values, dtype=np.float64))
                size = np.bincount(members[there], minlength=int(members.max()) + 1)
                total = np.bincount(members[there], np.asarray(values)[there], len(size))
                r = total - (e.value or 0.0) * size
                r = r / np.abs(r).max()
                if (r**2).sum() ** 2 / (r**4).sum() >= LEAST_SPREAD:
                    many[name] = (r, size.astype(np.float64))
        for name, (low, high) in _bootstrap_t(many, seed).items():
            e = estimates[name]
            value, half = e.value or 0.0, (e.high or 0.0) - (e.value or 0.0)
            error = half / t_quantile(e.clusters, LEVEL)
            ends = (value - high * error, value - low * error)
            estimates[name] = replace(checked(value, *ends, e.n, e.clusters), spread=e.spread)
    return {name: estimates[name] for name in columns}


def _bootstrap_t(
    many: Mapping[Name, tuple[Floats, Floats]], seed: int
) -> dict[Name, tuple[float, float]]:
    """Quantiles of the studentised mean for each column, given as (residual sums, sizes) [K]."""
    if not many:
        return {}
    # Σ over drawn clusters of r, n, r², rn, n² gives mean and error of every resample; columns
    # that are alike (the sizes, mostly) go through the product once
    distinct: dict[bytes, tuple[int, Floats32]] = {}
    places = []
    for r, n in many.values():
        r, n = r / np.sqrt((r * r).sum()), n / n.mean()
        for part in (r, n, r * r, r * n, n * n):
            column = part.astype(np.float32)
            places.append(distinct.setdefault(column.tobytes(), (len(distinct), column))[0])
    table = np.stack([column for _, column in distinct.values()], axis=1)
    k = len(table)

    def studentised(counts: Floats32) -> Floats:
        sums = (counts @ table).astype(np.float64)[:, places].reshape(len(counts), -1, 5)
        r, n, rr, rn, nn = np.moveaxis(sums, -1, 0)
        m = r / n
        variance = k / (k - 1) * (rr - 2 * m * rn + m * m * nn) / n**2
        # float32: less than this is what rounding leaves of nothing (Σ r² is 1)
        return np.where(variance > 1e-4 / k**2, m / np.sqrt(np.abs(variance)), np.nan)

    drawn = resampled(k, studentised, seed=seed)
    quantiles = {}
    for name, t in zip(many, drawn.T, strict=True):
        t = t[np.isfinite(t)]
        if len(t) > 0.9 * len(drawn):  # else too little varies: the t interval stands
            low, high = np.quantile(t, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
            quantiles[name] = (float(low), float(high))
    return quantiles


def resampled(
    k: int,
    statistics: Callable[[Floats32], Floats],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    width: int = 1,
) -> Floats:
    """Statistics of clusters drawn with replacement.

    Args:
        k: the number of clusters.
        statistics: given how often each cluster was drawn [draws, k], the numbers [draws, m].
        resamples, seed: of the drawing.
        width: how many numbers ``statistics`` holds for each cluster of a draw, about.

    Returns:
        The statistics [resamples, m].
    """

    def of(drawn: Ints, axis: int = -1) -> Floats:
        drawn = np.atleast_2d(np.moveaxis(drawn, axis, -1))
        places = (drawn + np.arange(len(drawn))[:, None] * k).ravel()
        counts = np.bincount(places, minlength=drawn.size).reshape(-1, k)
        return np.asarray(statistics(counts.astype(np.float32)).T)

    with warnings.catch_warnings():
        # resamples that don't vary are for the caller to judge
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        drawn = stats.bootstrap(
            (np.arange(k),),
            of,
            n_resamples=resamples,
            batch=max(1, 1_000_000 // (k * width)),
            vectorized=True,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).bootstrap_distribution
    return np.asarray(drawn.reshape(-1, resamples).T)


def finite(values: ArrayLike, clusters: ArrayLike) -> tuple[Floats, Ints, Estimate | None]:
    """The finite values sorted by cluster number 0 … K−1; an estimate if there are none."""
    x, names = np.asarray(values, dtype=np.float64), np.asarray(clusters)
    if x.shape != names.shape or x.ndim != 1:
        raise ValueError(f"values {x.shape} and clusters {names.shape} must be of one length")
    there = np.isfinite(x)
    x, names = x[there], names[there]
    if not len(x):
        return x, np.empty(0, np.int64), Estimate(None, None, None, 0, 0, "no record has it")
    _, members = np.unique(names, return_inverse=True)
    order = np.argsort(members, kind="stable")
    return x[order], members[order].astype(np.int64), None


def with_both(
    x: ArrayLike, y: ArrayLike, clusters: ArrayLike
) -> tuple[Floats, Floats, NDArray[Any]]:
    """The records [n] that have both numbers, with their clusters."""
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    there = np.isfinite(a) & np.isfinite(b)
    return a[there], b[there], np.asarray(clusters)[there]


def variance(x: Floats, members: Ints) -> float:
    """Variance of the mean, from the spread of the clusters' sums around it."""
    sizes = np.bincount(members).astype(np.float64)
    return _between(np.bincount(members, x) - x.mean() * sizes, sizes)


def _between(residuals: Floats, sizes: Floats) -> float:
    """The same from the residual sums [K] and sizes [K] of clusters, empty ones left out."""
    k = np.count_nonzero(sizes)
    return float(k / (k - 1) * (residuals**2).sum() / sizes.sum() ** 2)


def t_quantile(k: int, level: float) -> float:
    """What a standard error is multiplied with: t's quantile for K clusters."""
    return float(stats.t.ppf(0.5 + level / 2, k - 1))


def checked(value: float, low: float, high: float, n: int, k: int) -> Estimate:
    if not math.isfinite(value):
        return Estimate(None, None, None, n, k, "too large to be computed")
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(value, None, None, n, k, "the interval is too large to be computed")
    # equal values have sums that are rounded otherwise when resampled
    return Estimate(value, min(low, value), max(high, value), n, k)


def one_cluster(value: float, n: int) -> Estimate:
    """The estimate of a number whose records all are of one cluster."""
    why = "one record: no interval" if n == 1 else "one cluster: no interval"
    return Estimate(value, None, None, n, 1, why)
