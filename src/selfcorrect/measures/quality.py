"""Does a higher uncertainty go with a lower quality? For any quality and any uncertainty.

RCE is biased upwards as ECE is, so it never stands alone: beside it are what it is when qualities
are shuffled (nothing to find) and what it is where qualities truly fall with the uncertainty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from selfcorrect.measures.calibration import equal_mass
from selfcorrect.measures.clusters import Floats, Ints
from selfcorrect.measures.figures import figure
from selfcorrect.measures.intervals import LEVEL, NOBODY, Estimate, cut, with_both

BINS = 20
#: With fewer bins nothing is ranked: of two, chance alone makes the ranking perfect half the time.
LEAST_BINS = 5
#: Draws behind ``shuffled`` and ``isotonic``.
DRAWS = 200


@dataclass(frozen=True, slots=True)
class RankCalibration:
    """What :func:`rank_calibration` gives.

    Attributes:
        rce: the rank-calibration error, from 0; no interval (no resampling gives a valid one).
        shuffled: its mean where qualities are shuffled over the uncertainties, with the range
            of 95 % of such shuffles; about .35 for 20 bins.
        isotonic: the same where the expected quality falls with the uncertainty as the best
            isotonic fit says, so that the true error is 0: what it can be at this n.
        skill: 1 − rce / shuffled: 0 is no better than chance.
        bins: how many were really used.
    """

    rce: Estimate
    shuffled: Estimate
    isotonic: Estimate
    skill: float | None
    bins: int


def rank_calibration(
    uncertainty: ArrayLike,
    quality: ArrayLike,
    clusters: ArrayLike,
    *,
    bins: int = BINS,
    seed: int = 0,
) -> RankCalibration:
    """RCE with what it must be read beside.

    RCE = mean over bins b of |share of other bins with a_b' ≥ a_b − share with u_b' ≤ u_b|,
    a_b and u_b a bin's means. Bins hold equally many records, equal uncertainties are never split,
    equal bin means count ½. Source: arXiv 2404.03163; ties as in ``docs/measures.md``.

    Args:
        uncertainty: any numbers, more is less sure [n]; what isn't finite is left out.
        quality: any numbers, more is better [n].
        clusters: the cluster of each [n]: they are counted, but the draws take the records as
            independent.
        bins: wanted; fewer are used where uncertainties are equal.
        seed: of the draws.
    """
    u, a, members = with_both(uncertainty, quality, clusters)
    n, k = len(u), len(np.unique(members))
    bin_of = equal_mass(u, bins)
    used = int(bin_of.max()) + 1 if n else 0
    if used < LEAST_BINS or np.ptp(a) == 0:
        why = "no records" if n == 0 else "all uncertainties or all qualities are equal"
        if 1 < used < LEAST_BINS and np.ptp(a) > 0:
            why = f"the uncertainties make {used} bins, and a ranking needs {LEAST_BINS}"
        nothing = Estimate(None, None, None, n, k, why)
        return RankCalibration(nothing, nothing, nothing, None, used)
    rng = np.random.default_rng(seed)
    _, group = np.unique(u, return_inverse=True)
    size = np.bincount(group).astype(np.float64)
    levels = optimize.isotonic_regression(
        np.bincount(group, a) / size, weights=size, increasing=False
    )
    fit = np.asarray(levels.x)[group]
    binary = bool(np.isin(a, (0.0, 1.0)).all())

    def fitted() -> Floats:
        if binary:
            return (rng.random(n) < fit).astype(np.float64)
        return np.asarray(fit + rng.permutation(a - fit))

    in_bin = np.bincount(bin_of)
    surer = stats.rankdata(np.round(np.bincount(bin_of, u) / in_bin, 12)) - 1

    def rce(qualities: Iterable[Floats]) -> Floats:
        means = [np.round(np.bincount(bin_of, quality) / in_bin, 12) for quality in qualities]
        # other bins that are better, and half of those alike (itself not among them)
        better = stats.rankdata(-np.array(means), axis=1) - 1
        return np.asarray(np.abs(better - surer).mean(axis=1) / (used - 1))

    def drawn(quality: Callable[[], Floats]) -> Estimate:
        values = rce(quality() for _ in range(DRAWS))
        low, high = np.quantile(values, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
        return Estimate(float(values.mean()), float(low), float(high), n, k)

    value = float(rce([a])[0])
    shuffled = drawn(lambda: rng.permutation(a))
    return RankCalibration(
        rce=Estimate(value, None, None, n, k),
        shuffled=shuffled,
        isotonic=drawn(fitted),
        skill=1 - value / shuffled.value if shuffled.value else None,
        bins=used,
    )


def reference_rce(uncertainty: ArrayLike, quality: ArrayLike, *, bins: int = BINS) -> float:
    """RCE as the paper's authors compute it: the plug-in estimator of their code, to compare with.

    Records in the order of their uncertainty, cut into bins at the rounded multiples of n/bins
    (equal uncertainties may be split); a record's rank by quality is that of its bin's mean among
    all records, in the middle of the bin's own.

    Source: github.com/shuoli90/Rank-Calibration, ``metrics/calibration.py`` (plug-in, p = 1).
    """
    u, a, _ = with_both(uncertainty, quality, np.zeros(np.shape(uncertainty)))
    n = len(u)
    if n < 2:
        return math.nan
    a = a[np.argsort(u)]
    cuts = np.array([round(x) for x in np.linspace(0, n, bins + 1)])
    size = np.diff(cuts)
    bin_of = np.repeat(np.arange(bins), size)
    mean = np.bincount(bin_of, a, bins) / np.maximum(size, 1)
    # of the n − 1 other records those whose bin is as good, and half of the own bin left out
    as_good = np.array([size[(mean >= m) & (size > 0)].sum() - 1 for m in mean])
    rank = (as_good - (size - 1) / 2) / (n - 1)
    return float(np.abs(rank[bin_of] - np.arange(n) / (n - 1)).mean())


def spearman(uncertainty: ArrayLike, quality: ArrayLike, clusters: ArrayLike) -> Estimate:
    """Spearman's rank correlation of uncertainty and quality: −1 is what one hopes for.

    Its interval leaves out clusters (:func:`selfcorrect.measures.figures.figure`), ranks and all.
    """
    u, a, members = with_both(uncertainty, quality, clusters)
    if not len(u):
        return NOBODY
    levels = [np.unique(each, return_inverse=True)[1] for each in (u, a)]

    def correlation(which: Ints) -> float:
        x, y = (_ranks(level[which]) for level in levels)
        x, y = x - x.mean(), y - y.mean()
        spread = float(np.sqrt((x * x).sum() * (y * y).sum()))
        return float((x * y).sum()) / spread if spread > 0 else math.nan

    return cut(figure(correlation, members), (-1, 1))


def _ranks(levels: Ints) -> Floats:
    """Ranks of numbers given by their order [n], equal ones in the middle of theirs."""
    counts = np.bincount(levels)
    return (np.cumsum(counts) - (counts - 1) / 2)[levels]


def risk_coverage(uncertainty: ArrayLike, quality: ArrayLike, clusters: ArrayLike) -> Estimate:
    """Area under the risk-coverage curve, 1 − quality being the risk: smaller is better.

    The mean over k of the mean risk of the k surest records; equal uncertainties in any order. Its
    interval leaves out clusters, as that of :func:`spearman`.
    """
    u, a, members = with_both(uncertainty, quality, clusters)
    if not len(u):
        return NOBODY
    order = np.argsort(u, kind="stable")
    level, risk = np.unique(u, return_inverse=True)[1][order], 1 - a[order]
    place = np.empty(len(u), np.int64)
    place[order] = np.arange(len(u))

    def area(which: Ints) -> float:
        there = np.zeros(len(u), bool)
        there[place[which]] = True
        levels, risks = level[there], risk[there]
        counts = np.maximum(np.bincount(levels), 1)
        alike = (np.bincount(levels, risks) / counts)[levels]
        return float((np.cumsum(alike) / np.arange(1, len(alike) + 1)).mean())

    return cut(figure(area, members), (0, 1))
