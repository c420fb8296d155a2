"""What intervals of means allow for because no record showed it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from panels import made
from selfcorrect.measures import arms
from selfcorrect.measures.compare import compare, verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.intervals import Estimate, mean, p_of
from selfcorrect.measures.paired import sign_flip
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.power import MeanDesign, difference_n, unseen_n
from selfcorrect.measures.quality import rank_calibration
from selfcorrect.measures.unseen import Room
from selfcorrect.outcome import ACCURACY, Outcome
from selfcorrect.report.notes import unseen

TOXICITY = Outcome("toxicity", better="lower", margin=0.02)


def test_the_interval_is_that_of_t_and_of_the_rule_of_three_together() -> None:
    n = 60
    x = np.tile([-0.1, 0.1], n // 2)  # evenly, so that no skewness reaches further
    reach = stats.t.ppf(0.975, n - 1) * stats.sem(x)
    unseen = math.log(1 / 0.025) / n * 2.0  # as far as a record could lie from the mean, 0
    e = mean(x, np.arange(n), room=Room(-2.0, 2.0))
    assert e.high == pytest.approx((reach**4 + unseen**4) ** 0.25)
    assert e.low == pytest.approx(-e.high)
    # the rule itself: a kind that is this share is missing from n records with a chance of 2.5 %
    assert (1 - unseen / 2.0) ** n == pytest.approx(0.025, rel=0.15)


def test_where_nothing_varies_the_bounds_alone_make_the_interval() -> None:
    e = mean(np.zeros(100), np.arange(100), room=Room(0.0, 1.0))
    assert (e.low, e.high) == (0.0, pytest.approx(math.log(40) / 100))
    assert mean(np.zeros(100), np.arange(100)).low is None
    assert mean(np.zeros(100), np.arange(100), room=Room(0.0)).low is None


@given(
    st.lists(st.floats(-1, 1), min_size=3, max_size=30),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([0.9, 0.95, 0.999]),
)
def test_bounds_widen_an_interval_and_never_leave_themselves(
    values: list[float], size: int, whole: bool, level: float
) -> None:
    x = np.repeat(values, size)
    members = np.repeat(np.arange(len(values)), size)
    plain = mean(x, members, level=level)
    e = mean(x, members, level=level, room=Room(-1.0, 1.0, whole))
    assert e.low is not None
    assert e.high is not None
    assert -1 <= e.low <= x.mean() + 1e-9
    assert x.mean() - 1e-9 <= e.high <= 1
    if plain.low is not None:
        assert e.low <= max(-1.0, plain.low) + 1e-9
        assert e.high >= min(1.0, plain.high or 0.0) - 1e-9
    narrow = mean(x, members, level=level, room=Room(-1.0, 1.0))
    assert e.low <= (narrow.low or 0.0) + 1e-9  # whole clusters are no more than their records


@pytest.mark.parametrize("room", [Room(), Room(-1.0, 1.0), Room(-1.0, 1.0, whole=True)])
def test_p_is_where_the_interval_ends_at_0(room: Room) -> None:
    x = np.random.default_rng(0).normal(0.1, 0.2, 120).clip(-1, 1)
    e = mean(x, np.arange(120) // 2, room=room)
    p = p_of(e)
    assert p is not None
    assert p_of(mean(-x, np.arange(120) // 2, room=room)) == pytest.approx(p, rel=1e-3)
    for level, excluded in ((1 - p * 1.01, True), (1 - p / 1.01, False)):
        low = mean(x, np.arange(120) // 2, level=level, room=room).low
        assert low is not None
        assert (low > 0) is excluded


def _toxic(x: NDArray[np.float64]) -> Panel:
    return replace(made(x), outcome=TOXICITY)


def _jumps(rng: np.random.Generator, n: int, share: float) -> NDArray[np.float64]:
    """Toxicity of n dialogues in four rounds; a share of them is toxic after the first."""
    x = np.clip(0.03 + 0.003 * rng.normal(size=(n, 4)), 0, 1)
    x[:, 1:] = np.where((rng.random(n) < share)[:, None], 1.0, x[:, 1:])
    return x


@pytest.mark.parametrize("n", [64, 100])
def test_rare_jumps_are_neither_called_the_same_nor_converged(n: int) -> None:
    rng, told = np.random.default_rng(5), []
    for _ in range(40):
        p = _toxic(_jumps(rng, n, 0.02 / 0.97))  # + .02 in the mean: exactly the margin
        found = compare(p, p, (4, 1), {"toxicity": 0.02}, names=("toxicity",))["toxicity"]
        told.append(found["verdict"] == "same")
        told.append(convergence(p, {"toxicity": 0.02})["toxicity"]["round"] is not None)
    assert sum(told) == 0  # before, 25 % of them


def test_steady_gains_with_rare_losses_are_not_called_better() -> None:
    rng, told, n = np.random.default_rng(6), [], 100
    for _ in range(60):
        x = np.clip(0.1 + 0.03 * rng.normal(size=n), 0.03, 0.9)
        fall = -0.015 + 0.003 * rng.normal(size=n)
        rare = rng.random(n) < 0.015 / 0.915
        p = _toxic(np.stack([x, np.where(rare, np.minimum(x + 0.9, 1.0), x + fall)], axis=1))
        found = compare(p, p, (2, 1), {"toxicity": 0.02}, names=("toxicity",))["toxicity"]
        told.append(found["verdict"] == "better")
    assert sum(told) <= 2


def test_a_family_asks_as_much_of_what_was_not_seen() -> None:
    n, rng = 300, np.random.default_rng(2)
    x = np.full((n, 2), 0.1) + 0.01 * rng.random((n, 2))
    panels = [_toxic(x), *(_toxic(x - 0.02 + 0.001 * rng.random((n, 2))) for _ in range(8))]
    # alone each of them is shown, by an interval that just excludes 0
    told, tests = arms.differences(panels, 0, [True] * 9, {}, _own(), [[n]] * 9)
    one = told[1]
    assert one is not None
    found = one["difference"]["toxicity"]
    assert found["alone"] == "better"
    assert found["p"] < 1e-9 < found["p_interval"]
    assert tests * found["p_interval"] > 1 - one["level"]
    assert found["verdict"] == "undecided"


def _own() -> arms.Own:
    return arms.Own(TOXICITY)


def test_few_clusters_are_never_the_same() -> None:
    e = Estimate(0.0, -0.01, 0.01, 80, 4)
    assert verdict(e, 0.03, 1) == "undecided"
    assert verdict(replace(e, clusters=5), 0.03, 1) == "same"


def test_few_clusters_never_converge() -> None:
    p = replace(made(np.ones((4000, 5))), clusters=(np.arange(4000) // 1000).astype(np.uint64))
    found = convergence(p, {"accuracy": 0.03})["accuracy"]
    assert (found["round"], found["smallest_margin"], found["n_needed"]) == (None, None, None)
    assert (found["why"], found["few"]) == ("clusters are too few, or one is too large", True)


def test_so_many_examples_decide_as_are_asked_for() -> None:
    spread, unseen, room, level = 0.01, 2.0, 0.05, 0.968
    n0 = difference_n(spread, room, level=level)
    n = unseen_n(n0, spread, unseen, room, level)
    z = stats.norm.ppf(0.5 + level / 2)
    error = math.sqrt(spread / n)
    off = math.log(2 / (1 - level)) * unseen / n
    reach = ((z * error) ** 4 + off**4) ** 0.25
    assert reach + stats.norm.ppf(0.8) * error == pytest.approx(room, rel=1e-3)
    design = MeanDesign(spread, unseen=unseen)
    for of, back in (
        (design.n_for_difference, design.difference_of),
        (design.n_for_margin, design.margin_of),
    ):
        needed = of(room)
        assert needed is not None
        assert needed > n0 * 0.9
        assert back(needed) == pytest.approx(room, rel=0.01)
    # nothing varies: the bounds alone decide
    assert unseen_n(0.0, 0.0, 1.0, 0.02) == pytest.approx(math.log(2 / 0.032) / 0.02)


def test_entropies_end_at_the_logarithm_of_what_there_is() -> None:
    p = replace(made(np.ones((3, 2))), samples=True, choices=3, drawn=5)
    bounds = {m.name: m.bounds for m in p.measures}
    assert bounds["entropy"] == (0, pytest.approx(math.log(3)))
    assert bounds["semantic_entropy"] == (0, pytest.approx(math.log(5)))
    assert bounds["chao_shen"] == (0, math.inf)  # it may exceed ln k
    assert {m.name: m.bounds for m in replace(p, drawn=0).measures}["semantic_entropy"][1] > 1e9


@pytest.mark.parametrize(("n", "ups"), [(60, 55), (400, 330), (200, 200)])
def test_p_of_flips_that_are_hardly_ever_drawn_is_exact(n: int, ups: int) -> None:
    exact = 2 * float(stats.binom(n, 0.5).sf(ups - 1))
    p = sign_flip(np.r_[np.ones(ups), -np.ones(n - ups)])
    assert exact * (1 - 1e-9) <= p <= 1.15 * exact


def test_of_twenty_arms_that_all_differ_greatly_all_are_shown() -> None:
    n, rng = 200, np.random.default_rng(4)

    def arm(share: float) -> Panel:
        p = made((rng.random((n, 2)) < share).astype(float), confidence=rng.random((n, 2)))
        return replace(p, clusters=(np.arange(n) // 4).astype(np.uint64))

    panels = [arm(0.3), *(arm(0.85) for _ in range(19))]
    told, tests = arms.differences(panels, 0, [True] * 20, {}, arms.Own(), [[n]] * 20)
    assert 2e-4 * tests > 0.005
    assert all(each and each["difference"]["accuracy"]["verdict"] == "better" for each in told[1:])


def test_a_frontier_compares_arms_on_what_both_have() -> None:
    rng, n = np.random.default_rng(11), 200
    hard = rng.random(n) < 0.4
    # nothing graded the first on the hard ones, where it would be as toxic as any
    one = np.where(hard, np.nan, 0.04 + 0.005 * rng.normal(size=n))
    two = np.where(hard, 0.2, 0.03) + 0.005 * rng.normal(size=n)
    panels = []
    for x in (one, two):
        p = _toxic(np.stack([x, x], axis=1))
        panels.append(replace(p, columns={**p.columns, "gradable": np.ones((n, 2))}))
    told = arms.best(panels, {"toxicity": 0.02}, {(0, 1): (n,)})
    assert told[0]["against"] == {1: None}  # what wasn't graded decides
    cheap = [np.full(n, 50.0) + rng.normal(size=n), np.full(n, 60.0) + rng.normal(size=n)]
    assert [each["on"] for each in arms.frontier(panels, cheap, told)] == [True, True]
    both = [p.only(~hard) for p in panels]
    told = arms.best(both, {"toxicity": 0.02}, {(0, 1): (int((~hard).sum()),)})
    found = arms.frontier(both, [c[~hard][::-1] for c in cheap[::-1]], told)
    assert [each["on"] for each in found] == [False, True]


def test_fewer_than_five_bins_rank_nothing() -> None:
    rng = np.random.default_rng(0)
    u, a = rng.integers(0, 2, 100).astype(float), rng.integers(0, 2, 100).astype(float)
    found = rank_calibration(u, a, np.arange(100))
    assert (found.rce.value, found.skill, found.bins) == (None, None, 2)
    assert found.rce.why == "the uncertainties make 2 bins, and a ranking needs 5"
    assert rank_calibration(rng.random(100), a, np.arange(100)).skill is not None


def test_a_note_says_of_which_intervals_whole_clusters_are_allowed_for() -> None:
    assert unseen(ACCURACY, 80, 80) == unseen(TOXICITY, 80, 80) == []
    (of_shares,) = unseen(ACCURACY, 80, 10)
    assert of_shares.startswith("No interval allows for whole clusters of a kind that none")
    (of_means,) = unseen(TOXICITY, 80, 10)
    assert of_means.startswith("Only the intervals of toxicity allow for whole clusters")
    assert (
        "Those of other means allow for single answers of such a kind. These others hold if"
        in of_means
    )
    endless = Outcome("score", bounds=(0, math.inf))
    one, other = unseen(endless, 80, 10)
    assert one.startswith("score has no upper bound, so its intervals allow for nothing that no")
    assert other.startswith("No interval allows for whole clusters")
