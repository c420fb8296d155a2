"""How far an estimate varies, when its records lie in clusters of any sizes.

A cluster's deviation from a mean is smaller than its error, as it pulls the mean towards itself: by
more, the larger it is. So the squares are corrected by each cluster's leverage (CR2; Bell &
McCaffrey 2002; Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004), and t has
Satterthwaite's degrees of freedom, for clusters as alike within as these seem to be. For clusters
of one size this is the usual t with K − 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def sums_of(values: Floats, members: Ints, k: int = 0) -> Floats:
    """The sum of each cluster's values.

    Args:
        values: [n].
        members: cluster numbers from 0 [n].
        k: how many clusters, if some at the end may have none.
    """
    return np.bincount(members, values, k).astype(np.float64)


def z_of(level: float) -> float:
    """Standard errors to each side of a normal interval at a level."""
    return float(special.ndtri(0.5 + level / 2))


def t_of(level: float, df: float) -> float:
    """The same of a t interval with ``df`` degrees of freedom."""
    return float(special.stdtrit(df, 0.5 + level / 2))


#: With fewer effective clusters than these, no side of 0 is ever named.
LEAST_EFFECTIVE = 5.0


@dataclass(frozen=True, slots=True)
class Error:
    """How an estimate varies.

    Attributes:
        error: its standard error.
        df: degrees of freedom of that, at least 1.
        skew: its third central moment over error³; 0 where the clusters lie evenly.
        icc: how alike the records of a cluster are, 0 to 1, as far as the parts tell.
    """

    error: float
    df: float
    skew: float
    icc: float = 0.0

    def ends(self, value: float, level: float) -> tuple[float, float]:
        """An interval of the estimate at a level: t's, and as far as its skewness reaches."""
        t = t_of(level, self.df)
        low, high = (_reach(t, side * self.skew) for side in (-1, 1))
        return value - low * self.error, value + high * self.error


def _reach(t: float, skew: float) -> float:
    """Standard errors to one side, towards which the skewness is positive, or else t.

    The first three terms of the inverse of Hall's transformation (1992,
    doi:10.1111/j.2517-6161.1992.tb01872.x), T (1 + sT/3 + 5 (sT)²/27) with T = t + s/6. All of it
    has an infinite slope where sT = 1, so that one cluster more doubles an interval. Of a count of
    rare events the three terms are within 5 % of the exact Poisson interval from three on.
    """
    if skew <= 0:
        return t
    t += skew / 6
    return t * (1 + skew * t / 3 + 5 * (skew * t) ** 2 / 27)


def effective_clusters(sizes: Floats) -> float:
    """How many clusters of one size tell as much as these: 1 / Σ h², h a cluster's leverage n_g/n.

    Args:
        sizes: records in each cluster [K]; 0 counts for nothing.
    """
    squares = float((sizes**2).sum())
    return float(sizes.sum()) ** 2 / squares if squares else 0.0


def error_of(parts: Floats, leverage: Floats, independent: Floats, alike: Floats) -> Error:
    """How an estimate varies, from what each cluster contributes to it.

    Args:
        parts: the clusters' contributions to the estimate's deviation [K], about 0 in sum.
        leverage: how much each pulls the estimate, in [0, 1) [K]; they sum to 1 for a mean.
        independent: variance of each contribution if a cluster's records were independent [K].
        alike: the same if they were all alike [K].
    """
    weights = 1 / (1 - leverage)
    squared = float((weights * parts**2).sum())
    apart, same = (_expected(d, leverage, weights) for d in (independent, alike))
    icc = (squared - apart) / (same - apart) if same - apart > 1e-9 * same else 1.0
    icc = min(1.0, max(0.0, icc))
    df = _satterthwaite((1 - icc) * independent + icc * alike, leverage, weights)
    error = math.sqrt(squared)
    return Error(error, df, _skew(parts, leverage, error), icc)


def _expected(d: Floats, leverage: Floats, weights: Floats) -> float:
    return float((weights * _diagonal(d, leverage)).sum())


def _diagonal(d: Floats, h: Floats) -> Floats:
    """Variances of the deviations e_g − h_g Σ e of errors e with variances d [K]."""
    return np.asarray(d * (1 - 2 * h) + d.sum() * h**2)


def _satterthwaite(d: Floats, h: Floats, weights: Floats) -> float:
    """(tr AΩ)² / tr AΩAΩ with Ω the covariance of the deviations, in O(K)."""
    scale = d.sum()
    if scale <= 0:
        return max(1.0, len(d) - 1.0)
    d = d / scale
    own = _diagonal(d, h)
    hh, dd, hd = (float((weights * x).sum()) for x in (h * h, d * d, h * d))
    # the sum over all pairs of (h_i d_j + d_i h_j − h_i h_j)², with the pairs of one put right
    pairs = 2 * hh * dd + hh**2 + 2 * hd**2 - 4 * hh * hd
    alone = 2 * h * d - h * h
    squares = pairs - float((weights**2 * alone**2).sum()) + float((weights**2 * own**2).sum())
    trace = float((weights * own).sum())
    return max(1.0, trace**2 / squares) if squares > 0 else max(1.0, len(d) - 1.0)


#: More skewness than this no data of so few clusters can show.
_MOST_SKEW = 1.25


def _skew(parts: Floats, leverage: Floats, error: float) -> float:
    """Third central moment over error³, corrected for being too small in small samples.

    Source: for K values of one size, the adjusted Fisher-Pearson coefficient over √K; of other
    sizes, with the effective number of clusters in K's place. It is far too small where few
    clusters differ from the others, as larger ones were most likely not among them: so it is taken
    1 + 3 / (m + 1) times, m = (Σ p²)² / Σ p⁴ being how many they are (chosen by simulation,
    docs/statistics.md).
    """
    k = 1 / max(float((leverage**2).sum()), 1 / len(parts))
    largest = float(np.abs(parts).max())
    if error == 0 or largest == 0 or k <= 2.5:
        return 0.0
    parts = parts / largest  # powers of tiny numbers are 0
    cubes = float((parts**3).sum()) / (error / largest) ** 3
    moved = float((parts**2).sum()) ** 2 / float((parts**4).sum())
    skew = cubes * k**2 / ((k - 1) * (k - 2)) * (1 + 3 / (moved + 1))
    return min(_MOST_SKEW, max(-_MOST_SKEW, skew))


def error_of_mean(sums: Floats, sizes: Floats, squares: float) -> Error:
    """How the mean of records varies.

    Args:
        sums, sizes: of each cluster's values, and how many there are [K], K ≥ 2.
        squares: Σ (x − mean)² over all records.
    """
    there = sizes > 0
    sums, sizes = sums[there], sizes[there]
    n = float(sizes.sum())
    parts = (sums - sums.sum() / n * sizes) / n
    one = squares / n**3  # a record's variance over n²
    return error_of(parts, sizes / n, one * sizes, one * sizes**2)


def error_of_jackknife(
    value: float, without: Floats, sizes: Floats, independent: float | None = None
) -> Error:
    """How any figure varies, from what it is without each cluster.

    Args:
        value: the figure of all records.
        without: it without each cluster [K].
        sizes: records in each [K].
        independent: its variance if all records were independent; ``None`` takes those of a cluster
            to be all alike, where it matters.
    """
    n = float(sizes.sum())
    leverage = sizes / n
    parts = (value - without) * (1 - leverage)
    parts = parts - leverage * parts.sum()  # those of a mean sum to 0
    if independent is None:
        return error_of(parts, leverage, sizes**2, sizes**2)
    one = independent / n
    return error_of(parts, leverage, one * sizes, one * sizes**2)
