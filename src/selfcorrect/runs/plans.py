"""Which arms go through which positions together: decided once, and stored.

A model's results may depend on what shares its batch, and what a token costs on what shares its
beginning. So which arms share a batch is written into the ``run.toml`` of each of them before the
first of their records is stored, and kept when a command is run again: nothing depends on where a
process was killed. An arm's missing positions are done by the latest of its plans all of whose arms
take part in the command; only positions that none of its plans covers get a new one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from selfcorrect.runs.header import Plan
from selfcorrect.runs.pieces import Piece, cut

Interval = tuple[int, int]


@dataclass
class Share:
    """What a plan has to do.

    Attributes:
        missing: arm → the intervals of positions that it gets from this plan, in order.
    """

    plan: Plan
    missing: dict[str, list[Interval]] = field(default_factory=dict)

    def pieces(self, wanted: int, chunk: int) -> Iterator[tuple[Piece, dict[str, list[Interval]]]]:
        """The pieces that some arm lacks, and what of each every arm of the plan lacks."""
        for piece in cut(self.plan.start, min(self.plan.end, wanted), chunk):
            missing = {
                arm: _within(self.missing.get(arm, ()), piece.start, piece.end)
                for arm in self.plan.arms
            }
            if any(missing.values()):
                yield piece, missing


def share_out(
    missing: Mapping[str, Sequence[Interval]], stored: Mapping[str, Sequence[Plan]]
) -> list[Share]:
    """Who does what is missing, by position.

    Every missing position of an arm is in exactly one share.

    Args:
        missing: arm → the intervals of positions that it lacks; every arm of the command, in order.
        stored: arm → the plans of its ``run.toml``, the latest last.
    """
    possible = {
        arm: [p for p in reversed(plans) if arm in p.arms and set(p.arms) <= set(missing)]
        for arm, plans in stored.items()
    }
    shares: dict[Plan, Share] = {}
    new: list[Plan] = []
    for start, end in _segments(missing, stored):
        unplanned = []
        for arm in missing:
            if not _within(missing[arm], start, end):
                continue
            if plan := _plan_of(arm, start, possible):
                _add(shares.setdefault(plan, Share(plan)), arm, start, end)
            else:
                unplanned.append(arm)
        if unplanned:
            new.append(Plan(start, end, tuple(unplanned)))
    for plan in _joined(new):
        shares[plan] = Share(plan, {arm: [(plan.start, plan.end)] for arm in plan.arms})
    return sorted(shares.values(), key=lambda share: share.plan.start)


def plans_to_store(arm: str, stored: Sequence[Plan], shares: Sequence[Share]) -> tuple[Plan, ...]:
    """The plans of an arm's ``run.toml``, with those by which it does what is missing."""
    needed = (share.plan for share in shares if share.missing.get(arm))
    return (*stored, *(plan for plan in needed if plan not in stored))


def _segments(
    missing: Mapping[str, Sequence[Interval]], stored: Mapping[str, Sequence[Plan]]
) -> Iterator[Interval]:
    """The positions, cut wherever an arm's state or plan changes."""
    ends = {end for intervals in missing.values() for interval in intervals for end in interval}
    for plans in stored.values():
        ends.update(end for plan in plans for end in (plan.start, plan.end))
    return pairwise(sorted(ends))


def _plan_of(arm: str, at: int, possible: Mapping[str, Sequence[Plan]]) -> Plan | None:
    """The plan that covers a position of an arm: its own, or one that was stored for another arm
    before the command was killed."""
    for plans in (possible.get(arm, ()), *possible.values()):
        for plan in plans:
            if plan.start <= at < plan.end and arm in plan.arms:
                return plan
    return None


def _add(share: Share, arm: str, start: int, end: int) -> None:
    intervals = share.missing.setdefault(arm, [])
    if intervals and intervals[-1][1] == start:
        start = intervals.pop()[0]
    intervals.append((start, end))


def _joined(plans: Sequence[Plan]) -> list[Plan]:
    """Neighbours of the same arms as one plan."""
    joined: list[Plan] = []
    for plan in plans:
        last = joined[-1] if joined else None
        if last is not None and (last.end, last.arms) == (plan.start, plan.arms):
            joined[-1] = Plan(last.start, plan.end, plan.arms)
        else:
            joined.append(plan)
    return joined


def _within(intervals: Sequence[Interval], start: int, end: int) -> list[Interval]:
    """The parts of sorted intervals that lie in another."""
    found = []
    at = max(0, bisect_right(intervals, (start, start)) - 1)
    while at < len(intervals) and intervals[at][0] < end:
        low, high = intervals[at]
        if high > start:
            found.append((max(low, start), min(high, end)))
        at += 1
    return found
