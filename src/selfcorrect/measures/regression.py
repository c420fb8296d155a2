"""Regressions over records that lie in clusters: each coefficient with an interval and a test.

The standard error of a coefficient is that of what the clusters contribute to it, with leverages,
Satterthwaite's degrees of freedom and all, by the function that every clustered figure stands on
(:mod:`selfcorrect.measures.clusters`). What a record contributes is its residual times what its
value of the predictor has beyond the other predictors (Frisch, Waugh and Lovell), over the sum of
that value's squares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from selfcorrect.measures.clusters import Floats, Ints, error_of, sums_of, t_of
from selfcorrect.measures.intervals import LEVEL, Estimate

#: A predictor of which less than this part is its own is told by the others.
_OWN = 1e-8
#: Log odds per standard deviation from which right and wrong are as good as told apart.
_MOST = 15.0
_STEPS = 50

TOLD = "the other predictors tell it"
CONSTANT = "it is the same in all records"
EXACT = "the fit leaves nothing unexplained, and an interval of no width would claim too much"
SEPARATED = "the predictors tell the two classes apart, so that no finite coefficient fits best"
FEW_CLUSTERS = "there are too few clusters for so many predictors"


@dataclass(frozen=True, slots=True)
class Coefficient:
    """What one predictor adds to the others.

    Attributes:
        estimate: per unit of the predictor; of ``logit`` in log odds.
        p: two-sided, of no association; ``None`` where there is no interval.
        df: degrees of freedom of the test; 0 where there is none.
    """

    estimate: Estimate
    p: float | None = None
    df: float = 0.0

    def table(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**self.estimate.table(), "p": self.p}


def regression(
    y: ArrayLike,
    predictors: Mapping[str, ArrayLike],
    clusters: ArrayLike,
    *,
    family: Literal["linear", "logit"] = "linear",
    fixed: ArrayLike | None = None,
    level: float = LEVEL,
) -> dict[str, Coefficient]:
    """Regress y on several predictors.

    Args:
        y: [n]; of ``logit`` zeros and ones.
        predictors: name → [n]. A record with a NaN in one of them, or in y, is left out.
        clusters: the cluster of each record [n].
        family: least squares, or a logistic regression by maximum likelihood.
        fixed: a group of each record [n], such as its round: each has an intercept of its own.
        level: of the intervals.

    Returns:
        A coefficient for each predictor, ``value`` ``None`` with ``why`` where it can't be told.

    Source: for the errors, Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004.
    """
    columns = {name: np.asarray(x, dtype=np.float64) for name, x in predictors.items()}
    outcome = np.asarray(y, dtype=np.float64)
    kept = np.isfinite(outcome)
    for column in columns.values():
        kept &= np.isfinite(column)
    members = np.unique(np.asarray(clusters)[kept], return_inverse=True)[1].astype(np.int64)
    n, k = int(kept.sum()), int(members.max(initial=-1)) + 1

    def nothing(why: str) -> dict[str, Coefficient]:
        return {name: Coefficient(Estimate(None, None, None, n, k, why)) for name in columns}

    intercepts = _intercepts(None if fixed is None else np.asarray(fixed)[kept], n)
    if k <= len(columns) + 1 or n <= len(columns) + intercepts.shape[1]:
        return nothing(FEW_CLUSTERS)
    x = np.stack([column[kept] for column in columns.values()], axis=1)
    spread = x.std(axis=0)
    varies = spread > 1e-12 * np.maximum(1.0, np.abs(x).max(axis=0))
    scaled = (x - x.mean(axis=0)) / np.where(varies, spread, 1.0)
    # a predictor that doesn't vary would make the others' equations singular
    design = np.concatenate([scaled[:, varies], intercepts], axis=1)
    fitted = _fit(outcome[kept], design, family)
    if fitted is None:
        return nothing(SEPARATED)
    found = nothing(CONSTANT)
    for place, j in enumerate(np.flatnonzero(varies)):
        name = list(columns)[j]
        found[name] = _coefficient(fitted, design, place, float(spread[j]), members, level)
    return found


def within(values: ArrayLike, groups: ArrayLike) -> tuple[Floats, Floats]:
    """A predictor split in two: the mean of its group, and how far each value is from it.

    Args:
        values: [n]; NaN is left out of the means and stays NaN.
        groups: such as the example of each [n].
    """
    x = np.asarray(values, dtype=np.float64)
    known = np.isfinite(x)
    number = np.unique(np.asarray(groups), return_inverse=True)[1]
    size = np.bincount(number, known)
    total = np.bincount(number, np.where(known, x, 0.0))
    mean = np.where(size > 0, total / np.maximum(size, 1), np.nan)[number]
    return mean, x - mean


def _intercepts(fixed: Any, n: int) -> Floats:
    """One column of ones, or one for each group [n, groups]."""
    if fixed is None or not n:
        return np.ones((n, 1))
    groups = np.unique(fixed, return_inverse=True)[1]
    return np.eye(int(groups.max()) + 1)[groups]


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A fit.

    Attributes:
        beta: a coefficient for each column of the design.
        residuals: y − E[y] [n].
        weights: variances of y in the fit [n], up to ``scale``.
        scale: the variance of a residual of weight 1.
    """

    beta: Floats
    residuals: Floats
    weights: Floats
    scale: float


def _fit(y: Floats, design: Floats, family: str) -> _Fitted | None:
    """``None`` where no finite coefficients fit best."""
    n, columns = design.shape
    if family == "linear":
        beta = np.asarray(np.linalg.lstsq(design, y, rcond=None)[0], np.float64)
        residuals = y - design @ beta
        scale = float(residuals @ residuals) / max(1, n - columns)
        return _Fitted(beta, residuals, np.ones(n), scale)
    beta = np.zeros(columns)
    for _ in range(_STEPS):
        p = special.expit(design @ beta)
        information = design.T @ (design * (p * (1 - p))[:, None])
        step = np.linalg.lstsq(information, design.T @ (y - p), rcond=None)[0]
        beta = beta + np.clip(step, -4, 4)
        if np.abs(beta).max() > _MOST:
            return None
        if np.abs(step).max() < 1e-10:
            p = special.expit(design @ beta)
            return _Fitted(beta, y - p, p * (1 - p), 1.0)
    return None


def _coefficient(
    fit: _Fitted, design: Floats, place: int, unit: float, members: Ints, level: float
) -> Coefficient:
    """One coefficient, per unit of the predictor as it was given.

    Args:
        design: [n, predictors], each with standard deviation 1, and the intercepts.
        place: the predictor's column.
        unit: the predictor's standard deviation.
        members: cluster numbers [n].
    """
    n, k = len(design), int(members.max()) + 1
    root = np.sqrt(fit.weights)
    others = np.delete(design, place, axis=1)
    told = np.linalg.lstsq(others * root[:, None], design[:, place] * root, rcond=None)[0]
    own = design[:, place] - others @ told
    squares = float((fit.weights * own**2).sum())
    if squares < _OWN * float(fit.weights.sum()):
        return Coefficient(Estimate(None, None, None, n, k, TOLD))
    value = float(fit.beta[place]) / unit
    parts = sums_of(own * fit.residuals, members, k) / squares
    of_each = sums_of(fit.weights * own**2, members, k)
    together = sums_of(root * np.abs(own), members, k) ** 2
    leverage = np.minimum(of_each / squares, 1 - 1e-9)
    error = error_of(
        parts, leverage, fit.scale * of_each / squares**2, fit.scale * together / squares**2
    )
    effective = 1 / float((leverage**2).sum())
    worth = effective if effective < k * (1 - 1e-9) else None
    if error.error < 1e-9 * abs(float(fit.beta[place])) or error.error == 0:
        return Coefficient(Estimate(value, None, None, n, k, EXACT, worth))
    half = t_of(level, error.df) * error.error / unit
    p = float(2 * special.stdtr(error.df, -abs(value) * unit / error.error))
    return Coefficient(
        Estimate(value, value - half, value + half, n, k, effective=worth), p, error.df
    )
