"""Outcomes at the ends of dialogues compared, whichever of the last two rounds one stops at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.measures.compare import compare
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.parity import parity, weighed
from selfcorrect.measures.rounds import alternating

Table = dict[str, Any]


def at_ends(
    pair: tuple[Panel, Panel],
    margins: Mapping[str, float],
    *,
    start: int | None = None,
    looks: Sequence[int] = (),
    family: float = 1.0,
) -> Table:
    """The outcome's difference at the last rounds of two arms, or from a round to the last.

    Args:
        pair: after and before, of the same examples in one order; may be one and the same.
        margins: by measure, up to what size a difference counts as none.
        start: the round of ``before``; by default its last.
        looks, family: as in :func:`selfcorrect.measures.compare.compare`.

    Returns:
        What :func:`selfcorrect.measures.compare.compare` says of the outcome, and ``parity`` (see
        :func:`stopped`); a verdict that the round before contradicts is ``undecided``, and
        ``depends`` is true.
    """
    after, before = pair
    name = after.outcome.name
    ends = after.rounds[-1], before.rounds[-1] if start is None else start
    told = compare(*pair, ends, margins, looks=looks, names=(name,), family=family)[name]
    seen = looks or (max(1, len(after.clusters)),)
    told, found = stopped(pair, told, margins, seen, start)
    return {**told, "parity": found}


def stopped(
    pair: tuple[Panel, Panel],
    told: Table,
    margins: Mapping[str, float],
    looks: Sequence[int],
    start: int | None = None,
) -> tuple[Table, Table | None]:
    """Whether a difference depends on the round in which one stops.

    Arms with three rounds or more are looked at one round earlier. Others keep their last one: in
    two rounds the one before is the first answer, and nothing that a method did.

    Args:
        pair, margins, looks, start: as in :func:`at_ends`.
        told: the difference in the last rounds.

    Returns:
        The difference as :func:`selfcorrect.measures.parity.weighed` has it; and what
        :func:`selfcorrect.measures.parity.parity` says, ``None`` where there is no round to stop at
        before.
    """
    after, before = pair
    moving = [after] if start is not None else [after, before]
    alternates = any(alternating(panel)["alternates"] for panel in moving)
    found = None
    last = after.rounds[-1], before.rounds[-1] if start is None else start
    earlier = _earlier(after), _earlier(before) if start is None else start
    if earlier != last and not (after is before and earlier[0] <= earlier[1]):
        found = parity(pair, told, earlier, margins, looks, alternates=alternates, last=last)
    return weighed(told, found, alternates=alternates), found


def _earlier(panel: Panel) -> int:
    return panel.rounds[-2 if len(panel.rounds) > 2 else -1]


def turning(panels: Mapping[str, Panel]) -> dict[str, Table]:
    """The share of dialogues that go back and forth, of the arms where that is much."""
    found = {arm: alternating(panel) for arm, panel in panels.items()}
    return {arm: each for arm, each in found.items() if each["alternates"]}
