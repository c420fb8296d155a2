"""What answers that nobody could read could change about a comparison.

Nobody knows what an unread answer is, whatever it is recorded as (wrong, an overlap of 0), unless
the outcome isn't of the reply at all but of likelihoods (``Outcome.of_reply``); nor an
outcome that is missing, as nothing graded that answer, or as there is no record on one side. What
is true of the record and of both extremes of what it could be doesn't hang on that. This is the one
rule: no direction and no equivalence is claimed where such answers could turn it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import Estimate
from selfcorrect.measures.measure import Measure
from selfcorrect.measures.outcomes import paired
from selfcorrect.outcome import Outcome

Columns = Mapping[str, Floats]
Masks = tuple[NDArray[np.bool_], NDArray[np.bool_]]
#: By column: where it isn't known, after and before, and two ends.
Unknown = dict[str, tuple[Masks, tuple[float, float]]]


def other_counts(
    columns: tuple[Columns, Columns],
    outcome: Outcome,
    measures: Sequence[Measure] = (),
    own: Iterable[str] = (),
) -> list[tuple[Columns, Columns]]:
    """The columns with all that isn't known counted for a rise, and for a fall.

    Outcomes, and measures of records that some answers lack, as far as their bounds allow; where a
    bound is infinite, no further than what was seen (see :func:`boundless`). The task's own numbers
    likewise, in combinations, as nobody knows how they go together.

    Args:
        columns: after and before, a column [n] by name.
        outcome: of the task.
        measures: those whose columns are to be counted too.
        own: the task's own numbers, and ``choice`` where figures are made of it.

    Returns:
        Such pairs of columns; nothing where all is known.
    """
    lacking: Unknown = {}
    _add(lacking, columns, "outcome", unknown(columns, outcome), outcome.bounds)
    for m in measures:
        if m.name != outcome.name and m.of_record is not None:
            _add(lacking, columns, m.name, _lacks(columns, m), m.bounds)
    theirs: Unknown = {}
    for name in own:
        _add(theirs, columns, name, _unread_without(columns, name), (-math.inf, math.inf))
    if not lacking and not theirs:
        return []
    ways = []
    for one in (1, 0):
        for rises in _combinations(list(theirs)):
            values = _ends(lacking, dict.fromkeys(lacking, one))
            ways.append(_counted(columns, {**values, **_ends(theirs, rises)}))
    return ways


#: Of more numbers than these not every combination is tried, but all, none, and each against the
#: others: a difference of two of them is among those.
_MOST = 3


def _combinations(names: Sequence[str]) -> Iterator[dict[str, int]]:
    if len(names) > _MOST:
        for rise in (1, 0):
            yield dict.fromkeys(names, rise)
            for one in names:
                yield {**dict.fromkeys(names, rise), one: 1 - rise}
        return
    for rises in product((1, 0), repeat=len(names)):
        yield dict(zip(names, rises, strict=True))


def boundless(columns: tuple[Columns, Columns], outcome: Outcome) -> set[int]:
    """The directions, 1 for up and −1 for down, in which outcomes that nobody knows could move a
    difference without an end."""
    after, before = (bool(each.any()) for each in unknown(columns, outcome))
    low, high = (not math.isfinite(end) for end in outcome.bounds)
    found = set()
    if (after and high) or (before and low):
        found.add(1)
    if (after and low) or (before and high):
        found.add(-1)
    return found


def lacks(columns: tuple[Columns, Columns], measure: Measure) -> bool:
    """Whether some answers lack a measure of records that others have."""
    if measure.of_record is None or measure.difference is not None:
        return False
    return any(mask.any() for mask in _lacks(columns, measure))


def unknown(columns: tuple[Columns, Columns], outcome: Outcome) -> Masks:
    """Where an outcome isn't known, after and before [n] each. Of a question without a right answer
    there is none to know."""
    asked = _gradable(columns) if outcome.kind == "share" else np.True_
    found = []
    for one, other in (columns, columns[::-1]):
        values = one["outcome"]
        there = np.isfinite(one["parse_rate"]) | np.isfinite(other["outcome"])
        unread = (one["parse_rate"] == 0) & outcome.of_reply
        found.append(asked & there & (unread | ~np.isfinite(values)))
    return found[0], found[1]


def _gradable(columns: tuple[Columns, Columns]) -> NDArray[np.bool_]:
    one, other = (each["gradable"] == 1 for each in columns)
    return np.asarray(one | other)


def _lacks(columns: tuple[Columns, Columns], measure: Measure) -> Masks:
    """Where a record lacks a measure, though its question has it."""
    has = _gradable(columns) if measure.needs == "right" else np.True_
    after, before = (
        has & np.isfinite(each["parse_rate"]) & np.isnan(each[measure.name]) for each in columns
    )
    return after, before


def _unread_without(columns: tuple[Columns, Columns], name: str) -> Masks:
    """Where an unread answer lacks a number of the task. One that was read lacks it by intent."""
    after, before = ((each["parse_rate"] == 0) & np.isnan(each[name]) for each in columns)
    return after, before


def _add(
    found: Unknown,
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
        found[name] = masks, (low, high)


def _ends(found: Unknown, rises: Mapping[str, int]) -> Unknown:
    """What each column is counted as, after and before: for a rise or for a fall."""
    return {
        name: (masks, (ends[rises[name]], ends[1 - rises[name]]))
        for name, (masks, ends) in found.items()
    }


def _counted(
    columns: tuple[Columns, Columns],
    values: Unknown,
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


def left_out(
    columns: tuple[Columns, Columns],
    outcome: Outcome,
    clusters: NDArray[Any],
    level: float,
) -> Estimate | None:
    """The outcome's difference without the dialogues of which either side isn't known; ``None``
    where all are known."""
    lost = unknown(columns, outcome)
    if not any(each.any() for each in lost):
        return None
    after, before = (
        np.where(mask, np.nan, each["outcome"]) for mask, each in zip(lost, columns, strict=True)
    )
    return paired(outcome, after, before, clusters, level)


def reach(ways: Sequence[Estimate], endless: Collection[int]) -> list[float | None]:
    """From the lowest to the highest end of a difference's intervals, in all ways in which unread
    answers may count; ``None`` for an end that isn't known, or that too few clusters tell.

    Args:
        ways: as recorded, then the others.
        endless: see :func:`boundless`.
    """
    ends = [(e.low, e.high) for e in ways if e.low is not None and e.high is not None]
    if ways[0].few or len(ends) < len(ways):
        return [None, None]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return [None if -1 in endless else low, None if 1 in endless else high]


def p_whatever(estimates: Sequence[Estimate], ps: Sequence[float | None]) -> float | None:
    """p of a difference, whichever of several estimates is the right one: 1 where they disagree on
    its side.

    Args:
        estimates: one for each way in which unread answers could count.
        ps: theirs.
    """
    if None in ps:
        return None
    sides = {np.sign(e.value or 0.0) for e in estimates}
    return max(ps) if len(sides) == 1 else 1.0  # type: ignore[type-var]


def state_whatever(
    ways: Sequence[Estimate],
    wide: Sequence[Estimate],
    margin: float,
    p: float | None,
    p_recorded: float | None,
) -> str:
    """What is shown of a difference that is claimed together with others.

    Args:
        ways: the difference as recorded, and in each other way in which unread answers could count.
        wide: the same, with intervals that hold together with those of the others.
        margin: up to what size a difference counts as none.
        p: adjusted for all of them, whatever unread answers are.
        p_recorded: the same as recorded.

    Returns:
        ``shown``: p is below .05, and the interval lies on one side of 0 in every way; ``hangs``:
        that is so of the records, and unread answers could undo it; ``same``: the wide intervals
        lie within the margin in every way; ``few``: too few clusters, or no interval; else
        ``open``.
    """
    recorded = ways[0]
    if recorded.low is None or recorded.few:
        return "few"
    side = _side(recorded)
    if _below(p) and all(_side(each) == side != 0 for each in ways):
        return "shown"
    if _below(p_recorded) and side:
        return "hangs"
    ends = [end for each in wide for end in (each.low, each.high)]
    if all(end is not None and -margin <= end <= margin for end in ends):
        return "same"
    return "open"


def _side(e: Estimate) -> int:
    """On which side of 0 all of an interval lies."""
    if e.low is None or e.high is None:
        return 0
    return int(e.low > 0) - int(e.high < 0)


def _below(p: float | None) -> bool:
    return p is not None and p < 0.05
