"""From which round on a run's measures stay the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.compare import n_for_margin_of, needed_at_next
from selfcorrect.measures.intervals import Estimate, means
from selfcorrect.measures.looks import level
from selfcorrect.measures.measure import Measure
from selfcorrect.measures.outcomes import room_of
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.power import POWER
from selfcorrect.measures.unread import Columns, boundless, lacks, other_counts
from selfcorrect.measures.unseen import ANYWHERE, Room

#: A run has converged at round t if it stays within the margin for at least so many more rounds.
LATER = 3

#: By name the later rounds' differences, and how far unread answers could move each.
Differences = dict[str, list[tuple[Estimate, float]]]


def convergence(
    panel: Panel, margins: Mapping[str, float], *, looks: Sequence[int] = ()
) -> dict[str, dict[str, Any]]:
    """For each measure with a margin the round from which it stays within it.

    Converged at round t: the interval of round s − round t lies within ± margin for every later
    round s, of which there are at least three. (Two one-sided tests each, all of which must pass,
    so nothing need be adjusted but for earlier looks: :mod:`selfcorrect.measures.looks`.) Tested
    backwards from the last round that has three after it and stopped at the first failure: looking
    for t costs nothing.

    Returns:
        measure → ``round`` (or ``None``), ``margin``, ``why`` where there is no such round,
        ``smallest_margin`` that the round tested first would have passed, ``moved``: whether a
        later round is shown to differ from it by more than the margin, and ``n_needed``: about how
        many examples would show the margin 4 times of 5, if nothing moves (``None`` where this run
        has as many already); ``hangs`` is there where unread answers leave more room than the
        margin, so that no number of examples would show it.
    """
    looks = tuple(looks) or (max(1, len(panel.clusters)),)
    stated = {m.name: m for m in panel.measures if m.compared and m.of_record is not None}

    def later(place: int, names: Sequence[str]) -> Differences:
        return _later(panel, place, [stated[name] for name in names], level(looks))

    known = {name: margin for name, margin in margins.items() if name in stated}
    return _backwards(panel.rounds, known, later, looks)


def converged(
    values: Floats,
    clusters: NDArray[Any],
    rounds: Sequence[int],
    margin: float,
    room: Room = ANYWHERE,
) -> dict[str, Any]:
    """From which round on a number that is no measure stays within a margin; see
    :func:`convergence`.

    Args:
        values: of each dialogue and round [D, T], NaN where there is none.
        clusters: of each dialogue [D].
        rounds: their numbers [T].
        margin: in the number's unit.
        room: between what a value lies.
    """
    looks = (max(1, len(values)),)

    def later(place: int, names: Sequence[str]) -> Differences:
        columns = {s: values[:, s] - values[:, place] for s in range(place + 1, len(rounds))}
        rooms = dict.fromkeys(columns, room.apart())
        found = means(columns, clusters, level=level(looks), rooms=rooms)
        return {name: [(e, 0.0) for e in found.values()] for name in names}

    return _backwards(rounds, {"": margin}, later, looks)[""]


def _backwards(
    rounds: Sequence[int],
    margins: Mapping[str, float],
    later: Callable[[int, Sequence[str]], Differences],
    looks: Sequence[int],
) -> dict[str, dict[str, Any]]:
    """The rule: from the last round that has three after it back to the first that fails.

    Args:
        rounds: their numbers.
        margins: by the name of what is looked at.
        later: from a place among the rounds, and names, the differences of all later ones.
        looks: at the run.
    """
    found: dict[str, dict[str, Any]] = {}
    open_ = dict(margins)
    for name, margin in open_.items():
        found[name] = {
            "round": None,
            "margin": margin,
            "smallest_margin": None,
            "moved": False,
            "n_needed": None,
        }
        if len(rounds) <= LATER:
            found[name]["why"] = f"needs at least {LATER + 1} rounds"
    for place in range(len(rounds) - 1 - LATER, -1, -1):
        for name, estimates in later(place, list(open_)).items():
            first = place == len(rounds) - 1 - LATER
            ends = [end for e, _ in estimates for end in (e.low, e.high)]
            known = [abs(end) for end in ends if end is not None]
            room = max(room for _, room in estimates)
            few = any(e.few for e, _ in estimates)
            shown = len(known) == len(ends) and math.isfinite(room) and not few
            if first and shown:
                found[name]["smallest_margin"] = max(known)
            if shown and max(known) <= open_[name]:
                found[name]["round"] = rounds[place]
                continue
            if first:
                found[name] |= _not_shown([e for e, _ in estimates], open_[name], room, looks)
            del open_[name]
        if not open_:
            break
    return found


def _later(panel: Panel, place: int, stated: Sequence[Measure], at: float) -> Differences:
    """Of each measure the differences of all later rounds from the one at ``place``, their
    intervals wide enough for any unread answer; and how far those could move each."""
    later, outcome = range(place + 1, len(panel.rounds)), panel.outcome
    pairs = {(m.name, s): _both(panel, m, s, place) for m in stated for s in later}
    ways = {
        (m.name, s): [pairs[m.name, s], *_others(panel, m, pairs[m.name, s])]
        for m in stated
        for s in later
    }
    with np.errstate(over="ignore", invalid="ignore"):
        columns = {
            (m.name, s, k): after[_column(panel, m)] - before[_column(panel, m)]
            for m in stated
            if m.kind == "mean"
            for s in later
            for k, (after, before) in enumerate(ways[m.name, s])
        }
    rooms = {m.name: room_of(outcome if m.name == outcome.name else m).apart() for m in stated}
    scores = means(
        columns, panel.clusters, level=at, rooms={each: rooms[each[0]] for each in columns}
    )
    found: Differences = {m.name: [] for m in stated}
    for m in stated:
        name = _column(panel, m)
        for s in later:
            recorded, *others = (
                scores[m.name, s, k]
                if m.kind == "mean"
                else share_difference(after[name], before[name], panel.clusters, level=at)
                for k, (after, before) in enumerate(ways[m.name, s])
            )
            endless = m.name == panel.outcome.name and boundless(pairs[m.name, s], panel.outcome)
            found[m.name].append(widened(recorded, others, bool(endless)))
    return found


def _column(panel: Panel, m: Measure) -> str:
    return "outcome" if m.name == panel.outcome.name else m.name


def _both(panel: Panel, m: Measure, s: int, place: int) -> tuple[Columns, Columns]:
    """What is needed of both rounds."""
    names = {"outcome", "parse_rate", "gradable", _column(panel, m)}
    after, before = ({n: panel.columns[n][:, at] for n in names} for at in (s, place))
    return after, before


def _others(
    panel: Panel, m: Measure, columns: tuple[Columns, Columns]
) -> list[tuple[Columns, Columns]]:
    """The same, as unread answers may have it."""
    if m.name == panel.outcome.name:
        return other_counts(columns, panel.outcome)
    return other_counts(columns, panel.outcome, [m]) if lacks(columns, m) else []


def widened(
    recorded: Estimate, others: Sequence[Estimate], endless: bool
) -> tuple[Estimate, float]:
    """An interval wide enough for any unread answer, and how far those could move the estimate."""
    lows, highs = [e.low for e in (recorded, *others)], [e.high for e in (recorded, *others)]
    room = max((abs((e.value or 0.0) - (recorded.value or 0.0)) for e in others), default=0.0)
    room = math.inf if endless else room
    if None in lows or None in highs:
        return recorded, room
    return replace(recorded, low=min(lows), high=max(highs)), room  # type: ignore[type-var]


def _not_shown(
    estimates: Sequence[Estimate], margin: float, room: float, looks: Sequence[int]
) -> dict[str, Any]:
    """Why the round tested first isn't shown to be within the margin of the later ones.

    Args:
        estimates: of the later rounds' differences from it.
        margin: of the measure.
        room: how far unread answers could move a difference.
        looks: at the run.
    """
    whys = [e.why for e in estimates if e.low is None]
    if whys:
        return {"why": whys[0]}
    if any(e.few for e in estimates):
        return {"why": "clusters are too few, or one is too large", "few": True}
    moved = any((e.low or 0) > margin or (e.high or 0) < -margin for e in estimates)
    moved = moved and math.isfinite(room)
    if room >= margin and not moved:
        return {"why": "unread or ungraded answers leave more room than the margin", "hangs": True}
    # all of them must be shown: each fails with its part of the chance that one does
    power = 1 - (1 - POWER) / len(estimates)

    def at_level(at: float) -> float:
        return max(n_for_margin_of(e, margin, 0.0 if moved else room, power, at) for e in estimates)

    n = max(e.n for e in estimates)
    return {
        "why": "moved by more than the margin" if moved else "not shown to be within the margin",
        "moved": moved,
        "n_needed": None if moved else needed_at_next(at_level, looks, n),
    }
