"""What answers that nobody could read could change about a comparison.

Nobody knows what an unread answer is, whatever it is recorded as; nor an outcome that is missing on
one side and not on the other (nothing graded that answer, or there is no record). What is true of
the record and of both extremes of what it could be doesn't hang on that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.catalogue import Measure
from selfcorrect.measures.intervals import Floats
from selfcorrect.outcome import Outcome

Columns = Mapping[str, Floats]
Masks = tuple[NDArray[np.bool_], NDArray[np.bool_]]


def other_counts(
    columns: tuple[Columns, Columns],
    outcome: Outcome,
    measures: Sequence[Measure] = (),
    own: Iterable[str] = (),
) -> list[tuple[Columns, Columns]]:
    """The columns with all that isn't known counted for a rise, and for a fall.

    Outcomes, and measures of records that unread answers lack, as far as their bounds allow; where
    a bound is infinite, no further than what was seen (see :func:`boundless`). The task's own
    numbers likewise, both ways beside each of the outcome's, as nobody knows how they go together.
    An example that has no outcome on either side is no part of the question.

    Args:
        columns: after and before, a column [n] by name.
        outcome: of the task.
        measures: those whose columns are to be counted too.
        own: the task's own numbers.

    Returns:
        Such pairs of columns; nothing where all is known.
    """
    named = "outcome"
    unknown: dict[str, tuple[Masks, tuple[float, float]]] = {}
    masks = _no_outcome(*columns, outcome), _no_outcome(*columns[::-1], outcome)
    _add(unknown, columns, named, masks, outcome.bounds)
    for m in measures:
        if m.name != outcome.name and m.of_record is not None:
            _add(unknown, columns, m.name, _lacks(columns, m.name), m.bounds)
    theirs: dict[str, tuple[Masks, tuple[float, float]]] = {}
    for name in own:
        _add(theirs, columns, name, _lacks(columns, name), (-math.inf, math.inf))
    if theirs:  # whatever was said instead, an option or none
        _add(theirs, columns, "choice", _lacks(columns, "choice"), (0.0, 0.0))
    if not unknown and not theirs:
        return []
    ways = product((1, 0), repeat=2) if theirs else ((1, 1), (0, 0))
    return [_counted(columns, {**_ends(unknown, one), **_ends(theirs, two)}) for one, two in ways]


def boundless(columns: tuple[Columns, Columns], outcome: Outcome) -> bool:
    """Whether outcomes that nobody knows could make a difference anything at all."""
    if all(map(math.isfinite, outcome.bounds)):
        return False
    after, before = columns
    unknown = _no_outcome(after, before, outcome), _no_outcome(before, after, outcome)
    return any(each.any() for each in unknown)


def _no_outcome(columns: Columns, other: Columns, outcome: Outcome) -> NDArray[np.bool_]:
    values, unread = columns["outcome"], columns["parse_rate"] == 0
    if outcome.kind == "share":  # without a right answer nothing is right or wrong
        unread = unread & np.isfinite(values)
    return np.asarray(unread | ~np.isfinite(values) & np.isfinite(other["outcome"]))


def lacks(columns: tuple[Columns, Columns], measure: Measure) -> bool:
    """Whether unread answers lack a measure of records."""
    if measure.of_record is None or measure.difference is not None:
        return False
    return any(mask.any() for mask in _lacks(columns, measure.name))


def _lacks(columns: tuple[Columns, Columns], name: str) -> Masks:
    after, before = ((each["parse_rate"] == 0) & np.isnan(each[name]) for each in columns)
    return after, before


def _add(
    unknown: dict[str, tuple[Masks, tuple[float, float]]],
    columns: tuple[Columns, Columns],
    name: str,
    masks: Masks,
    bounds: tuple[float, float],
) -> None:
    """Note what isn't known of a column, and between what it can lie."""
    if not any(mask.any() for mask in masks):
        return
    seen = np.concatenate([each[name] for each in columns])
    seen = seen[np.isfinite(seen)]
    if len(seen):
        low, high = bounds
        low = float(seen.min()) if math.isinf(low) else low
        high = float(seen.max()) if math.isinf(high) else high
        unknown[name] = masks, (low, high)


def _ends(
    unknown: Mapping[str, tuple[Masks, tuple[float, float]]], rise: int
) -> dict[str, tuple[Masks, tuple[float, float]]]:
    """What each column is counted as, after and before: for a rise or for a fall."""
    return {name: (masks, (ends[rise], ends[1 - rise])) for name, (masks, ends) in unknown.items()}


def _counted(
    columns: tuple[Columns, Columns],
    values: Mapping[str, tuple[Masks, tuple[float, float]]],
) -> tuple[Columns, Columns]:
    after, before = (
        {
            **each,
            **{
                name: np.where(masks[at], value[at], each[name])
                for name, (masks, value) in values.items()
            },
        }
        for at, each in enumerate(columns)
    )
    return after, before
