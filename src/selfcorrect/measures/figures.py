"""A task's own figures: of one round, or the difference of two, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.intervals import Estimate, Floats, figure, of_sums, proportion
from selfcorrect.measures.paired import share_difference
from selfcorrect.outcome import Figure, Share, Sums


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
            by their sums, any other is computed anew for every resample.
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
