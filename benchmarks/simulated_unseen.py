"""What benchmarks.statistics simulates of small changes that are common, and large ones the other
way that are rare, so that most samples have few of them or none: in single records, and in whole
clusters."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from benchmarks.simulated import Floats, Ints, Layout, Rng, held
from benchmarks.simulated_runs import panel_of
from numpy.typing import NDArray
from scipy import special

from selfcorrect.measures.auroc import auroc, auroc_difference
from selfcorrect.measures.calibration import calibration
from selfcorrect.measures.compare import verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.intervals import mean
from selfcorrect.measures.looks import FIRST
from selfcorrect.measures.outcomes import paired, paired_test
from selfcorrect.measures.paired import share_difference, share_test
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


#: The share of clusters of which all records change, all the same way.
WHOLE = 0.03


def _drawn(layout: Layout, rng: Rng) -> tuple[Ints, NDArray[np.bool_]]:
    """Clusters, and which records lie in one that changes as a whole [n]."""
    of = layout(rng)
    return of, (rng.random(int(of.max()) + 1) < WHOLE)[of]


def whole_losses(layout: Layout) -> Callable[[Rng], bool]:
    """Whole clusters become wrong, and of all others as many answers become right."""

    def once(rng: Rng) -> bool:
        of, whole = _drawn(layout, rng)
        after = ~whole & (rng.random(len(of)) < WHOLE / (1 - WHOLE))
        pair = after.astype(float), whole.astype(float)
        e = share_difference(*pair, of, level=1 - FIRST)
        if verdict(e, None, 1, None, 1 - FIRST) != "better":
            return False  # no test is needed
        return verdict(e, None, 1, share_test(*pair, of), 1 - FIRST) == "better"

    return once


def whole_gains(layout: Layout, churn: float) -> Callable[[Rng], bool]:
    """Whole clusters become right, as many as the margin; of all others some answers change, as
    many either way: called the same?"""

    def once(rng: Rng) -> bool:
        of, whole = _drawn(layout, rng)
        u = rng.random(len(of))
        after = np.where(whole, 1.0, u < churn / 2)
        before = np.where(whole, 0.0, u > 1 - churn / 2)
        e = share_difference(after, before, of, level=1 - FIRST)
        return verdict(e, WHOLE, 1) == "same"

    return once


def whole_jumps(layout: Layout, wanted: str) -> Callable[[Rng], bool]:
    """The calibration gap rises by .8 in whole clusters; in all others it falls, so that nothing
    changes in the mean, or stays, so that it changes by exactly the margin."""
    room, jump = Room(-1.0, 1.0).apart(), 0.8
    rest = -jump * WHOLE / (1 - WHOLE) if wanted == "a direction" else 0.0

    def once(rng: Rng) -> bool:
        of, whole = _drawn(layout, rng)
        change = np.where(whole, jump, rest) + 0.1 * rng.normal(size=len(of))
        told = verdict(mean(change, of, level=1 - FIRST, room=room), jump * WHOLE, 0)
        return told == "same" if wanted == "same" else told in ("higher", "lower")

    return once


def whole_reversals(layout: Layout) -> Callable[[Rng], bool | None]:
    """In whole clusters right answers come to have the lower confidence; in all others they are
    told apart better, so that AUROC doesn't change. ``None`` where it has no interval."""
    before = 1.2
    value = float(special.ndtr(before / math.sqrt(2)))
    # of all clusters (1 − q) p + q (1 − p)
    apart = math.sqrt(2) * float(special.ndtri((value - WHOLE) / (1 - 2 * WHOLE)))

    def once(rng: Rng) -> bool | None:
        of, whole = _drawn(layout, rng)
        right = rng.random(len(of)) < 0.65
        noise: Floats = rng.normal(size=(2, len(of)))
        first = right * before + noise[0]
        last = right * np.where(whole, -apart, apart) + noise[1]
        y = right.astype(float)
        e = auroc_difference((last, y), (first, y), of, level=1 - FIRST)
        return None if e.low is None else verdict(e, None, 1) in ("better", "worse")

    return once


def whole_reversed(layout: Layout) -> Callable[[Rng], bool | None]:
    """The AUROC of a round in which whole clusters have the lower confidence where right."""
    apart = 1.2
    each = float(special.ndtr(apart / math.sqrt(2)))
    truth = (1 - WHOLE) * each + WHOLE * (1 - each)

    def once(rng: Rng) -> bool | None:
        of, whole = _drawn(layout, rng)
        right = rng.random(len(of)) < 0.65
        c = right * np.where(whole, -apart, apart) + rng.normal(size=len(of))
        e = auroc(c, right.astype(float), of)
        return None if e.low is None else held(e, truth)

    return once


def whole_errors(layout: Layout) -> Callable[[Rng], bool]:
    """Perfectly calibrated, but in whole clusters all answers are wrong, whatever the confidence:
    is an excess of ECE claimed?"""

    def once(rng: Rng) -> bool:
        of, whole = _drawn(layout, rng)
        p = rng.beta(2.0, 1.0, len(of))
        y = ~whole & (rng.random(len(of)) < p)
        e = calibration(p * (1 - WHOLE), y.astype(float), of, seed=int(rng.integers(1e9))).excess
        return e.low is not None and e.low > 0

    return once
