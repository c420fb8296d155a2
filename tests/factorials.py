"""Outcomes of eight arms whose effects are known on either scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from selfcorrect.outcome import ACCURACY
from selfcorrect.studies.design import ARMS
from selfcorrect.studies.factorial.analysis import FACTORS, effects

NAMES = list(reversed(ARMS))


def on(letters: str, arm: str) -> bool:
    return all(FACTORS[letter] in ARMS[arm] for letter in letters)


def shares(base: float, parts: Mapping[str, float], *, odds: bool) -> NDArray[Any]:
    """The probability of a right answer in each arm: ``base`` and a part for each set of factors,
    such as ``FC``, that it has all of; in log odds, or in probability."""
    total = np.array([base + sum(x for f, x in parts.items() if on(f, arm)) for arm in NAMES])
    return np.asarray(expit(total) if odds else total)


def drawn(
    p: NDArray[Any], clusters: int, size: int, rng: np.random.Generator, alike: float = 0.3
) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Columns of eight arms with exactly these shares, whose answers to one example, and to
    examples of one cluster, go together."""
    n = clusters * size
    cluster = np.repeat(np.arange(clusters), size)
    of_cluster = rng.normal(size=(clusters, 8))[cluster] * 0.5 + rng.normal(size=(clusters, 1))[
        cluster
    ] * np.sqrt(0.75)
    of_example, own = rng.normal(size=(n, 1)), rng.normal(size=(n, 8))
    u = ndtr(
        np.sqrt(alike) * of_cluster + np.sqrt(alike) * of_example + np.sqrt(1 - 2 * alike) * own
    )
    y = (u < p).astype(float)
    return {
        "outcome": y,
        "parse_rate": np.ones_like(y),
        "gradable": np.ones_like(y),
    }, cluster


def told(
    p: NDArray[Any],
    clusters: int = 60,
    size: int = 5,
    seed: int | np.random.Generator = 0,
    alike: float = 0.3,
) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    columns, cluster = drawn(p, clusters, size, rng, alike)
    return effects(columns, NAMES, ACCURACY, cluster, 0.03)
