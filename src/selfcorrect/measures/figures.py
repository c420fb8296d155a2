"""A task's own figures: of one round, or the difference of two, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfcorrect.errors import UserError
from selfcorrect.measures.intervals import (
    BOOTSTRAP_FROM,
    FIGURE_RESAMPLES,
    LEVEL,
    ROUNDING,
    TOO_FEW,
    UNVARYING,
    Estimate,
    Floats,
    Ints,
    checked,
    cut,
    one_cluster,
    proportion,
    resampled,
    t_quantile,
)
from selfcorrect.measures.paired import share_difference
from selfcorrect.outcome import Figure, Share, Sums


def figure_named(
    name: str,
    compute: Figure,
    columns: Mapping[str, Floats],
    clusters: NDArray[Any],
    *,
    seed: int = 0,
    less: Mapping[str, Floats] | None = None,
) -> Estimate:
    """The same; whatever a task's own code raises here is one sentence.

    Raises:
        UserError: the figure fails.
    """
    try:
        return figure_of(compute, columns, clusters, seed=seed, less=less)
    except Exception as error:  # the task's code, or what it gave to numpy
        said = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(f"the task's figure {name!r} fails: {said}; correct it.") from error


def figure_of(
    compute: Figure,
    columns: Mapping[str, Floats],
    clusters: NDArray[Any],
    *,
    seed: int = 0,
    less: Mapping[str, Floats] | None = None,
) -> Estimate:
    """A task's figure in one round, or its difference from another round's on the same examples.

    Args:
        compute: the figure; a :class:`Share` has a share's interval, :class:`Sums` are resampled
            by their sums, any other is computed again for every resample.
        columns: the round's columns [D].
        clusters: the cluster of each [D].
        seed: of the resampling.
        less: the columns of the round that is taken off.
    """
    if isinstance(compute, Share):
        after = compute.values(columns)
        if less is None:
            return proportion(after, clusters)
        return _between_shares(after, compute.values(less), clusters, seed)
    if isinstance(compute, Sums):
        terms, value, (low, high) = compute.terms(columns), compute.value, compute.bounds
        if less is None:
            return of_sums(terms, value, clusters, bounds=(low, high), seed=seed)
        both, m = np.concatenate([terms, compute.terms(less)], axis=1), terms.shape[1]
        return of_sums(
            both,
            lambda s: value(s[..., :m]) - value(s[..., m:]),
            clusters,
            bounds=(low - high, high - low),
            seed=seed,
        )

    def at(which: NDArray[np.int64]) -> float:
        with np.errstate(all="ignore"):  # 0/0 is NaN, which the figure's contract allows
            number = compute({name: column[which] for name, column in columns.items()})
            if less is not None:
                number -= compute({name: column[which] for name, column in less.items()})
        return number

    return figure(at, clusters, seed=seed)


def _between_shares(after: Floats, before: Floats, clusters: NDArray[Any], seed: int) -> Estimate:
    """The difference of two shares, which need not be of the same records."""
    there = [np.isfinite(each) for each in (after, before)]
    if (there[0] == there[1]).all():
        return share_difference(after, before, clusters)
    parts = [np.nan_to_num(after), there[0], np.nan_to_num(before), there[1]]
    return of_sums(
        np.stack(parts, axis=1),
        lambda s: s[..., 0] / s[..., 1] - s[..., 2] / s[..., 3],
        clusters,
        bounds=(-1, 1),
        seed=seed,
    )


def of_sums(
    terms: Floats,
    value: Callable[[Floats], Floats],
    clusters: ArrayLike,
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    bootstrap: bool = True,
    seed: int = 0,
) -> Estimate:
    """A number computed from sums over records, with an interval over clusters.

    As :func:`figure`, at the cost of a matrix product.

    Args:
        terms: what is summed [n, m].
        value: the number [...] from sums [..., m]; not finite where it is undefined.
        clusters: the cluster of each record [n].
        bounds: between what it can lie; its interval is cut there.
        bootstrap: False takes the jackknife from 50 clusters on too, for figures that a bootstrap
            would bias.
        seed: of the resampling.
    """
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    n, k = len(members), int(members.max()) + 1 if len(members) else 0
    sums: Floats = np.stack([np.bincount(members, t, k) for t in np.asarray(terms).T], axis=1)

    def numbers(totals: Floats) -> Floats:
        with np.errstate(all="ignore"):  # 0/0 is NaN, which stands for undefined
            return np.asarray(value(totals), dtype=np.float64)

    e = _figure(
        n,
        k,
        lambda: float(numbers(sums.sum(axis=0))),
        lambda: numbers(sums.sum(axis=0) - sums),
        lambda: resampled(k, lambda counts: numbers(counts @ sums)[:, None], seed=seed)[:, 0],
        bootstrap,
    )
    return cut(e, bounds)


def figure(compute: Callable[[Ints], float], clusters: ArrayLike, *, seed: int = 0) -> Estimate:
    """Any number computed from records, with an interval over clusters.

    From 50 clusters on a cluster bootstrap (percentile; resamples in which the figure is undefined
    are left out, and more than a tenth of them leave no interval). Below, the delete-one-cluster
    jackknife with t_{K−1}, which for a mean of clusters of one size is the t interval of the
    cluster means (Efron & Tibshirani 1993, ch. 11).

    Args:
        compute: the figure from some records, given as positions [m] into all of them; NaN where
            it is undefined.
        clusters: the cluster of each record [n].
        seed: of the resampling.
    """
    members = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    n, k = len(members), int(members.max()) + 1 if len(members) else 0

    def draws() -> Floats:
        parts = np.split(np.argsort(members, kind="stable"), np.cumsum(np.bincount(members))[:-1])
        rng = np.random.default_rng(seed)
        chosen = (rng.integers(0, k, k) for _ in range(FIGURE_RESAMPLES))
        return np.array([compute(np.concatenate([parts[c] for c in each])) for each in chosen])

    return _figure(
        n,
        k,
        lambda: float(compute(np.arange(n))),
        lambda: np.array([float(compute(np.flatnonzero(members != c))) for c in range(k)]),
        draws,
        True,
    )


def _figure(
    n: int,
    k: int,
    whole: Callable[[], float],
    without: Callable[[], Floats],
    draws: Callable[[], Floats],
    bootstrap: bool,
) -> Estimate:
    """From the figure of all records, those without each cluster [K], those of resamples [R]."""
    if n == 0:
        return Estimate(None, None, None, 0, 0, "no records")
    value = whole()
    if not math.isfinite(value):
        return Estimate(None, None, None, n, k, "undefined for these records")
    if k == 1:
        return one_cluster(value, n)
    if k < BOOTSTRAP_FROM or not bootstrap:
        kept = without()
        if not np.isfinite(kept).all():
            return Estimate(value, None, None, n, k, "undefined without one of the clusters")
        spread = math.sqrt((k - 1) / k * float(((kept - kept.mean()) ** 2).sum()))
        if spread <= ROUNDING * abs(value):
            return Estimate(value, None, None, n, k, UNVARYING)
        half = t_quantile(k, LEVEL) * spread
        return checked(value, value - half, value + half, n, k)
    drawn = draws()
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < 0.9 * len(drawn):
        return Estimate(value, None, None, n, k, TOO_FEW)
    low, high = np.quantile(defined, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    if high - low <= ROUNDING * abs(value):
        return Estimate(value, None, None, n, k, UNVARYING)
    return Estimate(value, float(low), float(high), n, k)
