"""Rounds, or runs, compared on the same examples: differences, their verdicts, convergence."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.figures import figure_named
from selfcorrect.measures.intervals import (
    LEVEL,
    Estimate,
    means,
    p_of,
)
from selfcorrect.measures.looks import level
from selfcorrect.measures.measure import Measure
from selfcorrect.measures.outcomes import paired, paired_test, room_of
from selfcorrect.measures.own import Own
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.power import (
    POWER,
    difference_n,
    margin_n,
    share_margin_n,
    unseen_n,
)
from selfcorrect.measures.unread import (
    Columns,
    boundless,
    lacks,
    left_out,
    other_counts,
    reach,
)
from selfcorrect.outcome import Figure, Outcome


def compare(
    after: Panel,
    before: Panel,
    rounds: tuple[int, int],
    margins: Mapping[str, float],
    own: Own | None = None,
    *,
    looks: Sequence[int] = (),
    names: Collection[str] | None = None,
    family: float = 1.0,
) -> dict[str, dict[str, Any]]:
    """Every measure's difference, after − before, on the same examples.

    Args:
        after, before: panels of the same examples in one order; may be one and the same.
        rounds: the round of each.
        margins: by measure, up to what size a change counts as none; a measure without one can't
            be called the same.
        own: what the task states of its own numbers; figures of a part of the data
            (``bias_ambiguous/Age``) are left out.
        looks: how many dialogues there were whenever the run was looked at, the last of them now;
            by default once, now.
        names: of the measures wanted; by default all.
        family: as how many comparisons at once this counts: what may be wrong is divided by it.

    Returns:
        measure → its estimate's table with

        - ``decides``: the interval that the verdict goes by, as wide as the looks demand
          (:mod:`selfcorrect.measures.looks`);
        - ``p``: of no difference; ``None`` where no test is made;
        - ``p_interval``, of means: that at which the interval would end at 0;
        - ``margin``, and ``verdict`` (see :func:`verdict`); ``within``, where there is a margin:
          whether the interval that decides lies within it, whatever unread answers are; it may be
          so and the verdict a direction;
        - ``n_needed``, where that is undecided: about how many examples would decide at the next
          look, 4 times of 5, on which side of 0 it lies or that it lies within the margin, if it is
          as seen; ``None`` where no number would;
        - ``moved``, of the outcome: how many of the known ones differ; where none does,
          ``n_needed`` is for none to differ;
        - ``after`` and ``before``, of means: both, over the same rows as their difference;
        - ``unread``, where some answers weren't read or graded: the lowest and the highest
          difference that they allow (``None`` on a side on which the outcome has no bound),
          ``left_out``, of the outcome: the difference over the dialogues in which both answers are
          known, with the interval that would decide, and ``hangs``: whether the verdict would
          depend on them, and so is ``undecided``;
        - ``reach``, of the outcome: from the lowest to the highest end of the intervals that would
          decide, in all these ways; ``None`` for an end that isn't known, or of too few clusters;
        - ``few``: there and true where too few clusters, or one too large, leave no direction.
    """
    own, outcome, clusters = own or Own(after.outcome), after.outcome, after.clusters
    looks = tuple(looks) or (max(1, len(clusters)),)
    deciding_level = 1 - (1 - level(looks)) / family
    stated = [m for m in after.measures if m.compared and (names is None or m.name in names)]
    # what unread answers may do is known of the outcome that is looked at, and of no other
    own = own if names is None and not own.recorded else Own(outcome)
    columns = after.at(rounds[0]), before.at(rounds[1])
    p = paired_test(outcome, columns[0]["outcome"], columns[1]["outcome"], clusters)
    estimates = _estimates(columns, stated, clusters, own, LEVEL)
    deciding = _estimates(columns, stated, clusters, own, deciding_level)
    # the same, had the unread answers counted in the other ways
    known = [m for m in stated if m.name == outcome.name or lacks(columns, m)]
    theirs = ("choice", *after.own) if own.figures else ()
    others = [
        _estimates(way, known, clusters, own, deciding_level)
        for way in other_counts(columns, outcome, known, theirs)
    ]
    signs = {m.name: m.sign for m in stated} | {n: _sign(f) for n, f in own.figures.items()}
    table: dict[str, dict[str, Any]] = {}
    for name, e in deciding.items():
        margin, tested = margins.get(name), p if name == outcome.name else None
        told = verdict(e, margin, signs[name], tested, deciding_level)
        counted = [other[name] for other in others if name in other]
        left = (
            left_out(columns, outcome, clusters, deciding_level) if name == outcome.name else None
        )
        endless = boundless(columns, outcome) if name == outcome.name else set()
        hangs = e.value is not None and hanging(
            told,
            [
                *(verdict(other, margin, signs[name]) for other in counted),
                *(_direction(sign, signs[name]) for sign in endless),
                *_decided(None if left is None else verdict(left, margin, signs[name])),
            ],
            {int(np.sign(x.value)) for x in (e, *counted) if x.value is not None} | endless,
        )
        told = "undecided" if hangs else told
        table[name] = {
            **estimates[name].table(),
            "decides": None if e.low is None else [e.low, e.high],
            "p": tested,
            **({} if e.at is None else {"p_interval": p_of(e)}),
            "margin": margin,
            "verdict": told,
            **_within([e, *counted], margin, endless),
            "n_needed": _to_decide([e, *counted], margin, looks, family)
            if told == "undecided" and not hangs and not endless
            else None,
        }
        if name == outcome.name:
            table[name]["moved"] = _moved(columns)
        if e.few and e.low is not None:
            table[name]["few"] = True
        if name == outcome.name:
            table[name]["reach"] = reach([e, *counted], endless)
        if counted or endless:
            values = [other.value for other in (e, *counted) if other.value is not None]
            low, high = min(values, default=None), max(values, default=None)
            table[name]["unread"] = [None if -1 in endless else low, None if 1 in endless else high]
            table[name]["hangs"] = hangs
            if left is not None:
                table[name]["left_out"] = left.table()
    for m in stated:
        if m.of_record is not None:
            table[m.name] |= _ends(m, columns, outcome)
    return table


def _moved(columns: tuple[Columns, Columns]) -> int:
    d = columns[0]["outcome"] - columns[1]["outcome"]
    return int((d[np.isfinite(d)] != 0).sum())


def _decided(told: str | None) -> list[str]:
    """A verdict that says something: fewer dialogues alone don't make another one of it."""
    return [] if told in (None, "undecided") else [str(told)]


def _estimates(
    columns: tuple[Columns, Columns],
    stated: Sequence[Measure],
    clusters: NDArray[Any],
    own: Own,
    deciding_level: float,
) -> dict[str, Estimate]:
    """The differences of measures, in their order, and of the task's figures."""
    (after, before), outcome = columns, own.outcome
    pair = after["outcome"], before["outcome"]
    with np.errstate(over="ignore", invalid="ignore"):
        scores = means(
            {m.name: after[m.name] - before[m.name] for m in stated if averaged(m, outcome)},
            clusters,
            level=deciding_level,
            rooms={m.name: room_of(m).apart() for m in stated},
        )
    found: dict[str, Estimate] = {}
    for m in stated:
        if m.name == outcome.name:
            found[m.name] = paired(outcome, *pair, clusters, deciding_level)
        elif m.difference is not None:
            found[m.name] = m.difference(after, before, clusters, deciding_level)
        elif m.kind == "share":
            found[m.name] = share_difference(
                after[m.name], before[m.name], clusters, level=deciding_level
            )
        elif m.name in scores:
            found[m.name] = scores[m.name]
    for name, compute in own.figures.items():
        if "/" not in name:
            found[name] = figure_named(
                name, compute, after, clusters, level=deciding_level, less=before
            )
    return found


def _within(
    ways: Sequence[Estimate], margin: float | None, endless: Collection[int]
) -> dict[str, bool]:
    if margin is None:
        return {}
    shown = not endless and not ways[0].few
    return {"within": shown and all(_inside(e, margin) for e in ways)}


def _inside(e: Estimate, margin: float) -> bool:
    return e.low is not None and e.high is not None and -margin <= e.low and e.high <= margin


def averaged(measure: Measure, outcome: Outcome) -> bool:
    own = measure.name == outcome.name
    return measure.kind == "mean" and measure.of_record is not None and not own


def _ends(
    measure: Measure, columns: tuple[Columns, Columns], outcome: Outcome
) -> dict[str, float | None]:
    """Both means that a difference is of, over the rows that have both."""
    name = "outcome" if measure.name == outcome.name else measure.name
    after, before = (each[name] for each in columns)
    both = np.isfinite(after) & np.isfinite(before)
    ends = {"after": after, "before": before}
    return {when: float(x[both].mean()) if both.any() else None for when, x in ends.items()}


def _sign(compute: Figure) -> int:
    return {"higher": 1, "lower": -1}.get(getattr(compute, "better", None) or "", 0)


def hanging(told: str | None, others: Sequence[str | None], sides: set[int]) -> bool:
    """Whether a verdict depends on what unread answers are counted as: they could undo it, or
    decide it either way.

    Args:
        told: as recorded.
        others: as they may be counted.
        sides: of 0 on which the differences lie, 0 for none.
    """
    if told is None:  # no interval; is there a side of 0 that they all lie on?
        return len(sides) > 1
    if told != "undecided":
        return any(each != told for each in others)
    return len({each for each in others if each not in (None, "undecided")}) > 1


def _direction(sign: int, better: int) -> str:
    """The verdict on a difference on one side of 0."""
    if better:
        return "better" if sign == better else "worse"
    return "higher" if sign > 0 else "lower"


def verdict(
    estimate: Estimate,
    margin: float | None,
    better: int,
    p: float | None = None,
    deciding_level: float = LEVEL,
) -> str | None:
    """What a difference's interval says.

    Args:
        estimate: of the difference.
        margin: differences up to ± this count as none.
        better: +1 if more is better, −1 if less is, 0 if neither.
        p: of no difference, where a test is made: it has to agree.
        deciding_level: the level of the interval.

    Returns:
        ``better`` or ``worse`` (``higher`` or ``lower``, of a measure of which neither is
        better) where the interval lies on one side of 0, p isn't above 1 − its level, and the
        clusters aren't too few; ``same`` where it lies within the margin and they aren't either;
        else ``undecided``. ``None`` without an interval.
    """
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return None
    if estimate.few:
        return "undecided"
    if (low > 0 or high < 0) and (p is None or p <= 1 - deciding_level):
        return _direction(1 if low > 0 else -1, better)
    if margin is not None and _inside(estimate, margin):
        return "same"
    return "undecided"


def _to_decide(
    ways: Sequence[Estimate], margin: float | None, looks: Sequence[int], family: float
) -> int | None:
    """Examples that would show on which side of 0 it lies, or that it lies within the margin, at
    the next look; ``None`` where more examples of such clusters wouldn't.

    Args:
        ways: the difference, as recorded and as unread answers may have it. They must agree, and
            the one that needs most decides; where they can't agree no number does.
        margin: up to which it counts as none.
        looks: so far.
        family: as how many comparisons it counts.
    """
    values = [e.value or 0.0 for e in ways]

    def at_level(at: float) -> float:
        numbers = []
        if (min(values) > 0 or max(values) < 0) and _testable(ways[0], at):
            numbers.append(
                max(
                    enlarged(
                        difference_n(_spread(e), value, level=at),
                        e,
                        e.unseen[0 if value > 0 else 1],
                        abs(value),
                        at,
                    )
                    for e, value in zip(ways, values, strict=True)
                )
            )
        if margin is not None and max(map(abs, values)) < margin and not ways[0].few:
            near = [abs(value) for value in values]
            numbers.append(
                max(
                    n_for_margin_of(e, margin, far, POWER, at)
                    for e, far in zip(ways, near, strict=True)
                )
            )
        return min(numbers, default=0.0)

    return needed_at_next(lambda at: at_level(1 - (1 - at) / family), looks, ways[0].n)


def enlarged(n: float, e: Estimate, unseen: float, room: float, at: float) -> float:
    """Examples where n would do if the interval allowed for nothing unseen; ``room`` is how far it
    lies from what it must not hold."""
    return unseen_n(n, _spread(e), unseen, room, at)


def _testable(e: Estimate, at: float) -> bool:
    """Whether a sign-flip test of these clusters could agree: all 2^K flips but two say less."""
    return not e.few and (e.clusters == e.n or 2.0 ** (1 - e.clusters) <= 1 - at)


def needed_at_next(at_level: Callable[[float], float], looks: Sequence[int], n: int) -> int | None:
    """Examples that suffice at the level of the next look, which depends on their number.

    Args:
        at_level: how many suffice at a level; 0 where none do.
        looks: dialogues at each look so far; () is one look at n.
        n: examples that the estimate comes from.

    Returns:
        ``None`` where none suffice, or these should have: then something else stood in the way.
    """
    looks = tuple(looks) or (n,)
    needed = at_level(level(looks))
    for _ in range(3):  # the level hardly depends on it
        if not n < needed < _MOST:
            return None
        needed = at_level(level((*looks, looks[-1] * needed / n)))
    return math.ceil(needed) if n < needed < _MOST else None


#: Nobody has as many examples.
_MOST = 1e12


def n_for_margin_of(
    e: Estimate, margin: float, difference: float, power: float, at: float
) -> float:
    """Examples, worth as much as those of an estimate, that show it to lie within a margin."""
    if not e.worth:
        n = margin_n(_spread(e), margin, power, difference, at)
        return enlarged(n, e, max(e.unseen), margin - difference, at)
    each = e.n / e.worth  # examples that are worth one
    changed = _spread(e) / each + difference**2
    return share_margin_n(changed, margin, power, difference, at) * each


def _spread(e: Estimate) -> float:
    assert e.spread is not None  # whatever has an interval says how it varies
    return e.spread
