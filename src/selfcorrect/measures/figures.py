"""A task's own figures: of one round, or the difference of two, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfcorrect.errors import UserError
from selfcorrect.measures.clusters import Floats, Ints, error_of_jackknife
from selfcorrect.measures.intervals import (
    LEVEL,
    Estimate,
    cut,
    error_interval,
    one_cluster,
    proportion,
    unequal,
)
from selfcorrect.measures.paired import share_difference
from selfcorrect.outcome import Figure, Share, Sums


def figure_named(
    name: str,
    compute: Figure,
    columns: Mapping[str, Floats],
    clusters: NDArray[Any],
    *,
    level: float = LEVEL,
    less: Mapping[str, Floats] | None = None,
) -> Estimate:
    """:func:`figure_of`, where whatever a task's own code raises is one sentence.

    Raises:
        UserError: the figure fails.
    """
    told, less = _told(columns), None if less is None else _told(less)
    try:
        return figure_of(compute, told, clusters, level=level, less=less)
    except Exception as error:  # the task's code, or what it gave to numpy
        said = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(f"the task's figure {name!r} fails: {said}; correct it.") from error


class _Unread(dict[str, Floats]):
    """Columns of records of which no answer was read: whatever number of the task's own a figure
    asks for, they don't have it."""

    def __missing__(self, name: str) -> Floats:
        return np.full(len(self["outcome"]), np.nan)


def _told(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    read = "parse_rate" not in columns or bool((columns["parse_rate"] == 1).any())
    return dict(columns) if read else _Unread(columns)


def figure_of(
    compute: Figure,
    columns: Mapping[str, Floats],
    clusters: NDArray[Any],
    *,
    level: float = LEVEL,
    less: Mapping[str, Floats] | None = None,
) -> Estimate:
    """A task's figure in one round, or its difference from another round's on the same examples.

    Args:
        compute: the figure; a :class:`Share` has a share's interval, any other the jackknife's:
            :class:`Sums` by their sums, others are computed again without each group of clusters.
        columns: the round's columns [D].
        clusters: the cluster of each [D].
        level: of the interval.
        less: the columns of the round that is taken off.
    """
    if isinstance(compute, Share):
        after = compute.values(columns)
        if less is None:
            return proportion(after, clusters, level=level)
        return _between_shares(after, compute.values(less), clusters, level)
    if isinstance(compute, Sums):
        terms, value, (low, high) = compute.terms(columns), compute.value, compute.bounds
        if less is None:
            return of_sums(terms, value, clusters, bounds=(low, high), level=level)
        both, m = np.concatenate([terms, compute.terms(less)], axis=1), terms.shape[1]
        return of_sums(
            both,
            lambda s: value(s[..., :m]) - value(s[..., m:]),
            clusters,
            bounds=(low - high, high - low),
            level=level,
        )

    def at(which: NDArray[np.int64]) -> float:
        with np.errstate(all="ignore"):  # 0/0 is NaN, which the figure's contract allows
            number = compute(_some(columns, which))
            if less is not None:
                number -= compute(_some(less, which))
        return number

    return figure(at, clusters, level=level)


def _some(columns: Mapping[str, Floats], which: NDArray[np.int64]) -> Mapping[str, Floats]:
    picked = {name: column[which] for name, column in columns.items()}
    return _Unread(picked) if isinstance(columns, _Unread) else picked


def _between_shares(
    after: Floats, before: Floats, clusters: NDArray[Any], level: float
) -> Estimate:
    """The difference of two shares, which need not be of the same records."""
    there = [np.isfinite(each) for each in (after, before)]
    if (there[0] == there[1]).all():
        return share_difference(after, before, clusters, level=level)
    parts = [np.nan_to_num(after), there[0], np.nan_to_num(before), there[1]]
    return of_sums(
        np.stack(parts, axis=1),
        lambda s: s[..., 0] / s[..., 1] - s[..., 2] / s[..., 3],
        clusters,
        bounds=(-1, 1),
        level=level,
    )


def of_sums(
    terms: Floats,
    value: Callable[[Floats], Floats],
    clusters: ArrayLike,
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    level: float = LEVEL,
) -> Estimate:
    """A number computed from sums over records, with an interval over clusters.

    As :func:`figure`, at the cost of a few sums, so that each cluster is left out by itself.

    Args:
        terms: what is summed [n, m].
        value: the number [...] from sums [..., m]; not finite where it is undefined.
        clusters: the cluster of each record [n].
        bounds: between what it can lie; its interval is cut there.
        level: of the interval.
    """
    terms = np.asarray(terms, dtype=np.float64)
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    sums: Floats = np.stack([np.bincount(members, t) for t in terms.T], axis=1)
    total = sums.sum(axis=0)

    def numbers(totals: Floats) -> Floats:
        with np.errstate(all="ignore"):  # 0/0 is NaN, which stands for undefined
            return np.asarray(value(totals), dtype=np.float64)

    def independent() -> float | None:
        each = numbers(total - terms)
        return float(((each - each.mean()) ** 2).sum()) if np.isfinite(each).all() else None

    e = _figure(
        members,
        members,
        lambda: float(numbers(total)),
        lambda: numbers(total - sums),
        independent,
        level,
    )
    return cut(e, bounds)


def of_sums_with_p(
    terms: Floats,
    value: Callable[[Floats], Floats],
    clusters: ArrayLike,
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """As :func:`of_sums`, its interval known at every level: :func:`intervals.p_of` tells its p."""
    found: dict[bytes, Floats] = {}

    def once(sums: Floats) -> Floats:  # every level asks for the number of the same sums
        key = sums.tobytes()
        if key not in found:
            found[key] = np.asarray(value(sums), dtype=np.float64)
        return found[key]

    def at(level: float) -> tuple[float, float]:
        e = of_sums(terms, once, clusters, bounds=bounds, level=level)
        return (-math.inf, math.inf) if e.low is None or e.high is None else (e.low, e.high)

    return replace(of_sums(terms, once, clusters, bounds=bounds), at=at)


def figure(
    compute: Callable[[Ints], float], clusters: ArrayLike, *, level: float = LEVEL
) -> Estimate:
    """Any number computed from records, with an interval over clusters.

    The jackknife, with the leverage of what is left out (:func:`clusters.error_of_jackknife`):
    for a mean it is the mean's own interval (Efron & Tibshirani 1993, ch. 11). More than
    :data:`GROUPS` clusters are left out in so many groups.

    Args:
        compute: the figure from some records, given as positions [m] into all of them; NaN where
            it is undefined.
        clusters: the cluster of each record [n].
        level: of the interval.
    """
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    groups = _grouped(members)

    def without() -> Floats:
        every = range(int(groups.max()) + 1)
        return np.array([float(compute(np.flatnonzero(groups != g))) for g in every])

    return _figure(
        members,
        groups,
        lambda: float(compute(np.arange(len(members)))),
        without,
        lambda: None,
        level,
    )


#: So many groups of clusters are left out at most, one after the other.
GROUPS = 200


def _grouped(members: Ints) -> Ints:
    """The group of each record: its cluster, or one of :data:`GROUPS` of about one size."""
    sizes = np.bincount(members)
    if len(sizes) <= GROUPS:
        return members
    rng = np.random.default_rng(0)
    # from the largest on, in rounds, each round dealt out anew: no order of the data decides
    order = np.lexsort((rng.random(len(sizes)), -sizes))
    group = np.empty(len(sizes), np.int64)
    for start in range(0, len(order), GROUPS):
        part = order[start : start + GROUPS]
        group[part] = rng.permutation(GROUPS)[: len(part)]
    return group[members]


def _figure(
    members: Ints,
    groups: Ints,
    whole: Callable[[], float],
    without: Callable[[], Floats],
    independent: Callable[[], float | None],
    level: float,
) -> Estimate:
    """From the figure of all records, and those without each group."""
    n, k = len(members), len(np.unique(members))
    if n == 0:
        return Estimate(None, None, None, 0, 0, "no records")
    value = whole()
    if not math.isfinite(value):
        return Estimate(None, None, None, n, k, "undefined for these records")
    if k == 1:
        return one_cluster(value, n)
    kept = without()
    if not np.isfinite(kept).all():
        why = "undefined without one of the clusters"
        return Estimate(value, None, None, n, k, why, unequal(members))
    sizes = np.bincount(groups).astype(np.float64)
    alike = (sizes == sizes[0]).all()
    error = error_of_jackknife(value, kept, sizes, None if alike else independent())
    return error_interval(value, error, members, level)
