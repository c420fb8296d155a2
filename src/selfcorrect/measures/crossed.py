"""Means over examples and wordings, both of which are samples: there could have been others.

An interval that counts examples alone says what these very wordings do; one that counts wordings as
well says what wordings of their kind do. The variance is that of the examples' means, over
clusters, plus that of the wordings' means over their number. What both have in common, the
interaction over n times w, is in both and isn't taken out: the interval is a little too wide.

Source: Owen 2007, doi:10.1214/07-AOAS122 (the variance of a mean of crossed random effects is at
most the sum of those by either margin).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from selfcorrect.measures.clusters import error_of_mean, sums_of, t_of
from selfcorrect.measures.intervals import LEVEL, UNVARYING, Estimate, finite, unequal


@dataclass(frozen=True, slots=True)
class Crossed:
    """A mean over both.

    Attributes:
        estimate: with an interval for other examples and other wordings.
        fixed: the same mean with an interval for other examples and these wordings.
        p: two-sided, of a mean of 0; ``None`` without an interval.
        spread: standard deviation between wordings, beyond what the examples' sampling gives, with
            its interval; ``value`` 0 where they differ by no more than that.
        wordings: the mean of each [W].
    """

    estimate: Estimate
    fixed: Estimate
    p: float | None
    spread: Estimate
    wordings: tuple[float, ...]

    def table(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            **self.estimate.table(),
            "p": self.p,
            "fixed": self.fixed.table(),
            "spread": self.spread.table(),
            "wordings": list(self.wordings),
        }


def crossed(values: ArrayLike, clusters: ArrayLike, *, level: float = LEVEL) -> Crossed:
    """The mean of [D, W], over examples in clusters and over wordings.

    Args:
        values: a row an example, a column a wording; an example with a NaN is left out.
        clusters: of each example [D].
        level: of the intervals.

    Raises:
        ValueError: fewer than two wordings.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"at least two wordings, not {x.shape}")
    whole = np.isfinite(x).all(axis=1)
    x, names = x[whole], np.asarray(clusters)[whole]
    w = x.shape[1]
    means, members, missing = finite(x.mean(axis=1), names)
    if missing is not None:
        return Crossed(missing, missing, None, missing, ())
    n, k = len(x), int(members[-1]) + 1
    value = float(x.mean())
    each = tuple(x.mean(axis=0).tolist())
    if k < 2:
        why = "all examples lie in one cluster"
        alone = Estimate(value, None, None, n, k, why)
        return Crossed(alone, alone, None, Estimate(None, None, None, w, w, why), each)
    sizes = np.bincount(members).astype(np.float64)
    error = error_of_mean(
        sums_of(means - value, members), sizes, float(((means - value) ** 2).sum())
    )
    between = float(np.var(each, ddof=1))
    variance = error.error**2 + between / w
    worth = unequal(members)
    if variance <= 0:
        flat = Estimate(value, None, None, n, k, UNVARYING, worth)
        return Crossed(flat, flat, None, Estimate(0.0, None, None, w, w, UNVARYING), each)
    df = variance**2 / (error.error**4 / error.df + (between / w) ** 2 / (w - 1))
    half = t_of(level, df) * variance**0.5
    reach = t_of(level, error.df) * error.error
    return Crossed(
        Estimate(value, value - half, value + half, n, k, effective=worth),
        Estimate(value, value - reach, value + reach, n, k, effective=worth),
        float(2 * stats.t.sf(abs(value) / variance**0.5, df)),
        _spread(x, names, between, level),
        each,
    )


def _spread(x: Any, names: Any, between: float, level: float) -> Estimate:
    """How far wordings lie apart: their variance less that which the examples give them."""
    w = x.shape[1]
    # an example's deviations from its own mean: what a wording's mean varies by, by examples alone
    centred = x - x.mean(axis=1, keepdims=True) - (x.mean(axis=0) - x.mean())
    members = np.unique(names, return_inverse=True)[1].astype(np.int64)
    k = int(members.max()) + 1
    sums = np.stack([sums_of(centred[:, j], members, k) for j in range(w)])
    by_chance = float((sums**2).sum()) / len(x) ** 2 / (w - 1) * k / max(1, k - 1)
    ends = [
        between * (w - 1) / stats.chi2.ppf(q, w - 1) for q in ((1 + level) / 2, (1 - level) / 2)
    ]
    value, low, high = (max(0.0, v - by_chance) ** 0.5 for v in (between, *ends))
    return Estimate(value, float(low), float(high), w, w)
