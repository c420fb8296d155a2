"""Intervals of one number from clustered records: proportions, means, and any other figure.

Items of one cluster (a template, an occupation) are not independent, so an interval that counts
items is too narrow. With K clusters the spread is taken between clusters. Nothing here returns a
number that isn't finite: what can't be told is ``None``, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

#: All intervals are at this level.
LEVEL = 0.95
#: From so many clusters on, intervals of means and figures are cluster bootstraps.
BOOTSTRAP_FROM = 50
#: Resamples of a bootstrap; of a figure, which can't be computed for all resamples at once, fewer.
RESAMPLES = 2_000
FIGURE_RESAMPLES = 999

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: ``None`` where it is undefined.
        low, high: ends of the interval at :data:`LEVEL`; ``None`` where there is none.
        n, clusters: how many records and clusters it comes from.
        why: why ``value``, or else the interval, is missing.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    why: str | None = None

    def table(self) -> dict[str, float | int | str | None]:
        """As JSON has it; ``why`` only where there is something to say."""
        table: dict[str, float | int | str | None] = {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "clusters": self.clusters,
        }
        return table if self.why is None else {**table, "why": self.why}


def wilson(successes: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion at :data:`LEVEL`; both may be effective numbers."""
    low, high = proportion_confint(successes, n, alpha=1 - LEVEL, method="wilson")
    return max(0.0, float(low)), min(1.0, float(high))


def proportion(values: ArrayLike, clusters: ArrayLike) -> Estimate:
    """A share with Wilson's interval at the effective n.

    n_eff = n / deff · (z / t_{K−1})², where deff ≥ 1 is the variance of the share between clusters
    over that of n independent records, and the last factor is for deff being estimated from K
    clusters (Korn & Graubard 1998, doi:10.2307/3109756). Where all records agree, nothing
    tells how much those of a cluster are alike, and each cluster counts as one record. Where every
    record is a cluster of its own this is Wilson's interval itself.

    Args:
        values: zeros and ones [n]; NaN is missing and left out.
        clusters: the cluster of each [n], of any type that can be sorted.
    """
    x, members, missing = _finite(values, clusters)
    if missing is not None:
        return missing
    n, k = len(x), int(members[-1]) + 1
    p = float(x.mean())
    if k == n and n > 1:
        return Estimate(p, *wilson(x.sum(), n), n, k)
    if k == 1:
        return _one_cluster(p, n)
    if p in (0.0, 1.0):
        effective: float = k
    else:
        deff = max(1.0, _variance(x, members) / (p * (1 - p) / n))
        z, t = stats.norm.ppf(0.5 + LEVEL / 2), stats.t.ppf(0.5 + LEVEL / 2, k - 1)
        effective = n / deff * float(z / t) ** 2
    return Estimate(p, *wilson(p * effective, effective), n, k)


def mean(values: ArrayLike, clusters: ArrayLike, *, seed: int = 0) -> Estimate:
    """The mean of one column; see :func:`means`."""
    return means({"": values}, clusters, seed=seed)[""]


def means(
    columns: Mapping[str, ArrayLike], clusters: ArrayLike, *, seed: int = 0
) -> dict[str, Estimate]:
    """Means over records: K < 50 clusters with t_{K−1}, from 50 on a cluster bootstrap.

    With t the standard error is that of the ratio Σ sums / Σ sizes over clusters, which for
    clusters of one size is the usual one of the cluster means. The bootstrap (percentile) draws the
    same clusters for all columns.

    Args:
        columns: numbers [n] each; what isn't finite is missing and left out.
        clusters: the cluster of each [n], of any type that can be sorted.
        seed: of the resampling.
    """
    names = np.asarray(clusters)
    members = np.unique(names, return_inverse=True)[1].astype(np.int64)
    estimates: dict[str, Estimate] = {}
    resampled: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
    with np.errstate(over="ignore", invalid="ignore"):  # told in the estimate, not warned of
        for name, values in columns.items():
            x, own, missing = _finite(values, names)
            k = int(own[-1]) + 1 if missing is None else 0
            m = float(x.mean()) if missing is None else 0.0
            if missing is not None:
                estimates[name] = missing
            elif k == 1:
                estimates[name] = _one_cluster(m, len(x))
            elif k < BOOTSTRAP_FROM:
                t = float(stats.t.ppf(0.5 + LEVEL / 2, k - 1))
                half = t * math.sqrt(_variance(x, own))
                estimates[name] = _checked(m, m - half, m + half, len(x), k)
            else:
                there = np.isfinite(np.asarray(values, dtype=np.float64))
                at, all_of_them = members[there], int(members.max()) + 1
                size = np.bincount(at, minlength=all_of_them)
                total = np.bincount(at, np.asarray(values)[there], all_of_them)
                estimates[name] = Estimate(m, None, None, len(x), k)
                resampled[name] = (total, size)
        if resampled:
            low, high = _resample(
                np.stack([total for total, _ in resampled.values()], axis=1),
                np.stack([size for _, size in resampled.values()], axis=1),
                seed,
            )
            for name, a, b in zip(resampled, low, high, strict=True):
                e = estimates[name]
                estimates[name] = _checked(e.value or 0.0, float(a), float(b), e.n, e.clusters)
    return {name: estimates[name] for name in columns}


def _resample(totals: Floats, sizes: Ints, seed: int) -> tuple[Floats, Floats]:
    """Percentile intervals [m] of Σ totals / Σ sizes over clusters drawn; both are [K, m]."""
    k = len(totals)
    both = np.concatenate([totals, sizes], axis=1)

    def ratios(drawn: Ints, axis: int = -1) -> Floats:
        # how often each cluster was drawn, times its sums: nothing of size draws × K × m is made
        drawn = np.atleast_2d(np.moveaxis(drawn, axis, -1))
        places = (drawn + np.arange(len(drawn))[:, None] * k).ravel()
        counts = np.bincount(places, minlength=drawn.size).reshape(-1, k)
        sums = counts.astype(np.float64) @ both
        m = both.shape[1] // 2
        return np.asarray((sums[:, :m] / sums[:, m:]).T)

    interval = stats.bootstrap(
        (np.arange(k),),
        ratios,
        n_resamples=RESAMPLES,
        batch=max(1, 100_000 // k),
        vectorized=True,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return np.ravel(interval.low), np.ravel(interval.high)


def figure(
    compute: Callable[[Ints], float],
    clusters: ArrayLike,
    *,
    seed: int = 0,
    resample: bool = True,
) -> Estimate:
    """Any number computed from records, with an interval over clusters.

    From 50 clusters on a cluster bootstrap (percentile; resamples in which the figure is undefined
    are left out, and more than a tenth of them leave no interval). Below, the delete-one-cluster
    jackknife with t_{K−1}, which for a mean of clusters of one size is the t interval of the
    cluster means (Efron & Tibshirani 1993, ch. 11).

    Args:
        compute: the figure from some records, given as positions [m] into all of them; NaN where
            it is undefined.
        clusters: the cluster of each record [n].
        seed: of the resampling.
        resample: False takes the jackknife from 50 clusters on too: K computations, not a thousand.
    """
    names = np.asarray(clusters)
    n = len(names)
    if n == 0:
        return Estimate(None, None, None, 0, 0, "no records")
    _, members = np.unique(names, return_inverse=True)
    members = members.astype(np.int64)
    k = int(members.max()) + 1
    value = float(compute(np.arange(n)))
    if not math.isfinite(value):
        return Estimate(None, None, None, n, k, "undefined for these records")
    if k == 1:
        return _one_cluster(value, n)
    by_cluster = np.split(np.argsort(members, kind="stable"), np.cumsum(np.bincount(members))[:-1])
    if k < BOOTSTRAP_FROM or not resample:
        kept = np.array([float(compute(np.flatnonzero(members != c))) for c in range(k)])
        if not np.isfinite(kept).all():
            return Estimate(value, None, None, n, k, "undefined without one of the clusters")
        spread = math.sqrt((k - 1) / k * float(((kept - kept.mean()) ** 2).sum()))
        half = float(stats.t.ppf(0.5 + LEVEL / 2, k - 1)) * spread
        return _checked(value, value - half, value + half, n, k)

    # scipy's bootstrap has no interval once a single resample is undefined
    rng = np.random.default_rng(seed)
    draws = np.empty(FIGURE_RESAMPLES)
    for i in range(FIGURE_RESAMPLES):
        chosen = rng.integers(0, k, k)
        draws[i] = compute(np.concatenate([by_cluster[c] for c in chosen]))
    defined = draws[np.isfinite(draws)]
    if len(defined) < 0.9 * len(draws):
        return Estimate(value, None, None, n, k, "undefined in more than a tenth of the resamples")
    low, high = np.quantile(defined, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return Estimate(value, float(low), float(high), n, k)


def _finite(values: ArrayLike, clusters: ArrayLike) -> tuple[Floats, Ints, Estimate | None]:
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


def _variance(x: Floats, members: Ints) -> float:
    """Variance of the mean, from the spread of the clusters' sums around it."""
    sizes = np.bincount(members)
    residuals = np.bincount(members, x) - x.mean() * sizes
    k = len(sizes)
    return float(k / (k - 1) * (residuals**2).sum() / len(x) ** 2)


def _checked(value: float, low: float, high: float, n: int, k: int) -> Estimate:
    if not math.isfinite(value):
        return Estimate(None, None, None, n, k, "too large to be computed")
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(value, None, None, n, k, "the interval is too large to be computed")
    # equal values have sums that are rounded otherwise when resampled
    return Estimate(value, min(low, value), max(high, value), n, k)


def _one_cluster(value: float, n: int) -> Estimate:
    why = "one record: no interval" if n == 1 else "one cluster: no interval"
    return Estimate(value, None, None, n, 1, why)
