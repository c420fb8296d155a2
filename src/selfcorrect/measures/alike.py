"""How many independent records a share's clustered records are worth.

The variance between clusters says how alike the records of a cluster are, but only as far as the
clusters show it: ten large ones that happen not to have changed show nothing, however many small
ones did. So what the data show is weighed by what each cluster would add to the variance, and where
it isn't enough the records of a cluster count as alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from selfcorrect.measures.clusters import (
    Error,
    Floats,
    Ints,
    effective_clusters,
    error_of_mean,
    sums_of,
    t_of,
    z_of,
)

#: Sums of squares below this are rounding.
NONE = 1e-12

#: From so many clusters of one size with an unusual value on, they show how alike they are.
_ENOUGH = 8


@dataclass(frozen=True, slots=True)
class Alike:
    """How alike the records of a cluster are taken to be.

    Attributes:
        n: records.
        deff: the variance of their mean over that of as many independent records, ≥ 1.
        most: ``deff`` where all records of a cluster are the same.
        error: how the mean varies over clusters; ``None`` where all values are the same.
        effective: clusters of one size that would tell as much.
    """

    n: int
    deff: float
    most: float
    error: Error | None
    effective: float

    @property
    def icc(self) -> float:
        """The correlation of a cluster's records that gives this ``deff``, 0 to 1."""
        return min(1.0, (self.deff - 1) / (self.most - 1)) if self.most > 1 else 0.0

    def worth(self, level: float) -> float:
        """Independent records that give an interval of the same width at a level.

        n / deff · (z / t)², t with the degrees of freedom of the variance (Korn & Graubard 1998,
        doi:10.2307/3109756; here with leverages).
        """
        if self.error is None:
            return self.least(level)
        return self.n / self.deff * _few_clusters(self.error.df, level)

    def least(self, level: float) -> float:
        """The same where all records of a cluster are the same."""
        return self.n / self.most * _few_clusters(self.effective - 1, level)


#: Below this level t's quantiles are rounded to 0; z / t hardly changes there.
_LEAST = 1e-6


def _few_clusters(df: float, level: float) -> float:
    """(z / t)²: what few clusters take off a number of records."""
    level = max(level, _LEAST)
    return (z_of(level) / t_of(level, max(1.0, df))) ** 2


def alike(x: Floats, members: Ints) -> Alike | None:
    """How alike the records of K ≥ 2 clusters are taken to be; ``None`` where each has one record.

    By the variance between clusters as far as the data show it (:func:`shown`), else as if all
    records of a cluster were the same: a weighted geometric mean of both. Where the pairs of
    records within clusters, each cluster counted by its records, are more alike than that, the
    geometric mean with what they say: few large clusters can't hide what many small ones show.

    Args:
        x: values, of which most are one (0 and 1, or differences of these) [n], sorted by cluster.
        members: cluster numbers 0 … K−1 [n].
    """
    n, k = len(x), int(members[-1]) + 1
    if k == n:
        return None
    sizes = np.bincount(members).astype(np.float64)
    most, effective = float((sizes**2).sum()) / n, effective_clusters(sizes)
    off = x - x.mean()
    squares = float((off**2).sum())
    if squares <= NONE:
        return Alike(n, most, most, None, effective)
    error = error_of_mean(sums_of(x, members), sizes, squares)
    seems = max(1.0, error.error**2 * n**2 / squares)
    share, unusual, whole = shown(x, members)
    deff = seems**share * most ** (1 - share)
    pairs = 1 + (most - 1) * _of_pairs(off, members, sizes)
    if pairs > deff:
        deff = math.sqrt(pairs * deff)
    error = replace(error, skew=_no_more_than(sizes, unusual, whole, error.skew))
    return Alike(n, float(deff), most, error, effective)


def shown(x: Floats, members: Ints) -> tuple[float, int, float]:
    """How far values show how alike those of a cluster are, 0 to 1; how many clusters hold one that
    isn't the usual one; and how many whole clusters such values would make up, each cluster counted
    by the share of its values.

    Args:
        x, members: as of :func:`alike`.
    """
    sizes = np.bincount(members).astype(np.float64)
    values, counts = np.unique(x, return_counts=True)
    usual = values[counts == counts.max()]
    unusual = [sums_of((x != each).astype(np.float64), members) for each in usual]
    holding = min(int(np.count_nonzero(u)) for u in unusual)
    whole = min(float((u / sizes).sum()) for u in unusual)
    return min(_shown(u, sizes) for u in unusual), holding, whole


def _shown(unusual: Floats, sizes: Floats) -> float:
    """The share, from how many unusual values each cluster holds [K].

    The least of two numbers. Clusters with an unusual value, out of eight, each counted by its
    further records, as a single one shows nothing. And what the large ones show: each cluster
    counted by its pairs, as it enters the variance where records are alike, and in full if it holds
    half as many unusual values as a cluster of its size would on average. They show enough if they
    are eight, more where sizes differ, or half of all.
    """
    further = sizes - 1
    if not further.any():
        return 1.0
    holding = float(further[unusual > 0].sum()) * _per_one(further)
    pairs = further * sizes
    expected = sizes * unusual.sum() / sizes.sum()
    part = np.minimum(1.0, 2 * unusual / np.maximum(expected, NONE))
    large = float((pairs * part).sum())
    differing = 2 - pairs.sum() * _per_one(pairs) / (further.sum() * _per_one(further))
    enough = max(large * _per_one(pairs) / (_ENOUGH * differing), 2 * large / pairs.sum())
    return float(min(1.0, holding / _ENOUGH, enough))


def _per_one(weights: Floats) -> float:
    """What makes weights [K] sum to the number of equal ones that they are worth."""
    return float(weights.sum() / (weights**2).sum())


def _of_pairs(off: Floats, members: Ints, sizes: Floats) -> float:
    """The correlation of records of one cluster, 0 to 1; each cluster counts by its records.

    Args:
        off: values less their mean [n].
        members: cluster numbers [n].
        sizes: of the clusters [K], more than 1 of at least one.
    """
    several = sizes > 1
    products = sums_of(off, members) ** 2 - sums_of(off**2, members)
    each = products[several] / (sizes[several] - 1)
    icc = float(each.sum() / sizes[several].sum() / (off**2).mean())
    return min(1.0, max(0.0, icc))


def _no_more_than(sizes: Floats, unusual: int, whole: float, skew: float) -> float:
    """A share's skewness, no larger than if as many whole clusters had moved, whichever they are.

    Args:
        sizes: of the clusters [K].
        unusual: how many of them hold another value than the usual one.
        whole: as how many whole clusters those values count: where single records change in many
            clusters and few clusters change as wholes, it is these that make it skew.
        skew: as the data have it, corrected for how few those are.
    """
    if unusual >= 0.5 * len(sizes):
        return skew
    q = whole / len(sizes)
    uneven = float((sizes**3).sum() / (sizes**2).sum() ** 1.5)
    return math.copysign(min(abs(skew), uneven * (1 - 2 * q) / math.sqrt(q * (1 - q))), skew)
