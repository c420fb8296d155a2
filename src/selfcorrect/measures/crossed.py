"""Means over examples and wordings, both of which are samples: there could have been others.

An interval that counts examples alone says what these very wordings do; one that counts wordings as
well says what wordings of their kind do. The variance is that of the examples' means, over
clusters, plus that of the wordings' means over their number. What both have in common, the
interaction over n times w, is in both and isn't taken out: the interval is a little too wide.

Whether wordings differ at all is an F test: how far their means lie apart, against what the
clusters give them, each with its leverage.

Source: Owen 2007, doi:10.1214/07-AOAS122 (the variance of a mean of crossed random effects is at
most the sum of those by either margin).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from selfcorrect.measures.clusters import (
    Error,
    Floats,
    Ints,
    effective_clusters,
    error_of_mean,
    sums_of,
)
from selfcorrect.measures.intervals import (
    LEVEL,
    UNVARYING,
    Estimate,
    checked,
    finite,
    mean,
    p_of,
    reaching,
    unequal,
)
from selfcorrect.measures.unread import p_whatever
from selfcorrect.measures.unseen import ANYWHERE, Room


@dataclass(frozen=True, slots=True)
class Crossed:
    """A mean over both.

    Attributes:
        estimate: with an interval for other examples and other wordings.
        fixed: the same mean with an interval for other examples and these wordings.
        p: two-sided, of a mean of 0; ``None`` without an interval.
        spread: standard deviation between wordings, beyond what the examples' sampling gives, with
            its interval; ``value`` 0 where they differ by no more than that; ``effective`` clusters
            of examples.
        p_spread: of no difference between wordings: twice the upper tail, so that it is below .05
            where the interval of ``spread`` is above 0.
        wordings: the mean of each [W].
    """

    estimate: Estimate
    fixed: Estimate
    p: float | None
    spread: Estimate
    p_spread: float | None
    wordings: tuple[float, ...]

    def table(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            **self.estimate.table(),
            "p": self.p,
            "fixed": self.fixed.table(),
            "spread": {**self.spread.table(), "p": self.p_spread},
            "wordings": list(self.wordings),
        }


def crossed(
    values: ArrayLike,
    clusters: ArrayLike,
    *,
    level: float = LEVEL,
    room: Room = ANYWHERE,
    between: tuple[ArrayLike, ArrayLike] | None = None,
    cautious: bool = False,
) -> Crossed:
    """The mean of [D, W], over examples in clusters and over wordings.

    Args:
        values: a row an example, a column a wording; an example with a NaN is left out.
        clusters: of each example [D].
        level: of the intervals.
        room: between what a value lies, for what no example showed.
        between: the least and the most that each value could be [D, W] each, where answers weren't
            read: intervals are then wide enough for, and p as large as with, any of them.
        cautious: of so few wordings that their variance is hardly known: the interval is t's with
            the fewer of both degrees of freedom, where else a variance of three that is small by
            chance would count for nothing.

    Raises:
        ValueError: fewer than two wordings.
    """
    x, names = np.asarray(values, dtype=np.float64), np.asarray(clusters)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"at least two wordings, not {x.shape}")
    found = _crossed(x, names, level, room, cautious)
    if between is None or found.estimate.value is None:
        return found
    low, high = (np.asarray(each, dtype=np.float64) for each in between)
    ends = [found, *(_crossed(each, names, level, room, cautious) for each in (low, high))]
    others = _alike_and_apart(low, high)
    apart = [*ends, *(_crossed(each, names, level, room, cautious) for each in others)]
    ps = [each.p_spread for each in apart]
    return Crossed(
        _widest([each.estimate for each in ends]),
        _widest([each.fixed for each in ends]),
        p_whatever([each.estimate for each in ends], [each.p for each in ends]),
        _widest([each.spread for each in apart]),
        None if None in ps else max(ps),  # type: ignore[type-var]
        found.wordings,
    )


def unbounded(found: Crossed) -> Crossed:
    """The same without intervals: unread answers could be anything."""
    why = "unread answers have no bounds"
    parts = (replace(e, low=None, high=None, why=why, at=None)
             for e in (found.estimate, found.fixed, found.spread))  # fmt: skip
    estimate, fixed, spread = parts
    return Crossed(estimate, fixed, None, spread, None, found.wordings)


def _widest(found: Sequence[Estimate]) -> Estimate:
    """The first, with an interval that holds those of all."""
    first = found[0]
    for each in found:
        if each.low is None or each.high is None:
            return replace(first, low=None, high=None, why=each.why)
    return replace(first, low=min(e.low for e in found), high=max(e.high for e in found))  # type: ignore[type-var]


def _alike_and_apart(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Values between these [D, W] whose wordings' means lie as close together as they can, and as
    far apart."""
    whole = np.isfinite(low).all(axis=1) & np.isfinite(high).all(axis=1)
    a, b = low[whole].mean(axis=0), high[whole].mean(axis=0)
    targets = np.linspace(min(a.min(), b.min()), max(a.max(), b.max()), 201)
    means = np.clip(targets[:, None], a, b)
    alike = means[means.var(axis=1).argmin()]
    order = np.argsort(a + b)
    upper = np.argsort(order) >= np.arange(1, len(a))[:, None]  # the last so many are counted high
    means = np.where(upper, b, a)
    apart = means[means.var(axis=1).argmax()]
    width = np.where(b > a, b - a, 1.0)
    one, other = (low + (m - a) / width * (high - low) for m in (alike, apart))
    return one, other


def _crossed(x: Floats, names: Any, level: float, room: Room, cautious: bool) -> Crossed:
    whole = np.isfinite(x).all(axis=1)
    x, names = x[whole], names[whole]
    w = x.shape[1]
    means, members, missing = finite(x.mean(axis=1), names)
    if missing is not None:
        return Crossed(missing, missing, None, missing, None, ())
    n, k = len(x), int(members[-1]) + 1
    value = float(x.mean())
    each = x.mean(axis=0)
    told = tuple(each.tolist())
    if k < 2:
        why = "all examples lie in one cluster"
        alone = Estimate(value, None, None, n, k, why)
        return Crossed(alone, alone, None, Estimate(None, None, None, w, w, why), None, told)
    sizes = np.bincount(members).astype(np.float64)
    error = _error(means - value, members, sizes)
    ours = _error(each - value, np.arange(w), np.ones(w))
    variance = error.error**2 + ours.error**2
    worth = unequal(members)
    fixed = mean(means, members, level=level, room=room)
    if variance <= 0:
        flat = Estimate(value, None, None, n, k, UNVARYING, worth)
        none = Estimate(0.0, None, None, w, w, UNVARYING)
        return Crossed(fixed if room.bounded else flat, fixed, p_of(fixed), none, None, told)
    satterthwaite = variance**2 / (error.error**4 / error.df + ours.error**4 / ours.df)
    total = Error(
        variance**0.5,
        min(error.df, ours.df) if cautious else satterthwaite,
        # the examples' alone: that of so few wordings can't be told
        error.skew * error.error**3 / variance**1.5,
    )
    independent = effective_clusters(sizes) if room.whole else float(n)
    at = reaching(value, lambda wanted: total.ends(value, wanted), room, independent)
    e = replace(checked(value, *at(level), n, k), effective=worth, at=at)
    spread, p = _spread(x, names, level)
    return Crossed(e, fixed, p_of(e), spread, p, told)


def _error(deviations: Floats, members: Ints, sizes: Floats) -> Error:
    return error_of_mean(sums_of(deviations, members), sizes, float((deviations**2).sum()))


def _spread(x: Floats, names: Any, level: float) -> tuple[Estimate, float | None]:
    """How far wordings lie apart: their variance less that which the examples give them; and p of
    no difference.

    The wordings' means are turned into w − 1 contrasts, each with the error of a mean over clusters
    and its degrees of freedom.
    """
    w = x.shape[1]
    members = np.unique(names, return_inverse=True)[1].astype(np.int64)
    sizes = np.bincount(members).astype(np.float64)
    contrasts = x @ np.linalg.qr(np.eye(w)[:, : w - 1] - 1 / w)[0]
    apart = contrasts.mean(axis=0)
    errors = [_error(c, members, sizes) for c in (contrasts - apart).T]
    by_chance = float(np.mean([e.error**2 for e in errors]))
    df = sum(e.df for e in errors)
    between = float((apart**2).mean())
    rounding = (1e-12 * float(np.abs(x).max())) ** 2
    between, by_chance = (v if v > rounding else 0.0 for v in (between, by_chance))
    ends = [between / stats.f.ppf(q, w - 1, df) for q in ((1 + level) / 2, (1 - level) / 2)]
    value, low, high = (max(0.0, v - by_chance) ** 0.5 for v in (between, *ends))
    p = min(1.0, 2 * float(stats.f.sf(between / by_chance, w - 1, df))) if by_chance > 0 else None
    worth = effective_clusters(sizes)
    return Estimate(value, float(low), float(high), w, w, effective=worth), p
