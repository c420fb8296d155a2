"""The ledger: of what a method's gain consists, by arms that each have one thing more.

The parts are differences of arms on the same examples, which add up to the gain: another first
answer (regression to the mean), a majority of samples (sampling), the question again (mere
repetition), neutral words as long as the method's (length), and the method (its instruction).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.ends import at_ends
from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.measures.outcomes import room_of
from selfcorrect.measures.panel import Panel

#: The arms, and between which two of them each part lies: each has one thing more than the one
#: before. ``first`` is the method's own round 1; of all others it is the last round.
FIRST = "first"
PARTS = {
    "regression": (FIRST, "afresh"),
    "sampling": ("afresh", "majority"),
    "repetition": ("majority", "repeat"),
    "length": ("repeat", "padded"),
    "instruction": ("padded", "method"),
}
#: Whose gains are split: all dialogues, and those that were wrong, or right, at first.
WHOSE = ("all", "wrong", "right")
#: Direct comparisons beside the parts.
BESIDE = {"control": ("repeat", "method"), "majority": ("majority", "method")}


@dataclass(frozen=True)
class Ledger:
    """The arms on the same examples, in one order.

    Attributes:
        panels: by arm.
        margins: by measure.
        there: of which dialogues every arm has an outcome, a mask [D]; values are of these, so
            that the parts add up.
        looks: how many examples there were whenever this was looked at.
    """

    panels: Mapping[str, Panel]
    margins: Mapping[str, float]
    there: NDArray[np.bool_]
    looks: Sequence[int] = ()

    def difference(
        self, ends: tuple[str, str], rows: NDArray[np.bool_], family: int
    ) -> dict[str, Any]:
        """The outcome of one end minus that of the other, of some dialogues, judged as one of so
        many comparisons: see :func:`selfcorrect.measures.ends.at_ends`.

        Which dialogues lack an outcome may be a method's doing. So a verdict is one only where the
        two arms on all of these dialogues, whatever outcomes they lack, have the same.
        """
        told = self._compared(ends, rows & self.there, family)
        if told["verdict"] is None or not (rows & ~self.there).any():
            return told
        whole = self._compared(ends, rows, family)
        told |= {name: whole[name] for name in ("unread", "depends") if name in whole}
        if whole["verdict"] != told["verdict"] or whole.get("hangs"):
            undone = told["verdict"] != "undecided" or whole.get("hangs", False)
            told |= {"verdict": "undecided", "hangs": undone, "n_needed": None}
        return told

    def _compared(
        self, ends: tuple[str, str], rows: NDArray[np.bool_], family: int
    ) -> dict[str, Any]:
        before, after = (self._at(end) for end in ends)
        pair = after[0].only(rows), before[0].only(rows)
        if not len(pair[0].examples):
            return {**mean([], []).table(), "decides": None, "verdict": None}
        start = before[1] if ends[0] == FIRST else None
        # as many as there were of all, so that a part of them is looked at as often
        found = at_ends(pair, self.margins, start=start, looks=self.looks, family=family)
        y, x = pair[0].at(after[1])["outcome"], pair[1].at(before[1])["outcome"]
        return {**found, "moved": int((y != x).sum())}

    def outcome(self, end: str, rows: NDArray[np.bool_]) -> dict[str, Any]:
        """The outcome at one end, of some of the dialogues that have one in every arm."""
        panel, number = self._at(end)
        rows = rows & self.there
        x = panel.at(number)["outcome"][rows]
        clusters = panel.clusters[rows]
        if panel.outcome.kind == "share":
            return proportion(x, clusters).table()
        return mean(x, clusters, room=room_of(panel.outcome)).table()

    def _at(self, end: str) -> tuple[Panel, int]:
        panel = self.panels["method" if end == FIRST else end]
        return panel, panel.rounds[0 if end == FIRST else -1]

    def whose(self) -> dict[str, Any]:
        """Which dialogues are in each of :data:`WHOSE`, masks [D].

        Of an outcome that is a number, *wrong* and *right* are the worse half at first, and the
        rest. A first answer that couldn't be read, or has no outcome, is neither.
        """
        panel, number = self._at(FIRST)
        columns, outcome = panel.at(number), panel.outcome
        y = columns["outcome"] * outcome.sign
        read = (columns["parse_rate"] == 1) & np.isfinite(y)
        known = y[np.isfinite(y)]
        limit = 0.5 if outcome.kind == "share" else np.median(known) if len(known) else 0.0
        if outcome.kind == "share" and outcome.sign < 0:
            limit = -0.5
        bad = y < limit
        return dict(zip(WHOSE, (np.ones(len(y), bool), bad & read, ~bad & read), strict=True))


def ledger_of_arms(
    panels: Mapping[str, Panel], margins: Mapping[str, float], looks: Sequence[int] = ()
) -> Ledger:
    """The arms, with which of the dialogues have an outcome in every arm.

    Args:
        panels: by arm, of the same examples in one order.
        margins: by measure.
        looks: how many examples there were whenever this was looked at.
    """
    columns = [panel.columns["outcome"][:, -1] for panel in panels.values()]
    columns.append(panels["method"].columns["outcome"][:, 0])
    there = np.asarray(np.isfinite(np.stack(columns)).all(axis=0))
    return Ledger(panels, margins, there, tuple(looks) or (max(1, len(there)),))


def split(ledger: Ledger) -> dict[str, Any]:
    """The gain, and its parts.

    Returns:
        ``unknown``: dialogues that values leave out as some arm has no outcome of them, and
        ``lacking``: arm → of how many it has none at last; by each of
        :data:`WHOSE`: ``whole``, ``parts`` by the names of :data:`PARTS`, ``levels``, the outcome
        at each end; and ``beside`` by the names of :data:`BESIDE`, of all dialogues. Verdicts on
        the parts hold together, those of the dialogues wrong or right at first likewise; so do
        those of ``beside``. The parts' values add up to the whole's.
    """
    last = {arm: panel.columns["outcome"][:, -1] for arm, panel in ledger.panels.items()}
    found: dict[str, Any] = {
        "unknown": int((~ledger.there).sum()),
        "lacking": {arm: n for arm, y in last.items() if (n := int((~np.isfinite(y)).sum()))},
    }
    for whose, rows in ledger.whose().items():
        found[whose] = {
            "whole": ledger.difference((FIRST, "method"), rows, 1),
            "parts": {
                name: ledger.difference(ends, rows, len(PARTS)) for name, ends in PARTS.items()
            },
            "levels": {end: ledger.outcome(end, rows) for end in (FIRST, *_ends())},
        }
    every = np.ones(len(ledger.panels["method"].examples), bool)
    found["beside"] = {
        name: ledger.difference(ends, every, len(BESIDE)) for name, ends in BESIDE.items()
    }
    return found


def _ends() -> list[str]:
    return [after for _, after in PARTS.values()]
