"""Runs side by side: on the examples that they share, with what each is, costs, and may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.errors import UserError
from selfcorrect.measures import arms
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.compare import compare as compare_rounds
from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.measures.outcomes import room_of
from selfcorrect.measures.own import Own
from selfcorrect.measures.panel import Panel
from selfcorrect.runs.comparable import (
    check,
    drawn_apart,
    is_oracle,
    names_of,
    reference_of,
    ungraded,
)
from selfcorrect.runs.costs import cost_of, cost_table
from selfcorrect.runs.looks import Look, look_at, read_looks, write_looks
from selfcorrect.runs.run import Run
from selfcorrect.runs.store import Store
from selfcorrect.runs.summary import margins_of, outcome_table, own_of, panel_of

Table = dict[str, Any]


@dataclass(frozen=True)
class SideBySide:
    """Runs on the examples that all of them have.

    Attributes:
        runs, names: as they are told apart.
        reference: the number of the one that the others are compared with.
        oracle: whether a run uses the truth.
        full, panels: the records of each, of all its examples, and of the shared ones in one order.
        own, margins: what their outcome is, and the reference's margins by measure.
        looks: by pair (i, j), i < j, how many examples there were whenever they were compared.
        costs: of each one's dialogues.
        notes: what a reader has to know.
        without: of runs that were to stand beside these and can't: the name of each, and why.
    """

    runs: Sequence[Run]
    names: Sequence[str]
    reference: int
    oracle: Sequence[bool]
    full: Sequence[Panel]
    panels: Sequence[Panel]
    own: Own
    margins: Mapping[str, float]
    looks: Mapping[tuple[int, int], Sequence[int]]
    costs: Sequence[Mapping[str, Floats]]
    notes: Sequence[str]
    without: Mapping[str, str]

    @property
    def shared(self) -> int:
        """How many examples all have."""
        return len(self.panels[0].clusters)

    @property
    def ranked(self) -> list[int]:
        """Those that may be the best: all but oracles."""
        return [k for k, is_one in enumerate(self.oracle) if not is_one]

    def table(self) -> Table:
        """What there is to say of each by itself, and which may be the best, with JSON's types."""
        told = self._ranked()
        best = {k: told.get(k, {}).get("best", {}) for k in self.ranked}
        return {
            "runs": [
                {
                    **self._about(k),
                    "cost": cost_table(run, self.costs[k], self.panels[k]),
                    **_named(told.get(k), self.names),
                }
                for k, run in enumerate(self.runs)
            ],
            "reference": self.names[self.reference],
            "outcome": outcome_table(self.own, self.margins),
            "scorer": None if self.runs[0].scores is None else self.runs[0].scores.scorer,
            "own": self.own.terms(),
            "shared": self.shared,
            "clusters": len(np.unique(self.panels[0].clusters)),
            "examples": self.runs[self.reference].header.examples,
            "best": [self.names[k] for k, place in best.items() if not place.get("worse_than")],
        }

    def _ranked(self) -> dict[int, Table]:
        """Of each run that isn't an oracle: whether it may be the best, and whether it is worth
        what it costs. Runs by their place among all."""
        ranked = self.ranked
        if len(ranked) < 2:
            return {}
        mine = [self.panels[k] for k in ranked]
        pairs = combinations(range(len(ranked)), 2)
        seen = {(i, j): self.looks[ranked[i], ranked[j]] for i, j in pairs}
        best = arms.best(mine, self.margins, seen)
        tokens = [self.costs[k]["tokens"] for k in ranked]
        counted = all((each > 0).any() for each in tokens)
        edge = arms.frontier(mine, tokens, best) if counted else [None] * len(ranked)
        found: dict[int, Table] = {}
        for k, place, worth in zip(ranked, best, edge, strict=True):
            found[k] = {
                "best": {
                    **{key: each for key, each in place.items() if key != "against"},
                    "worse_than": [ranked[j] for j in place["worse_than"]],
                },
                "frontier": worth
                and {
                    key: [ranked[j] for j in each] if isinstance(each, list) else each
                    for key, each in worth.items()
                },
            }
        return found

    def _about(self, k: int) -> Table:
        """A run by itself, its numbers on the shared examples."""
        run, panel, own = self.runs[k], self.panels[k], self.own
        looks = [look.n for look in look_at(run, panel.clusters)]
        outcome, last, first = own.outcome, panel.rounds[-1], panel.rounds[0]

        def estimate(number: int) -> Table:
            x = panel.at(number)["outcome"]
            if outcome.kind == "share":
                return proportion(x, panel.clusters).table()
            return mean(x, panel.clusters, room=room_of(outcome)).table()

        name, ends = outcome.name, (last, first)
        change: Table | None = None
        if last > first:
            told = compare_rounds(panel, panel, ends, self.margins, own, looks=looks, names=(name,))
            change = told[name]
        at = panel.at(last)
        unknown = (at["parse_rate"] == 0) | (~np.isfinite(at["outcome"]) & (at["gradable"] == 1))
        return {
            "name": self.names[k],
            "folder": str(run.folder),
            "model": run.spec.model.name,
            "strategy": run.spec.strategy.name,
            "oracle": self.oracle[k],
            "complete": run.complete,
            "dialogues": run.dialogues,
            "wanted": run.wanted,
            "examples": len(self.full[k].examples),
            "rounds": list(panel.rounds),
            "outcome": estimate(last),
            "first": estimate(first),
            "change": change,
            "unknown": int(unknown.sum()),
            "unread": [_unread(panel, number) for number in dict.fromkeys((first, last))],
            "by_round": [{"round": number, **estimate(number)} for number in panel.rounds],
        }


def side_by_side(
    runs: Sequence[Run], reference: Run | None = None, beside: Sequence[Run] = ()
) -> SideBySide:
    """Read runs, and reduce them to the examples that all of them have.

    Args:
        runs: of the same data, as they are looked at by one scorer.
        reference: the one that the others are compared with; by default the first that isn't an
            oracle.
        beside: runs that go with them where they can.

    Raises:
        UserError: they can't be compared (:func:`.comparable.check`), are ungraded, share no
            example.
    """
    if len(runs) > 1 or not beside:
        check(runs)
    own, note = own_of(runs[0])
    full = [panel_of(run, own) for run in runs]
    for run, panel in zip(runs, full, strict=True):
        if not panel.rounds:
            raise UserError(f"{run.folder} has no finished dialogue yet: run it first.")
    every, without = list(runs), dict[str, str]()
    for run in beside:
        try:
            check([runs[0], run])
            panel = panel_of(run, own)
            if not panel.rounds or not len(arms.shared([*full, panel])[0].clusters):
                raise UserError("it has no dialogue of these examples")
        except UserError as error:
            without[run.spec.strategy.name] = str(error)
            continue
        every.append(run)
        full.append(panel)
    apart = drawn_apart(every)
    if apart:  # entropy over few samples is biased low, so only equal numbers can be compared
        full = [replace(panel, samples=False) for panel in full]
    oracle = [is_oracle(run) for run in every]
    at = reference_of(every, reference, oracle)
    panels = arms.shared(full)
    shown = panels[0].clusters
    if not len(shown):
        raise UserError("these runs share no example: run them on the same ones, see --limit.")
    if all(not np.isfinite(panel.columns["outcome"]).any() for panel in panels):
        raise UserError(ungraded(every))
    pairs = combinations(range(len(every)), 2)
    return SideBySide(
        runs=every,
        names=names_of(every),
        reference=at,
        oracle=oracle,
        full=full,
        panels=panels,
        own=own,
        margins=margins_of(every[at], own),
        looks={(i, j): _looks(every[i], every[j], shown) for i, j in pairs},
        costs=[cost_of(run, panel) for run, panel in zip(every, panels, strict=True)],
        notes=[*apart, *([note] if note else [])],
        without=without,
    )


def _looks(one: Run, other: Run, shown: NDArray[np.uint64]) -> list[int]:
    """How many examples there were whenever two runs were compared, this time among them.

    It is noted in the folders of both, under the name of the other's folder (of a control, under
    the control's, so that the run's own summary knows), so that whichever is named first the looks
    are the same.
    """
    seen: set[int] = set()
    places = []
    for mine, theirs in ((one, other), (other, one)):
        arms_of = [arm for arm, name in mine.header.controls.items() if name == theirs.folder.name]
        known = {theirs.folder.name, *arms_of}
        every = read_looks(Store(mine.folder))
        seen |= {look.n for look in every if look.control in known}
        if not mine.received:
            places.append((Store(mine.folder), every, known, (arms_of or [theirs.folder.name])[0]))
    n, k = len(shown), len(np.unique(shown))
    for store, every, known, name in places:
        if n not in {look.n for look in every if look.control in known}:
            write_looks(store, [*every, Look.now(n, k, name)])
    return sorted(seen | {n})


def _named(told: Table | None, names: Sequence[str]) -> Table:
    """The same with names in place of numbers."""
    if told is None:
        return {"best": None, "frontier": None}
    return {
        part: each
        and {
            key: [names[k] for k in value] if isinstance(value, list) else value
            for key, value in each.items()
        }
        for part, each in told.items()
    }


def _unread(panel: Panel, number: int) -> Table:
    """How many answers of a round couldn't be read."""
    read = panel.at(number)["parse_rate"]
    return {"round": number, "n": int(np.isfinite(read).sum()), "unread": int((read == 0).sum())}
