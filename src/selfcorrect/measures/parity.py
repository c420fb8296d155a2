"""Whether a difference depends on the round in which a run happened to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfcorrect.measures.compare import compare
from selfcorrect.measures.looks import level
from selfcorrect.measures.outcomes import paired
from selfcorrect.measures.panel import Panel

#: So large a share of dialogues that go back and forth is what the verdict is about.
ALTERNATING = 0.05

_Row = Mapping[str, Any]


def parity(
    panels: tuple[Panel, Panel],
    change: _Row,
    rounds: tuple[int, int],
    margins: Mapping[str, float],
    looks: Sequence[int],
    *,
    alternates: bool,
    last: tuple[int, int] | None = None,
) -> dict[str, Any] | None:
    """A difference in the last round beside that in the last round but one.

    Where answers go back and forth, a difference in one round is a coin's side. What that leaves of
    the difference, :func:`weighed` says.

    Args:
        panels: after and before, of the same examples; may be one and the same.
        change: the outcome's difference in the last round, as
            :func:`selfcorrect.measures.compare.compare` has it.
        rounds: those of the difference before.
        margins: by measure, up to what size a difference counts as none.
        looks: at the run.
        alternates: whether many dialogues go back and forth (:data:`ALTERNATING`).
        last: rounds of the difference; by default the next one of ``after``, and of ``before``
            where that is another panel of several rounds.

    Returns:
        ``round``; ``previous``, the difference there; ``both``, the mean of the two differences;
        ``agree``, whether they don't contradict each other. ``None`` where there is no change, or
        no verdict on it and few dialogues go back and forth.
    """
    (after, before), outcome = panels, panels[0].outcome
    if change.get("value") is None or (change["verdict"] is None and not alternates):
        return None
    previous = compare(after, before, rounds, margins, looks=looks, names=(outcome.name,))
    told = previous[outcome.name]
    x, y = after.columns["outcome"], before.columns["outcome"]
    at, of = after.rounds.index(rounds[0]), before.rounds.index(rounds[1])
    # what is taken off is the same round both times, or the control's at the same round
    later = of if after is before or len(before.rounds) == 1 else of + 1
    then = at + 1
    if last is not None:
        then, later = after.rounds.index(last[0]), before.rounds.index(last[1])
    ends = [(x[:, at], y[:, of]), (x[:, then], y[:, later])]
    pairs = [np.concatenate(each) for each in zip(*ends, strict=True)]
    clusters = np.tile(after.clusters, 2)
    both = paired(outcome, pairs[0], pairs[1], clusters, level(looks))
    agree = not contradict(change, told, alternates)
    return {"round": rounds[0], "previous": told, "both": both.table(), "agree": agree}


def weighed(change: _Row, found: _Row | None, *, alternates: bool) -> dict[str, Any]:
    """A difference as it may be told beside the round before.

    Args:
        change: as :func:`selfcorrect.measures.compare.compare` has it.
        found: what :func:`parity` says of it.
        alternates: whether many dialogues go back and forth.

    Returns:
        The same; ``undecided`` and with ``depends`` true where the round before contradicts it,
        then with the verdicts of both rounds as ``stops``, the last one first, and ``reach`` over
        both;
        without ``n_needed`` then, and where many dialogues go back and forth: more examples don't
        change where the rounds stop.
    """
    told = dict(change)
    if alternates:
        told["n_needed"] = None
    if found is not None and not found["agree"]:
        decided = None if change["verdict"] is None else "undecided"
        both = [change["verdict"], found["previous"]["verdict"]]
        told |= {"verdict": decided, "n_needed": None, "depends": True, "stops": both}
        if "reach" in told:
            told["reach"] = _over(told["reach"], found["previous"]["reach"])
    return told


def _over(one: Sequence[float | None], other: Sequence[float | None]) -> list[float | None]:
    """From the lower one of two low ends to the higher one of two high ends."""
    lows, highs = ([x for x in pair if x is not None] for pair in zip(one, other, strict=True))
    return [min(lows) if len(lows) == 2 else None, max(highs) if len(highs) == 2 else None]


def contradict(last: _Row, before: _Row, alternates: bool) -> bool:
    """Whether two differences, each with ``verdict``, ``value`` and ``margin``, say unlike things.

    A run that is only just large enough may show in its last round what it didn't in the one
    before: that is no contradiction, unless many dialogues go back and forth.
    """
    verdicts = {last["verdict"], before["verdict"]}
    if None in verdicts:  # without intervals, what was seen is all there is
        apart = abs((last["value"] or 0.0) - (before["value"] or 0.0))
        return alternates and apart > (last["margin"] or 0.0)
    if len(verdicts) == 1:
        return False
    directions = verdicts & {"better", "worse"}
    opposite = (last["value"] or 0.0) * (before["value"] or 0.0) < 0
    unlike = len(directions) == 2 or (bool(directions) and ("same" in verdicts or opposite))
    return unlike or alternates
