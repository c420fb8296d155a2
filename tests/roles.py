"""What the tests of roles share: panels of two rounds in which answers are kept or changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panels import made
from selfcorrect.measures.panel import Panel

Array = NDArray[Any]


def second(
    rng: np.random.Generator, first: Array, kept: float, corrected: float, alike: Array
) -> Array:
    """Answers of round 2: 0 is right, 1 and 2 are wrong.

    Args:
        rng: of the draws.
        first: answers of round 1 [D].
        kept: a right answer stays right with this probability.
        corrected: a wrong one becomes right; else it stays in 4 of 5.
        alike: uniform draws that dialogues of a cluster share [D]; half of them count.
    """
    n = len(first)
    u = np.where(rng.random(n) < 0.3, alike, rng.random(n))
    other = np.where(rng.random(n) < 0.8, first, 3 - first)
    wrong = np.where(u < corrected, 0, other)
    return np.where(first == 0, np.where(u < kept, 0, rng.integers(1, 3, n)), wrong)


def clusters_of(rng: np.random.Generator, k: int, size: int) -> Array:
    """Clusters of 1 to 2·size − 1 dialogues."""
    return np.repeat(np.arange(k), rng.integers(1, 2 * size, k)).astype(np.uint64)


def panel_of(first: Array, last: Array, clusters: Array) -> Panel:
    """A panel of answers, 0 being right."""
    answers = np.column_stack([first, last]).astype(float)
    panel = made((answers == 0).astype(float), answer=answers)
    return replace(panel, clusters=clusters)


def panels_of(
    rng: np.random.Generator,
    first: Array,
    clusters: Array,
    rates: Mapping[str, tuple[float, float]],
) -> dict[str, Panel]:
    """By arm, from how often right answers are kept and wrong ones corrected."""
    alike = rng.random(int(clusters.max()) + 1)[clusters.astype(int)]
    return {
        arm: panel_of(first, second(rng, first, kept, corrected, alike), clusters)
        for arm, (kept, corrected) in rates.items()
    }
