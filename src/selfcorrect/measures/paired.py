"""Two rounds, or two runs, compared on the same examples: intervals of differences, and tests.

Shares (an answer is right or not) have Tango's score interval, and McNemar's test at mid-p where
each cluster has one record; otherwise both work on clusters. Differences of any other numbers are
means of differences: :func:`selfcorrect.measures.intervals.means`.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special, stats
from statsmodels.stats.multitest import multipletests

from selfcorrect.measures.clusters import Floats, Ints, error_of_mean, sums_of, z_of
from selfcorrect.measures.intervals import (
    LEVEL,
    Estimate,
    finite,
    one_cluster,
    share_of,
)

Name = TypeVar("Name", bound=Hashable)

#: Sign flips drawn where not all of them can be tried.
FLIPS = 9_999


def tango(gained: float, lost: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Tango's score interval of a difference of paired proportions, (gained − lost) / n.

    Where nothing was gained or lost it is ± z² / (n + z²), not [0, 0].

    Args:
        gained, lost: discordant pairs of either kind; these and n may be effective numbers.
        n: all pairs.
        level: of the interval.

    Source: Tango 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B, with
    the closed form of the constrained maximum likelihood estimate from its section 2.
    """
    z = z_of(level)
    if gained == lost == 0:
        half = z * z / (n + z * z)
        return -half, half

    def off(side: int) -> Callable[[float], float]:
        return lambda d: tango_score(gained, lost, n, d) + side * z

    value, edge = (gained - lost) / n, 1 - 1e-12
    low = -1.0 if value <= -edge else optimize.brentq(off(-1), -edge, value)
    high = 1.0 if value >= edge else optimize.brentq(off(1), value, edge)
    return float(low), float(high)


def tango_score(gained: float, lost: float, n: float, difference: float) -> float:
    """Tango's statistic of one true difference, about normal; the interval holds those within ± z.

    Args:
        gained, lost, n: as of :func:`tango`.
        difference: in (−1, 1).
    """
    a = 2 * n
    b = (2 * n - gained + lost) * difference - gained - lost
    c = -lost * difference * (1 - difference)
    q = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * q + difference * (1 - difference))
    return (gained - lost - n * difference) / math.sqrt(max(variance, 1e-300))


def differences(
    after: ArrayLike, before: ArrayLike, clusters: ArrayLike
) -> tuple[Floats, Ints, Estimate | None]:
    """after − before of the pairs that have both, as :func:`selfcorrect.measures.intervals.finite`
    gives them."""
    return finite(np.asarray(after, np.float64) - np.asarray(before, np.float64), clusters)


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided mid-p of McNemar's exact test; 1 where nothing was gained or lost.

    Source: Fagerland, Lydersen & Laake 2013, doi:10.1186/1471-2288-13-91.
    """
    fewer, both = min(gained, lost), gained + lost
    law = stats.binom(both, 0.5)
    return min(1.0, float(2 * law.cdf(fewer) - law.pmf(fewer)))


def share_difference(
    after: ArrayLike, before: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL
) -> Estimate:
    """The difference of two paired shares with Tango's interval at the effective n.

    Where every record is a cluster of its own this is Tango's interval itself. Otherwise the pairs
    count as many as :meth:`~selfcorrect.measures.alike.Alike.worth` says of their differences; a t
    interval or a bootstrap of clusters covers too little where few answers changed
    (docs/statistics.md has the figures).
    Where clusters aren't of one size the interval reaches as far as its skewness, too
    (:func:`~selfcorrect.measures.intervals.share_of`).

    Args:
        after, before: zeros and ones [n]; a pair with a NaN is left out.
        clusters: the cluster of each pair [n].
        level: of the interval.
    """
    d, members, missing = differences(after, before, clusters)
    if missing is not None:
        return missing
    n = len(d)
    if members[-1] == 0:
        return one_cluster(float(d.mean()), n)
    gained, lost = float((d > 0).mean()), float((d < 0).mean())
    e, worth = share_of(
        d, members, level, lambda n: tango(gained * n, lost * n, n, level), (-1.0, 1.0)
    )
    return replace(e, spread=float(d.var()) * n / worth, worth=worth)


def share_test(after: ArrayLike, before: ArrayLike, clusters: ArrayLike) -> float | None:
    """p of no difference: McNemar's mid-p, or a sign-flip test where clusters hold several pairs.

    ``None`` with fewer than two clusters.
    """
    d, members, missing = differences(after, before, clusters)
    if missing is not None or members[-1] == 0:
        return None
    if members[-1] + 1 == len(d):
        return mcnemar(int((d > 0).sum()), int((d < 0).sum()))
    return sign_flip(np.bincount(members, d))


def sign_flip(sums: ArrayLike) -> float:
    """Two-sided p that the clusters' sums [K] lie evenly around 0: all 2^K flips, or 9,999 drawn.

    Where hardly any of the drawn ones reach as far, flips are drawn that do
    (:func:`_far`): else no p would be below 2 in 10,000, and of many comparisons none could pass.
    A cluster whose sum is 0 is the same either way. Source: the one-sample permutation test.
    """
    moved = np.asarray(sums, dtype=np.float64)
    moved = moved[moved != 0]
    if len(moved) < 2:
        return 1.0
    # the other way round p is the same, and several comparisons of the same runs ask for it
    return _flipped((moved * np.sign(moved[0])).tobytes())


@lru_cache(maxsize=64)
def _flipped(moved: bytes) -> float:
    """p of the sums [K] in these bytes, none of them 0."""
    sums = np.frombuffer(moved)
    if 2 ** min(len(sums), 64) <= FLIPS:
        tested = stats.permutation_test(
            (sums,),
            lambda x, axis=-1: x.sum(axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=FLIPS,
        )
        return min(1.0, float(tested.pvalue))
    rng = np.random.default_rng(0)  # the same clusters give the same p

    def kept(*, size: Any) -> Any:
        """Which clusters aren't flipped, 1 or 0 each [many, K]."""
        many, k = size
        bits = np.frombuffer(rng.bytes(many * -(-k // 8)), np.uint8)
        return np.unpackbits(bits.reshape(many, -1), axis=1, count=k)

    def total(which: Any, axis: int = -1) -> Any:
        """The sum of all, those that are flipped counting negative."""
        del axis  # always the last
        return 2 * (which.astype(np.float64) @ sums) - sums.sum()

    # permutation_test flips one by one in Python: half a minute for 20,000 clusters
    drawn = stats.monte_carlo_test(
        np.ones(len(sums)),
        kept,
        total,
        vectorized=True,
        n_resamples=FLIPS,
        batch=max(1, 2_000_000 // len(sums)),
    )
    p = min(1.0, float(drawn.pvalue))
    return p if p > _FEW / FLIPS else min(p, _far(np.abs(sums), abs(float(sums.sum())), rng))


#: Where no more of the drawn flips reach as far, p is found by flips that do.
_FEW = 40
_TINIEST = 1e-300


def _far(sizes: Floats, total: float, rng: np.random.Generator) -> float:
    """p of a sum that is far out: two-sided, and two of its standard errors above the estimate.

    Signs are drawn that favour the sum's side, + with e^{ts} / (e^{ts} + e^{−ts}), so that it is
    their mean, and each draw counts as often as even signs would give it (importance sampling with
    exponential tilting: Siegmund 1976, doi:10.1214/aos/1176343541).

    Args:
        sizes: of the clusters' sums [K], above 0.
        total: of the sums with their signs, without its own.
        rng: of the draws.
    """
    s = sizes / sizes.max()
    total, whole = total / sizes.max(), float(s.sum())
    if total >= whole * (1 - 1e-12):
        return max(2.0 ** (1 - len(s)), _TINIEST)  # all have one sign

    def lacking(t: float) -> float:
        return float((s * np.tanh(t * s)).sum()) - total

    most = 1.0
    while lacking(most) < 0 and most < _STEEPEST:
        most *= 2
    t = most if lacking(most) < 0 else float(optimize.brentq(lacking, 0.0, most))
    up = special.expit(2 * t * s).astype(np.float32)
    # log of the mean of e^{tX} over even signs
    even = float((t * s + np.log1p(np.exp(-2 * t * s)) - math.log(2)).sum())
    draws = int(min(FLIPS, max(1_000, 20_000_000 // len(s))))
    weights = np.zeros(draws)
    step = max(1, 2_000_000 // len(s))
    for at in range(0, draws, step):
        plus = rng.random((min(step, draws - at), len(s)), dtype=np.float32) < up
        x = 2 * (plus.astype(np.float64) @ s) - whole
        far = x >= total - 1e-9 * whole
        weights[at : at + len(x)] = np.where(far, np.exp(np.minimum(even - t * x, 0.0)), 0.0)
    p = 2 * (weights.mean() + 2 * weights.std() / math.sqrt(draws))
    return max(float(p), _TINIEST)  # no number is smaller, and 0 would be a certainty


#: Signs that are drawn more one-sidedly than this are all the same.
_STEEPEST = 1e6


def holm(p: ArrayLike) -> Floats:
    """Holm's adjustment of several tests' p [m], so that all of them hold at one level."""
    given = np.asarray(p, dtype=np.float64)
    if not len(given):
        return given
    # multipletests collects garbage at each call, up to half a second in a large process; what is
    # frozen isn't looked at
    gc.freeze()
    try:
        return np.asarray(multipletests(given, method="holm")[1])
    finally:
        gc.unfreeze()


def holm_by_name(ps: Mapping[Name, float | None]) -> dict[Name, float]:
    """Holm's adjustment of several tests' p by name. Tests without a p are left out, and aren't
    among those that are adjusted for."""
    known = {name: p for name, p in ps.items() if p is not None}
    return dict(zip(known, holm(list(known.values())).tolist(), strict=True))


def joint_level(
    columns: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL, seed: int = 0
) -> float:
    """The pointwise level at which intervals of several means hold *together* at a level.

    The largest |t| of means that vary together over clusters: the quantile of max |t| under a
    multivariate t with the fewest degrees of freedom of any of them and the means' correlation,
    turned into the level of a single t interval. Intervals made at that level are the simultaneous
    band of a curve.

    Args:
        columns: numbers [n, m], one column a point of the curve; NaN is missing.
        clusters: the cluster of each row [n].
        level: at which they are to hold together.
        seed: of the 20,000 draws.

    Returns:
        Between that level (one point, or points that move as one) and 1.
    """
    x = np.asarray(columns, dtype=np.float64)
    members = np.unique(np.asarray(clusters), return_inverse=True)[1]
    k = int(members.max()) + 1 if len(members) else 0
    there = np.isfinite(x)
    if k < 2:
        return level
    kept, df = [], math.inf
    with np.errstate(all="ignore"):
        for column, known in zip(x.T, there.T, strict=True):
            middle = column[known].mean() if known.any() else 0.0
            centred = np.where(known, column - middle, 0.0)
            sums = sums_of(centred, members, k)
            sizes = np.bincount(members, known, k).astype(np.float64)
            length = float(np.sqrt((sums**2).sum()))
            if length > 0 and np.isfinite(length) and np.count_nonzero(sizes) > 1:
                kept.append(sums / length)
                df = min(df, error_of_mean(sums, sizes, float((centred**2).sum())).df)
    if len(kept) < 2:
        return level
    directions = np.stack(kept)
    law = stats.multivariate_t(
        shape=directions @ directions.T,
        df=df,  # type: ignore[arg-type]  # any number, whatever its stub says
        allow_singular=True,
        seed=seed,
    )
    largest = np.abs(law.rvs(20_000).reshape(20_000, -1)).max(axis=1)
    return max(level, float(2 * stats.t.cdf(np.quantile(largest, level), df) - 1))
