"""The difference of two options that are as likely as each other, from pairs of any likelihoods.

One option of a pair may gain more than the other only as it is likelier: how much likelihood is
worth depends on the law, and no scale fits all. A model that adds the same to the log odds of
whatever it reads gives a likelier option more in probability; one that copies it with a fixed
probability, and else answers as by itself, gives a likelier option less in log odds. But a law that
doesn't look at whose option it is stays the same if the two are exchanged. Then the difference is
an odd function of how far apart their likelihoods are, and is 0 where they are equal. So the
difference is regressed on odd functions of that, and the claim is the intercept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.figures import of_sums_with_p
from selfcorrect.measures.intervals import Estimate

#: Natural logarithms apart from which two options count for nothing: 20 times as likely. Odd
#: functions of two terms fit well so far, and not beyond.
REACH = 3.0
#: So far apart two options are about as likely as each other.
NEAR = 1.0
#: In so many clusters there have to be pairs that are.
LEAST_NEAR = 10


def as_likely(
    difference: ArrayLike,
    apart: ArrayLike,
    clusters: ArrayLike,
    *,
    groups: ArrayLike | None = None,
) -> Estimate:
    """What a difference is where both options of a pair are as likely as each other.

    Weighted least squares with weights 1 − |x| / 3 (the largest |x| of several readings), on an
    intercept and, of each reading, x and tanh(x / 2); the jackknife's interval over clusters.

    Args:
        difference: of each dialogue's pairs [D, P]; NaN where there is none.
        apart: by how much likelier the first option of a pair is, log(p / p'), in one or more
            readings [R, D, P]; NaN likewise.
        clusters: of each dialogue [D].
        groups: a group of each dialogue [D], from 0, with an intercept each; the estimate is their
            mean, each counted once. By default there is one.

    Returns:
        The estimate, n the dialogues with a pair within reach; undefined, with the reason, where
        fewer than :data:`LEAST_NEAR` clusters have a pair that is about as likely.
    """
    y, x = np.asarray(difference, np.float64), np.asarray(apart, np.float64)
    names = np.asarray(clusters)
    each = np.zeros(len(y), np.int64) if groups is None else np.asarray(groups, np.int64)
    far = np.abs(x).max(axis=0)  # NaN stays
    there = np.isfinite(y) & (far < REACH)
    rows = there.any(axis=1)
    n, k = int(rows.sum()), len(np.unique(names[rows]))
    near = len(np.unique(names[(there & (far <= NEAR)).any(axis=1)]))
    if near < LEAST_NEAR:
        why = (
            f"in {near} clusters there are two options to compare of which none is more than "
            f"{np.exp(NEAR):.1f} times as likely as the other, and it takes {LEAST_NEAR}"
        )
        return Estimate(None, None, None, n, k, why)
    weights = np.where(there, 1 - far / REACH, 0.0)[rows]
    y, x = np.where(there, y, 0.0)[rows], np.where(there, x, 0.0)[:, rows]
    each = np.unique(each[rows], return_inverse=True)[1]
    width = int(each.max()) + 1
    ones = np.repeat((each == np.arange(width)[:, None])[..., None], y.shape[1], axis=2)
    design = np.concatenate([ones, x, np.tanh(x / 2)])  # [columns, n, P]
    columns = len(design)
    one, other = np.triu_indices(columns)
    squares = (weights * design[one] * design[other]).sum(axis=-1).T
    products = (weights * design * y).sum(axis=-1).T
    wanted = np.zeros(columns)
    wanted[:width] = 1 / width

    def value(sums: Floats) -> Floats:
        gram = np.zeros((*sums.shape[:-1], columns, columns))
        gram[..., one, other] = gram[..., other, one] = sums[..., : len(one)]
        inverse = np.linalg.pinv(gram, rcond=1e-10, hermitian=True)
        found = np.einsum("...ij,...j->...i", inverse, sums[..., len(one) :]) @ wanted
        # where the pairs are all as far apart, an intercept can't be told from a slope
        lost = np.abs((gram @ inverse) @ wanted - wanted).max(axis=-1) > 1e-6
        return np.where(lost, np.nan, found)

    return of_sums_with_p(np.hstack([squares, products]), value, names[rows])
