"""Activations of a concept by layer and round: each layer minus that of a control, with its
interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.intervals import means

Floats = NDArray[np.floating]


def by_layer(values: Floats, clusters: NDArray[Any]) -> dict[str, Any]:
    """Means over dialogues, by layer and round.

    Args:
        values: [D, T, L]; NaN where there is none.
        clusters: of each dialogue [D].

    Returns:
        ``{"value", "low", "high", "n"}``, each [L][T]; ``None`` where there is nothing.
    """
    rounds, layers = values.shape[1:]
    found = means({(x, t): values[:, t, x] for x in range(layers) for t in range(rounds)}, clusters)

    def of(name: str) -> list[list[Any]]:
        return [[getattr(found[x, t], name) for t in range(rounds)] for x in range(layers)]

    return {name: of(name) for name in ("value", "low", "high", "n")}


def paired(
    mine: Mapping[str, int], theirs: Mapping[str, int], values: Floats, others: Floats
) -> tuple[NDArray[np.int64], Floats]:
    """One run's activations minus another's, on the examples that both have.

    Args:
        mine, theirs: example → its row.
        values, others: [D, T, L] of each. Where the other has one round, it stands beside all.

    Returns:
        The rows of the first that both have [d], and the differences [d, min(T), L].
    """
    both = [name for name in mine if name in theirs]
    rows = np.array([mine[name] for name in both], np.int64)
    a, b = values[rows], others[[theirs[name] for name in both]]
    if b.shape[1] != 1:
        shared = min(a.shape[1], b.shape[1])
        a, b = a[:, :shared], b[:, :shared]
    return rows, a - b


def reference(values: Sequence[Floats]) -> float:
    """What a place's activations are seen from: the mean of these, 0 where there are none."""
    found = np.concatenate([np.ravel(each) for each in values]) if values else np.empty(0)
    known = found[np.isfinite(found)]
    return float(known.mean()) if len(known) else 0.0
