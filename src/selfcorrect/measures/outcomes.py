"""Outcomes compared on the same examples, and what unread answers could change about that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.intervals import Estimate, Floats, apart, cut, finite, means
from selfcorrect.measures.paired import share_difference, share_test, sign_flip
from selfcorrect.outcome import Outcome

Columns = Mapping[str, Floats]


def paired(
    outcome: Outcome, after: Floats, before: Floats, clusters: NDArray[Any], seed: int = 0
) -> Estimate:
    """An outcome's difference, after − before, of the same examples [n]."""
    if outcome.kind == "share":
        return share_difference(after, before, clusters)
    with np.errstate(over="ignore", invalid="ignore"):
        e = means({"": after - before}, clusters, seed=seed)[""]
    return cut(e, apart(outcome.bounds))


def paired_test(
    outcome: Outcome, after: Floats, before: Floats, clusters: NDArray[Any]
) -> float | None:
    """p of no difference of an outcome: of means, by sign flips of the clusters' sums."""
    if outcome.kind == "share":
        return share_test(after, before, clusters)
    with np.errstate(over="ignore", invalid="ignore"):
        d, members, missing = finite(after - before, clusters)
    return None if missing is not None or members[-1] == 0 else sign_flip(np.bincount(members, d))


def other_counts(
    columns: tuple[Columns, Columns], outcome: Outcome
) -> list[tuple[Columns, Columns]]:
    """The columns with outcomes that nobody knows counted all for a rise, and all for a fall.

    Nobody knows what an unread answer is, whatever it is recorded as; nor an outcome that is
    missing on one side and not on the other (nothing graded that answer, or there is no record).
    What is true of both extremes and of the record itself doesn't hang on that. An example without
    an outcome on either side is no part of the question. Nothing where all outcomes are known.
    """
    after, before = columns
    unknown = _unknown(after, before, outcome), _unknown(before, after, outcome)
    if not any(each.any() for each in unknown):
        return []
    low, high = outcome.bounds
    if math.isinf(low) or math.isinf(high):  # then no further than what was seen
        seen = np.concatenate([each["outcome"] for each in columns])
        seen = seen[np.isfinite(seen)]
        if not len(seen):
            return []
        low = float(seen.min()) if math.isinf(low) else low
        high = float(seen.max()) if math.isinf(high) else high
    return [
        (_counted(after, unknown[0], late), _counted(before, unknown[1], early))
        for late, early in ((high, low), (low, high))
    ]


def _counted(columns: Columns, away: NDArray[np.bool_], value: float) -> Columns:
    return {**columns, "outcome": np.where(away, value, columns["outcome"])}


def _unknown(columns: Columns, other: Columns, outcome: Outcome) -> NDArray[np.bool_]:
    values, unread = columns["outcome"], columns["parse_rate"] == 0
    if outcome.kind == "share":  # without a right answer nothing is right or wrong
        unread = unread & np.isfinite(values)
    return np.asarray(unread | ~np.isfinite(values) & np.isfinite(other["outcome"]))
