"""The parts of a gain: differences of arms on the same examples, which add up to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.compare import compare
from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.measures.outcomes import room_of
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.unseen import Room
from selfcorrect.studies.able import told
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series

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
    """The arms on the examples of which all have a known outcome, in one order.

    Attributes:
        panels: by arm.
        margins: by measure.
        left_out: dialogues that some arm has no known outcome of.
    """

    panels: Mapping[str, Panel]
    margins: Mapping[str, float]
    left_out: int

    def difference(self, ends: tuple[str, str], rows: Any, family: int) -> dict[str, Any]:
        """The outcome of one end minus that of the other, of some dialogues, judged as one of so
        many comparisons: see :func:`selfcorrect.measures.compare.compare`."""
        before, after = (self._at(end) for end in ends)
        name = after[0].outcome.name
        pair = after[0].only(rows), before[0].only(rows)
        if not len(pair[0].examples):
            return {**mean([], []).table(), "decides": None, "verdict": None}
        rounds = after[1], before[1]
        found = compare(*pair, rounds, self.margins, names=(name,), family=family)[name]
        y, x = pair[0].at(rounds[0])["outcome"], pair[1].at(rounds[1])["outcome"]
        return {**found, "moved": int((y != x).sum())}

    def outcome(self, end: str, rows: Any) -> dict[str, Any]:
        """The outcome at one end, of some dialogues."""
        panel, number = self._at(end)
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
        rest. A first answer that couldn't be read is neither.
        """
        panel, number = self._at(FIRST)
        columns, outcome = panel.at(number), panel.outcome
        y, read = columns["outcome"] * outcome.sign, columns["parse_rate"] == 1
        limit = 0.5 if outcome.kind == "share" else np.median(y) if len(y) else 0.0
        if outcome.kind == "share" and outcome.sign < 0:
            limit = -0.5
        bad = y < limit
        return {"all": np.ones(len(y), bool), "wrong": bad & read, "right": ~bad & read}


def preflight(inputs: Inputs) -> Preflight:
    """Whether the answers can be read."""
    return told(series(inputs.runs), (), inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``outcome``, ``share``, ``margin``, ``method``, ``rounds``,
        ``votes``, ``asks``: whether the neutral words are followed by the question; what
        :func:`split` gives; ``tokens``: by arm (:func:`tokens`).
    """
    arms: Series = inputs.preflight.data
    method = inputs.runs["method"]
    spec = method.spec.strategy
    ledger = known(arms.panels, arms.margins)
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "better": arms.outcome.better,
        "share": arms.outcome.kind == "share",
        "margin": arms.margins.get(arms.outcome.name),
        "method": spec.name.rsplit("/", 1)[-1].removesuffix(".toml"),
        "rounds": list(arms.main.rounds),
        "votes": inputs.runs["majority"].spec.strategy.parameters["samples"],
        "asks": inputs.runs["padded"].spec.strategy.parameters["ask"],
        **split(ledger),
        "tokens": tokens(ledger.panels),
        "settings": dict(inputs.settings),
    }


def known(panels: Mapping[str, Panel], margins: Mapping[str, float]) -> Ledger:
    """The arms, reduced to the dialogues of which every arm has an outcome.

    Args:
        panels: by arm, of the same examples in one order.
        margins: by measure.
    """
    columns = [panel.columns["outcome"][:, -1] for panel in panels.values()]
    columns.append(panels["method"].columns["outcome"][:, 0])
    there = np.asarray(np.isfinite(np.stack(columns)).all(axis=0))
    kept = {arm: panel.only(there) for arm, panel in panels.items()}
    return Ledger(kept, margins, int((~there).sum()))


def split(ledger: Ledger) -> dict[str, Any]:
    """The gain, and its parts.

    Returns:
        ``unknown``: dialogues left out as some arm has no outcome of them; by each of
        :data:`WHOSE`: ``whole``, ``parts`` by the names of :data:`PARTS`, ``levels``, the outcome
        at each end; and ``beside`` by the names of :data:`BESIDE`, of all dialogues. Verdicts on
        the parts hold together, those of the dialogues wrong or right at first likewise; so do
        those of ``beside``. The parts' values add up to the whole's.
    """
    found: dict[str, Any] = {"unknown": ledger.left_out}
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


def tokens(panels: Mapping[str, Panel]) -> dict[str, Any]:
    """What each arm takes: ``tokens`` of a dialogue, ``ratio`` of them to the method's, ``later``:
    those of a round after the first to the method's; ``None`` where none are counted."""
    method = panels["method"]

    def ratio(one: Floats, other: Floats) -> dict[str, Any] | None:
        if not other.sum() > 0:
            return None
        terms = np.stack([one, other], axis=1)
        both = of_sums(terms, lambda s: np.asarray(s[..., 0] / s[..., 1]), method.clusters)
        return both.table()

    def whole(panel: Panel) -> Floats:
        return np.asarray(np.nansum(panel.columns["encoded"], axis=1), np.float64)

    def later(panel: Panel) -> Floats:
        return np.asarray(np.nansum(panel.columns["encoded"][:, 1:], axis=1), np.float64)

    found = {}
    for arm, panel in panels.items():
        x = whole(panel)
        found[arm] = {
            "tokens": mean(x, panel.clusters, room=Room(low=0.0)).table() if x.sum() > 0 else None,
            "ratio": ratio(x, whole(method)),
            "later": ratio(later(panel), later(method)) if arm in ("repeat", "padded") else None,
        }
    return found
