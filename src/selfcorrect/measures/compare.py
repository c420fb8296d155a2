"""Rounds, or runs, compared on the same examples: differences, their verdicts, convergence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.catalogue import Measure, Own
from selfcorrect.measures.figures import figure_named
from selfcorrect.measures.intervals import (
    LEVEL,
    Estimate,
    Z,
    apart,
    cut,
    means,
)
from selfcorrect.measures.outcomes import paired, paired_test
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.power import POWER, difference_n, margin_n, share_margin_n
from selfcorrect.measures.unread import Columns, boundless, lacks, other_counts
from selfcorrect.outcome import Figure, Outcome


def compare(
    after: Panel,
    before: Panel,
    rounds: tuple[int, int],
    margins: Mapping[str, float],
    own: Own | None = None,
    *,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Every measure's difference, after − before, on the same examples.

    Args:
        after, before: panels of the same examples in one order; may be one and the same.
        rounds: the round of each.
        margins: by measure, up to what size a change counts as none; a measure without one can't
            be called the same.
        own: what the task states of its own numbers; figures of a part of the data
            (``bias_ambiguous/Age``) are left out.
        seed: of the resampling.

    Returns:
        measure → its estimate's table with ``p`` (of no difference; ``None`` where no test is
        made), ``margin``, ``verdict`` (see :func:`verdict`), and, where that is undecided,
        ``n_needed``: about how many examples would decide, 4 times of 5, on which side of 0 it lies
        or that it lies within the margin, if it is as seen; ``None`` where no number would. Means
        also have ``after`` and ``before``, over the same rows as their difference. Where some
        answers weren't read or graded, ``unread`` holds the lowest and the highest difference that
        they allow (``None`` on a side on which the outcome has no bound); where a
        verdict would depend on them it is ``undecided``, and ``hangs`` is true.
    """
    own, outcome, clusters = own or Own(after.outcome), after.outcome, after.clusters
    stated = [m for m in after.measures if m.compared]
    columns = after.at(rounds[0]), before.at(rounds[1])
    p = paired_test(outcome, columns[0]["outcome"], columns[1]["outcome"], clusters)
    estimates = _estimates(columns, stated, clusters, own, seed)
    # the same, had the unread answers counted in the other ways
    known = [m for m in stated if m.name == outcome.name or lacks(columns, m)]
    theirs = ("choice", *after.own) if own.figures else ()
    others = [
        _estimates(way, known, clusters, own, seed)
        for way in other_counts(columns, outcome, known, theirs)
    ]
    signs = {m.name: m.sign for m in stated} | {n: _sign(f) for n, f in own.figures.items()}
    table: dict[str, dict[str, Any]] = {}
    for name, e in estimates.items():
        margin, tested = margins.get(name), p if name == outcome.name else None
        told = verdict(e, margin, signs[name], tested)
        counted = [other[name] for other in others if name in other]
        endless = boundless(columns, outcome) if name == outcome.name else set()
        hangs = e.value is not None and _hangs(
            told,
            [
                *(verdict(other, margin, signs[name]) for other in counted),
                *(_direction(sign, signs[name]) for sign in endless),
            ],
            {int(np.sign(x.value)) for x in (e, *counted) if x.value is not None} | endless,
        )
        told = "undecided" if hangs else told
        table[name] = {
            **e.table(),
            "p": tested,
            "margin": margin,
            "verdict": told,
            "n_needed": _to_decide([e, *counted], margin)
            if told == "undecided" and not hangs and not endless
            else None,
        }
        if counted or endless:
            values = [other.value for other in (e, *counted) if other.value is not None]
            low, high = min(values, default=None), max(values, default=None)
            table[name]["unread"] = [None if -1 in endless else low, None if 1 in endless else high]
            table[name]["hangs"] = hangs
    for m in stated:
        if m.of_record is not None:
            table[m.name] |= _ends(m, columns, outcome)
    return table


def _estimates(
    columns: tuple[Columns, Columns],
    stated: Sequence[Measure],
    clusters: NDArray[Any],
    own: Own,
    seed: int,
) -> dict[str, Estimate]:
    """The differences of measures, in their order, and of the task's figures."""
    (after, before), outcome = columns, own.outcome
    pair = after["outcome"], before["outcome"]
    with np.errstate(over="ignore", invalid="ignore"):
        scores = means(
            {m.name: after[m.name] - before[m.name] for m in stated if averaged(m, outcome)},
            clusters,
            seed=seed,
        )
    found: dict[str, Estimate] = {}
    for m in stated:
        if m.name == outcome.name:
            found[m.name] = paired(outcome, *pair, clusters, seed)
        elif m.difference is not None:
            found[m.name] = m.difference(after, before, clusters, seed)
        elif m.kind == "share":
            found[m.name] = share_difference(after[m.name], before[m.name], clusters)
        elif m.name in scores:
            found[m.name] = cut(scores[m.name], apart(m.bounds))
    for name, compute in own.figures.items():
        if "/" not in name:
            found[name] = figure_named(name, compute, after, clusters, seed=seed, less=before)
    return found


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


def _hangs(told: str | None, others: Sequence[str | None], sides: set[int]) -> bool:
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
    estimate: Estimate, margin: float | None, better: int, p: float | None = None
) -> str | None:
    """What a difference's interval says.

    Args:
        estimate: of the difference.
        margin: differences up to ± this count as none.
        better: +1 if more is better, −1 if less is, 0 if neither.
        p: of no difference, where a test is made: it has to agree.

    Returns:
        ``better`` or ``worse`` (``higher`` or ``lower``, of a measure of which neither is
        better) where the interval lies on one side of 0 and p isn't above .05; ``same`` where it
        lies within the margin; else ``undecided``. ``None`` without an interval.
    """
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return None
    if (low > 0 or high < 0) and (p is None or p <= 1 - LEVEL):
        return _direction(1 if low > 0 else -1, better)
    if margin is not None and -margin <= low and high <= margin:
        return "same"
    return "undecided"


def _to_decide(ways: Sequence[Estimate], margin: float | None) -> int | None:
    """Examples that would show on which side of 0 it lies, or that it lies within the margin.

    Args:
        ways: the difference, as recorded and as unread answers may have it. They must agree, and
            the one that needs most decides; where they can't agree no number does.
        margin: up to which it counts as none.
    """
    values = [e.value or 0.0 for e in ways]
    numbers = []
    if min(values) > 0 or max(values) < 0:
        numbers.append(max(difference_n(_spread(e), abs(e.value or 0.0)) for e in ways))
    if margin is not None and max(map(abs, values)) < margin:
        numbers.append(max(n_for_margin_of(e, margin, abs(e.value or 0.0), POWER) for e in ways))
    needed = math.ceil(min(numbers, default=0))
    return (
        needed if needed > ways[0].n else None
    )  # a test that few pairs can't pass stood in the way


def n_for_margin_of(e: Estimate, margin: float, difference: float, power: float) -> float:
    if not e.worth:
        return margin_n(_spread(e), margin, power, difference)
    each = e.n / e.worth  # examples that are worth one
    changed = _spread(e) / each + difference**2
    return share_margin_n(changed, margin, power, difference) * each


def _spread(e: Estimate) -> float:
    if e.spread is not None:
        return e.spread
    return e.n * (((e.high or 0.0) - (e.low or 0.0)) / 2 / Z) ** 2
