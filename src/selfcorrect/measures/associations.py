"""Whether two numbers of each category go together, beyond what a third tells of both."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from selfcorrect.measures.clusters import Floats, z_of
from selfcorrect.measures.intervals import LEVEL, Estimate

#: With fewer categories than these nothing is told.
LEAST_CATEGORIES = 6
#: Permutations drawn where not all of them can be tried.
PERMUTATIONS = 9_999
_FLAT = 1e-9


def partial(
    x: ArrayLike,
    y: ArrayLike,
    given: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[Estimate, float | None]:
    """The partial correlation of x and y over categories, given a third number, and its p.

    The interval is Fisher's, 1 / √(K − 4) of the transformed correlation; p is of residuals of y
    permuted over the categories (Freedman & Lane 1983, doi:10.1080/07350015.1983.10509354). Of
    weighted categories K is the effective number in the interval, (Σ w)² / Σ w², and it is weighted
    residuals, which vary alike, that are permuted.

    Args:
        x, y, given: a number of each category [K]; a category with one that isn't finite is left
            out.
        weights: what a category counts, such as how many examples its numbers are means of [K];
            by default all the same.
        level: of the interval.
        seed: of the permutations, where not all can be tried.

    Returns:
        The estimate, its ``n`` and ``clusters`` the categories; p is ``None`` where it is
        undefined.
    """
    rows = np.column_stack([np.asarray(each, np.float64) for each in (x, y, given)])
    there = np.isfinite(rows).all(axis=1)
    w = np.ones(len(rows)) if weights is None else np.asarray(weights, np.float64)
    rows, w = rows[there], w[there]
    k = len(rows)
    if k < LEAST_CATEGORIES:
        why = f"{k} categories, and at least {LEAST_CATEGORIES} are needed"
        return Estimate(None, None, None, k, k, why), None
    effective = float(w.sum() ** 2 / (w**2).sum())
    if effective < LEAST_CATEGORIES - _FLAT:
        why = (
            f"{k} categories, of such sizes that they count as {effective:.1f}, and at least "
            f"{LEAST_CATEGORIES} are needed"
        )
        return Estimate(None, None, None, k, k, why), None
    root = np.sqrt(w / w.mean())
    rows = rows * root[:, None]
    design = np.column_stack([root, rows[:, 2]])
    left = np.eye(k) - design @ np.linalg.pinv(design)
    one, other = left @ rows[:, 0], left @ rows[:, 1]
    for name, e, whole in (("first", one, rows[:, 0]), ("second", other, rows[:, 1])):
        if np.abs(e).max() <= _FLAT * max(1.0, float(np.abs(whole).max())):
            why = f"the {name} number follows from what is given, in every category"
            return Estimate(None, None, None, k, k, why), None
    one = one / np.linalg.norm(one)

    def correlation(e: Floats, axis: int = -1) -> Floats:
        del axis  # always the last
        again = e @ left
        return np.asarray(again @ one / np.linalg.norm(again, axis=-1))

    r = float(correlation(other))
    tested = stats.permutation_test(
        (other,),
        correlation,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=PERMUTATIONS,
        rng=np.random.default_rng(seed),
    )
    reach = z_of(level) / math.sqrt(effective - 4)
    z = math.atanh(min(1 - 1e-12, max(-1 + 1e-12, r)))
    return Estimate(r, math.tanh(z - reach), math.tanh(z + reach), k, k), float(tested.pvalue)
