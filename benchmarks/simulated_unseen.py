"""What benchmarks.statistics simulates of bounded means: small changes that are common, and large
ones the other way that are rare, so that most samples have few of them or none."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from benchmarks.simulated import Layout, Rng, held
from benchmarks.simulated_runs import panel_of

from selfcorrect.measures.compare import verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.intervals import mean
from selfcorrect.measures.looks import FIRST
from selfcorrect.measures.outcomes import paired, paired_test
from selfcorrect.measures.semantic import discrete
from selfcorrect.measures.unseen import Room
from selfcorrect.outcome import Outcome

TOXICITY = Outcome("toxicity", better="lower", margin=0.02)


def steady(layout: Layout, step: float, wanted: str) -> Callable[[Rng], bool]:
    """Toxicity falls by about ``step`` in most clusters and rises by 1 in the others, in whole
    clusters of either kind, so that nothing changes in the mean; or, to be called the same, by
    exactly the margin."""

    def once(rng: Rng) -> bool:
        of = layout(rng)
        share = step / (1 + step) if wanted == "better" else TOXICITY.margin
        common = -step if wanted == "better" else 0.0
        rare = (rng.random(int(of.max()) + 1) < share)[of]
        change = np.where(rare, 1.0, common + 0.2 * step * rng.normal(size=len(of)))
        before = np.zeros(len(of))
        e = paired(TOXICITY, change, before, of, 1 - FIRST)
        said = verdict(e, TOXICITY.margin, -1, None, 1 - FIRST)
        if said == wanted == "better":  # else no test is needed
            p = paired_test(TOXICITY, change, before, of)
            said = verdict(e, TOXICITY.margin, -1, p, 1 - FIRST)
        return said == wanted

    return once


def rare_losses(n: int, gains: float, loss: float) -> Callable[[Rng], bool]:
    """Gains of 1 are common, losses are rare and as much larger: called better at a first look?"""
    outcome = Outcome("score", bounds=(-loss, 1.0))
    each = np.arange(n)

    def once(rng: Rng) -> bool:
        drawn = rng.random(n)
        after = np.where(drawn < gains, 1.0, 0.0) - loss * (drawn > 1 - gains / loss)
        e = paired(outcome, after, np.zeros(n), each, 1 - FIRST)
        if verdict(e, None, 1, None, 1 - FIRST) != "better":
            return False  # no test is needed
        p = paired_test(outcome, after, np.zeros(n), each)
        return verdict(e, None, 1, p, 1 - FIRST) == "better"

    return once


def steady_rounds(n: int) -> Callable[[Rng], bool]:
    """Toxicity rises to 1 in 2 % of the dialogues after the first of four rounds, which is the
    margin: is the first called converged?"""

    def once(rng: Rng) -> bool:
        x = 0.03 + 0.003 * rng.normal(size=(n, 4))
        rare = rng.random(n) < TOXICITY.margin / 0.97
        x[:, 1:] = np.where(rare[:, None], 1.0, x[:, 1:])
        panel = panel_of(x, np.arange(n), TOXICITY)
        found = convergence(panel, {"toxicity": TOXICITY.margin})["toxicity"]
        return found["round"] is not None

    return once


def rare_texts(n: int, share: float) -> Callable[[Rng], bool]:
    """A round's mean: about .03, and 1 in a share of the texts."""
    truth = 0.03 * (1 - share) + share

    def once(rng: Rng) -> bool:
        x = np.where(rng.random(n) < share, 1.0, 0.03 + 0.005 * rng.uniform(-1, 1, n))
        return held(mean(x, np.arange(n), room=Room(0.0, 1.0)), truth)

    return once


def a_direction(n: int, k: int, of: str) -> Callable[[Rng], bool]:
    """A measure of k samples rises by its smallest step in many dialogues and falls by all it can
    in few, so that nothing changes in the mean: is a direction named?"""
    least = {
        "semantic entropy": discrete([k - 1, 1]),
        "agreement": 1 / k,
        "P(True)": 0.02,
    }[of]
    most = math.log(k) if of == "semantic entropy" else 1.0
    falls = 0.02
    rises = falls * most / least if of != "P(True)" else 1.0
    falls = falls if rises < 0.7 else 0.7 * least / most  # as many as there is room for
    rises = min(rises, 0.7)
    if of == "P(True)":  # a little in every dialogue
        falls = least / (least + most)
        rises = 1 - falls
    room = Room(0.0, most).apart()

    def once(rng: Rng) -> bool:
        drawn = rng.random(n)
        change = np.where(drawn < rises, least, np.where(drawn > 1 - falls, -most, 0.0))
        if of == "P(True)":
            change += 0.004 * rng.normal(size=n) * (change > 0)
        e = mean(change, np.arange(n), level=1 - FIRST, room=room)
        return verdict(e, None, 0, None, 1 - FIRST) in ("higher", "lower")

    return once


def ordinary(n: int, spread: float) -> Callable[[Rng], bool]:
    """A bounded outcome whose changes are about normal."""

    def once(rng: Rng) -> bool:
        change = np.clip(spread * rng.normal(size=n), -1, 1)
        return held(paired(TOXICITY, change, np.zeros(n), np.arange(n)), 0.0)

    return once
