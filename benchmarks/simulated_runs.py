"""What benchmarks.statistics simulates of whole runs: convergence, plans, looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from benchmarks.simulated import Floats, Ints, Layout, Rng, equal, pairs, sized

from selfcorrect.measures.compare import compare, verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.looks import level
from selfcorrect.measures.paired import share_difference, share_test
from selfcorrect.measures.panel import Panel, expressions
from selfcorrect.measures.parity import parity, weighed
from selfcorrect.measures.power import FIRST_LOOK as PLANNED
from selfcorrect.measures.power import Design, n_for_difference, n_for_margin
from selfcorrect.measures.rounds import alternating
from selfcorrect.outcome import ACCURACY, Outcome


def drifting(step: float, n: int) -> Callable[[Rng], bool]:
    """Accuracy rises by ``step`` a round, of eight: is a round declared converged (margin 3)?"""

    def once(rng: Rng) -> bool:
        right = [rng.random(n) < 0.4]
        for _ in range(7):
            wrong = ~right[-1]
            lost = right[-1] & (rng.random(n) < 0.02)
            level = right[-1].mean()
            up = (step + 0.02 * level) / (1 - level)
            right.append((right[-1] & ~lost) | (wrong & (rng.random(n) < up)))
        panel = panel_of(np.stack(right, axis=1).astype(float), np.arange(n))
        return convergence(panel, {"accuracy": 0.03})["accuracy"]["round"] is not None

    return once


def panel_of(y: Floats, clusters: Ints, outcome: Outcome = ACCURACY) -> Panel:
    """Outcomes [n, rounds], of answers that were all read."""
    blank = {name: np.full(y.shape, np.nan) for name in expressions(outcome)}
    known = dict.fromkeys(("parse_rate", "gradable"), np.ones_like(y))
    given = {**blank, "outcome": y, "answer": y, "choice": y, "quality": y, **known}
    numbers = np.arange(len(y), dtype=np.uint64)
    rounds = tuple(range(1, y.shape[1] + 1))
    return Panel(rounds, numbers, clusters.astype(np.uint64), given, {}, outcome)


def planned(difference: float, design: Design) -> Callable[[Rng], bool]:
    n = n_for_difference(difference, design) or 0
    up, down = (design.changed + difference) / 2, (design.changed - difference) / 2

    def once(rng: Rng) -> bool:
        e = share_difference(*pairs(rng, up, down, _as(design, n), design.icc), level=PLANNED)
        return verdict(e, None, 1) == "better"

    return once


def planned_rounds(difference: float, design: Design, rounds: int = 4) -> Callable[[Rng], bool]:
    """The verdict of a whole run of several rounds, as large as planned: each example that changes
    does so in one of them."""
    n = n_for_difference(difference, design) or 0
    up, down = (design.changed + difference) / 2, (design.changed - difference) / 2

    def once(rng: Rng) -> bool:
        after, before, of = pairs(rng, up, down, _as(design, n), design.icc)
        when = rng.integers(1, rounds, len(of))
        y = np.where(np.arange(rounds) < when[:, None], before[:, None], after[:, None])
        # those that don't change are right as often as wrong
        y = np.where((after == before)[:, None], rng.random((len(of), 1)) < 0.5, y).astype(float)
        return of_a_run(panel_of(y, of)) == "better"

    return once


def of_a_run(run: Panel) -> str | None:
    """The verdict on accuracy's change, as a run's summary has it, without all the rest."""
    last, margins, looks = run.rounds[-1], {"accuracy": 0.03}, (len(run.clusters),)
    change = compare(run, run, (last, 1), margins, looks=looks, names=("accuracy",))["accuracy"]
    turns = alternating(run)["alternates"]
    before = parity((run, run), change, (last - 1, 1), margins, looks, alternates=turns)
    found: str | None = weighed(change, before, alternates=turns)["verdict"]
    return found


def planned_margin(margin: float, design: Design) -> Callable[[Rng], bool]:
    layout, half = _as(design, n_for_margin(margin, design)), design.changed / 2

    def once(rng: Rng) -> bool:
        e = share_difference(*pairs(rng, half, half, layout, design.icc), level=PLANNED)
        return verdict(e, margin, 1) == "same"

    return once


def _as(design: Design, n: int) -> Layout:
    """Clusters of a design: of one size, or every fifth of them larger than the others."""
    k = round(n / design.size)
    if design.unequal == 1:
        return equal(k, int(design.size))
    # a fifth of the clusters is larger by d: K Σ n² / n² = 1 + 4 (d / (5 + d))² …
    ratio = math.sqrt((design.unequal - 1) / 4)
    larger = 5 * ratio / (1 - ratio)
    small = design.size / (1 + larger / 5)
    return sized([round(small * (1 + larger)) if i % 5 == 0 else round(small) for i in range(k)])


def looked_at(looks: int, first: int, growth: float, obeying: bool) -> Callable[[Rng], bool]:
    """A run without any change that is made larger until its verdict has a direction.

    Args:
        looks: at most so many.
        first: dialogues at the first.
        growth: by how many dialogues it grows each time (times its first size).
        obeying: make it as large as it was said to decide, where it says so.
    """

    def once(rng: Rng) -> bool:
        n, seen = first, []
        changes = rng.choice([-1.0, 0.0, 1.0], 60_000, p=[0.1, 0.8, 0.1])
        for _ in range(looks):
            seen.append(n)
            y = np.stack([np.zeros(n), changes[:n]], axis=1)
            after, before = np.where(y[:, 1] > 0, 1.0, 0.0), np.where(y[:, 1] < 0, 1.0, 0.0)
            if not obeying:
                told, needed = _told(after, before, level(seen)), None
            else:
                row = _compared(after, before, seen)
                told, needed = row["verdict"], row["n_needed"]
            if told in ("better", "worse"):
                return True
            n = int(needed or n + growth * first)
            if n > len(changes):
                return False
        return False

    return once


def _told(after: Floats, before: Floats, at: float) -> str | None:
    """The verdict of :func:`_compared`, without what takes most of its time."""
    each = np.arange(len(after))
    e = share_difference(after, before, each, level=at)
    said = verdict(e, None, 1, None, at)
    if said not in ("better", "worse"):
        return said  # no test is needed
    return verdict(e, None, 1, share_test(after, before, each), at)


def _compared(after: Floats, before: Floats, seen: Sequence[int]) -> dict[str, Any]:
    """The row of accuracy's change, as a run's summary has it."""
    panel = panel_of(np.stack([before, after], axis=1), np.arange(len(after)))
    return compare(panel, panel, (2, 1), {"accuracy": 0.001}, looks=seen, names=("accuracy",))[
        "accuracy"
    ]
