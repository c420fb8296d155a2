"""Whether two numbers of each category go together, beyond what others tell of both."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from selfcorrect.measures.clusters import Floats, z_of
from selfcorrect.measures.intervals import LEVEL, Estimate

#: With fewer categories than these nothing is told.
LEAST_CATEGORIES = 6
#: Permutations drawn where not all of them can be tried.
PERMUTATIONS = 9_999
_FLAT = 1e-9


@dataclass(frozen=True)
class Residuals:
    """What is left of two numbers of K categories, beyond what is given; weighted.

    Attributes:
        x, y: what is left of each [K].
        left: takes away what is given [K, K], of weighted numbers.
        root: of each category's weight, of mean square 1 [K].
        given: how many numbers are given.
        effective: how many categories of one weight these are worth.
        there: which categories have all numbers, of those asked for.
    """

    x: Floats
    y: Floats
    left: Floats
    root: Floats
    given: int
    effective: float
    there: NDArray[np.bool_]

    def estimate(self, r: float, level: float = LEVEL) -> Estimate:
        """A correlation of these with Fisher's interval."""
        k = len(self.x)
        reach = z_of(level) / math.sqrt(self.effective - 3 - self.given)
        z = math.atanh(min(1 - 1e-12, max(-1 + 1e-12, r)))
        return Estimate(r, math.tanh(z - reach), math.tanh(z + reach), k, k)

    def p(self, r: float, seed: int) -> float:
        """Two-sided p of a correlation as large, by permutation of what is left of y (Freedman &
        Lane 1983, doi:10.1080/07350015.1983.10509354)."""
        one = self.x / np.linalg.norm(self.x)

        def correlation(e: Floats, axis: int = -1) -> Floats:
            del axis  # always the last
            again = e @ self.left
            return np.asarray(again @ one / np.linalg.norm(again, axis=-1))

        law = stats.permutation_test(
            (self.y,),
            correlation,
            permutation_type="pairings",
            vectorized=True,
            n_resamples=PERMUTATIONS,
            rng=np.random.default_rng(seed),
        ).null_distribution
        every = math.factorial(len(self.x)) <= PERMUTATIONS
        tail = int((np.sign(r or 1.0) * law >= abs(r) * (1 - 1e-12)).sum())
        return min(1.0, 2 * (tail + (not every)) / (len(law) + (not every)))


def residuals(
    x: ArrayLike, y: ArrayLike, given: ArrayLike, weights: ArrayLike | None = None
) -> Residuals | Estimate:
    """What is left of two numbers of each category beyond what is given.

    Args:
        x, y: a number of each category [K]; a category with one that isn't finite is left out.
        given: one number of each [K], or several [K, G].
        weights: what a category counts, such as how many examples its numbers are means of [K];
            by default all the same.

    Returns:
        An estimate without a value where it can't be told, with the reason.
    """
    others = np.asarray(given, np.float64)
    others = others[:, None] if others.ndim == 1 else others
    rows = np.column_stack([np.asarray(x, np.float64), np.asarray(y, np.float64), others])
    there: NDArray[np.bool_] = np.asarray(np.isfinite(rows).all(axis=1))
    w = np.ones(len(rows)) if weights is None else np.asarray(weights, np.float64)
    rows, w = rows[there], w[there]
    k, g = len(rows), others.shape[1]
    if k < LEAST_CATEGORIES:
        why = f"{k} categories, and at least {LEAST_CATEGORIES} are needed"
        return Estimate(None, None, None, k, k, why)
    effective = float(w.sum() ** 2 / (w**2).sum())
    if effective < LEAST_CATEGORIES - _FLAT:
        why = (
            f"{k} categories, of such sizes that they count as {effective:.1f}, and at least "
            f"{LEAST_CATEGORIES} are needed"
        )
        return Estimate(None, None, None, k, k, why)
    root = np.sqrt(w / w.mean())
    rows = rows * root[:, None]
    design = np.column_stack([root, rows[:, 2:]])
    left = np.eye(k) - design @ np.linalg.pinv(design)
    one, other = left @ rows[:, 0], left @ rows[:, 1]
    for name, e, whole in (("first", one, rows[:, 0]), ("second", other, rows[:, 1])):
        if np.abs(e).max() <= _FLAT * max(1.0, float(np.abs(whole).max())):
            why = f"the {name} number follows from what is given, in every category"
            return Estimate(None, None, None, k, k, why)
    return Residuals(one, other, left, root, g, effective, there)


def partial(
    x: ArrayLike,
    y: ArrayLike,
    given: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> tuple[Estimate, float | None]:
    """The partial correlation of x and y over categories, given other numbers, and its p.

    The interval is Fisher's, 1 / √(K − 3 − G) of the transformed correlation for G numbers that are
    given. Of weighted categories K is the effective number in the interval, (Σ w)² / Σ w², and it
    is weighted residuals, which vary alike, that are permuted.

    Args:
        x, y, given, weights: as for :func:`residuals`.
        level: of the interval.
        seed: of the permutations, where not all can be tried.

    Returns:
        The estimate, its ``n`` and ``clusters`` the categories; p is ``None`` where it is
        undefined.
    """
    of = residuals(x, y, given, weights)
    if isinstance(of, Estimate):
        return of, None
    r = float(of.x @ of.y / np.linalg.norm(of.x) / np.linalg.norm(of.y))
    return of.estimate(r, level), of.p(r, seed)
