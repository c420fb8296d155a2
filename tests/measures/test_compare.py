"""Transitions, comparisons, convergence, plans and the verdict in words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import plain
from selfcorrect.errors import UserError
from selfcorrect.measures import (
    Estimate,
    Own,
    Panel,
    compare,
    convergence,
    panel,
    summarize,
)
from selfcorrect.measures import transitions as of
from selfcorrect.measures.compare import verdict
from selfcorrect.measures.intervals import mean_t
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.power import (
    Design,
    MeanDesign,
    design_of,
    difference_of,
    margin_n,
    margin_of,
    n_for_difference,
    n_for_margin,
)
from selfcorrect.measures.rounds import against
from selfcorrect.outcome import Sums
from selfcorrect.report.verdict import verdict as words

MARGINS = {"accuracy": 0.03, "entropy": 0.05, "calibration_gap": 0.03, "brier": 0.03}

ACCURACY = {"name": "accuracy", "kind": "share", "better": "higher", "margin": 0.03}

answered = st.integers(1, 6).flatmap(
    lambda t: st.lists(
        st.lists(st.sampled_from([0, 1, 2, None]), min_size=t, max_size=t), min_size=1, max_size=12
    )
)


def coded(answers: list[list[int | None]]) -> NDArray[np.float64]:
    return np.array([[-1.0 if a is None else float(a) for a in row] for row in answers])


def made(right: NDArray[Any], **columns: NDArray[Any]) -> Panel:
    """A panel of dialogues that answer right (1) or wrong (0)."""
    y = np.asarray(right, dtype=float)
    d, t = y.shape
    blank = {name: np.full((d, t), np.nan) for name in panel_columns()}
    given = {
        "outcome": y,
        "answer": y,
        "choice": y,
        "quality": y,
        "parse_rate": np.ones((d, t)),
        "encoded": y + 20,
    }
    numbers = np.arange(d, dtype=np.uint64)
    return Panel(tuple(range(1, t + 1)), numbers, numbers, {**blank, **given, **columns}, {})


def panel_columns() -> list[str]:
    import polars as pl

    from selfcorrect import records

    return list(panel(pl.DataFrame(schema=records.SCHEMA)).columns)


# --- transitions ---------------------------------------------------------------------------------


@given(answered)
def test_flips_settling_and_alternating(answers: list[list[int | None]]) -> None:
    a = coded(answers)
    assert list(of.changed(a)[:, 1:].mean(axis=0)) == pytest.approx(plain.flips(answers))
    assert np.isnan(of.changed(a)[:, 0]).all()
    assert list(of.settled(a).mean(axis=0)) == pytest.approx(plain.settled(answers))
    wanted = plain.alternating(answers)
    got = of.alternating(a).mean()
    assert math.isnan(got) if wanted is None else got == pytest.approx(wanted)


@given(answered, st.integers(0, 2))
def test_the_flow_between_rounds(answers: list[list[int | None]], target: int) -> None:
    corrects = [[a == target for a in row] for row in answers]
    y = np.array(corrects, dtype=float)
    assert of.flow(coded(answers), y) == plain.flow(answers, corrects)
    for t, step in enumerate(of.flow(coded(answers), y), start=1):
        right = step["kept_right"] + step["right_to_wrong"]
        stayed = of.stayed_right(y)[:, t]
        assert np.isfinite(stayed).sum() == right
        assert np.nansum(stayed) == step["kept_right"]
        assert np.nansum(of.became_right(y)[:, t]) == step["wrong_to_right"]


def test_a_missing_round_leaves_its_pairs_out() -> None:
    a = np.array([[0.0, 1.0, np.nan, 1.0], [2.0, 2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(of.changed(a)[0], [np.nan, 1, np.nan, np.nan])
    np.testing.assert_array_equal(of.settled(a), [[np.nan, np.nan, np.nan, 1], [1, 1, 1, 1]])
    np.testing.assert_array_equal(of.alternating(a), [np.nan, 0])
    assert of.flow(a, a == 1)[1]["kept_wrong"] == 1


# --- comparisons ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "better", "told"),
    [
        (0.01, 0.05, 1, "better"),
        (0.01, 0.05, -1, "worse"),
        (0.01, 0.05, 0, "higher"),
        (-0.05, -0.01, 1, "worse"),
        (-0.05, -0.01, 0, "lower"),
        (-0.03, 0.03, 1, "same"),
        (0.0, 0.02, 1, "same"),  # an end at 0 shows nothing
        (-0.031, 0.01, 1, "undecided"),
        (None, None, 1, None),
    ],
)
def test_the_four_verdicts(low: Any, high: Any, better: int, told: str | None) -> None:
    assert verdict(Estimate(0.0, low, high, 9, 9), 0.03, better) == told


def test_without_a_margin_nothing_is_the_same() -> None:
    assert verdict(Estimate(0.0, -0.001, 0.001, 9, 9), None, 1) == "undecided"


def test_a_figure_of_sums_and_one_that_isnt_are_compared_alike() -> None:
    rng = np.random.default_rng(1)
    x, clusters = rng.random((2, 200)), np.repeat(np.arange(20), 10)
    share = Sums(
        lambda columns: np.stack([columns["outcome"], np.ones(200)], axis=1),
        lambda sums: sums[..., 0] / sums[..., 1],
    )
    blank = made(np.ones((200, 2)))
    both = np.stack([x[1], x[0]], axis=1)
    numbers = dict.fromkeys(("outcome", "confidence", "entropy", "calibration_gap", "brier"), both)
    p = replace(blank, clusters=clusters, columns={**blank.columns, **numbers})
    figures = {"sums": share, "plain": lambda c: float(c["outcome"].mean()), "part/of": share}
    got = compare(p, p, (2, 1), MARGINS, Own(figures=figures))
    assert "part/of" not in got
    value = x[0].mean() - x[1].mean()
    for name in ("sums", "plain", "confidence", "brier"):
        assert got[name]["value"] == pytest.approx(value)
    assert got["sums"]["low"] == pytest.approx(got["plain"]["low"])
    assert got["confidence"]["low"] == pytest.approx(got["plain"]["low"], abs=0.003)


def test_against_a_control_only_shared_examples_count() -> None:
    rng = np.random.default_rng(2)
    mine = made(rng.random((50, 3)) < 0.6)
    theirs = made(rng.random((50, 2)) < 0.5)
    part = theirs.only(np.arange(20, 50)[::-1])
    got = against(mine, part, MARGINS)
    assert got is not None
    assert (got["round"], got["control_round"]) == (2, 2)
    y, x = mine.columns["outcome"][20:, 1], theirs.columns["outcome"][20:, 1]
    wanted = share_difference(y, x, np.arange(30))
    difference = got["difference"]["accuracy"]
    assert (difference["value"], difference["low"]) == pytest.approx((wanted.value, wanted.low))
    assert [e and e["n"] for e in got["by_round"]] == [30, 30, None]
    once = against(mine, made(rng.random((50, 1)) < 0.5), MARGINS)  # a baseline, say
    assert once is not None
    assert (once["round"], once["control_round"]) == (3, 1)
    strangers = Panel(
        part.rounds, part.examples + np.uint64(1000), part.clusters, part.columns, part.own
    )
    assert against(mine, strangers, MARGINS) is None


# --- convergence ---------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.02, 0.1]), st.integers(2, 7))
def test_convergence_is_the_earliest_round_by_backward_search(
    seed: int, churn: float, rounds: int
) -> None:
    rng = np.random.default_rng(seed)
    right = [rng.random(300) < 0.3]
    for t in range(rounds - 1):
        up = 0.3 / (t + 1) ** 3
        right.append(right[-1] ^ (rng.random(300) < churn * right[-1] + up * ~right[-1]))
    p = made(np.stack(right, axis=1))
    got = convergence(p, {"accuracy": 0.08})["accuracy"]
    y = p.columns["outcome"]

    def interval(s: int, t: int) -> tuple[float, float]:
        e = share_difference(y[:, s - 1], y[:, t - 1], p.clusters)
        return e.low or 0.0, e.high or 0.0

    assert got["round"] == plain.converged_at(interval, rounds, 0.08)
    if rounds < 4:
        assert got["why"] == "needs at least 4 rounds"
    else:
        last = [interval(s, rounds - 3) for s in range(rounds - 2, rounds + 1)]
        assert got["smallest_margin"] == pytest.approx(max(abs(e) for ends in last for e in ends))


def test_entropy_converges_by_its_own_margin() -> None:
    rng = np.random.default_rng(3)
    level = np.array([1.0, 0.6, 0.5, 0.5, 0.5, 0.5])
    entropy = level + rng.normal(0, 0.05, (200, 6))
    p = made(np.ones((200, 6)), entropy=entropy)
    got = convergence(p, MARGINS)
    assert got["entropy"]["round"] == 3
    assert got["accuracy"]["round"] == 1
    assert got["brier"]["round"] is None
    assert got["brier"]["why"] == "no record has it"


# --- plans ---------------------------------------------------------------------------------------


@given(st.floats(0.05, 1), st.floats(0.1, 0.95), st.floats(0.6, 0.95))
def test_n_for_a_difference_is_connors(changed: float, part: float, power: float) -> None:
    d = changed * part
    wanted = plain.n_for_difference((changed + d) / 2, (changed - d) / 2, power, 0.05)
    assert n_for_difference(d, Design(changed, power=power)) == max(2, math.ceil(wanted - 1e-9))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.5), st.integers(1, 12), st.floats(0, 0.5))
def test_what_n_shows_needs_n(changed: float, size: int, icc: float) -> None:
    design = Design(changed, size, icc)
    for n in (200, 5000):
        smallest, margin = difference_of(n, design), margin_of(n, design)
        if smallest is not None:
            assert n_for_difference(smallest, design) == pytest.approx(n, abs=2)
        if margin is not None:
            assert n_for_margin(margin, design) == pytest.approx(n, abs=2)


def test_clusters_cost_and_nothing_shows_nothing() -> None:
    alone, together = Design(0.2), Design(0.2, 10, 0.2)
    assert n_for_difference(0.05, together) > 2.8 * n_for_difference(0.05, alone)
    assert n_for_difference(0, alone) is None
    assert difference_of(3, Design(0.2, 4, 0.1)) is None
    assert n_for_difference(0.3, alone) is None
    # where nothing changes, Tango's interval has a width all the same
    assert n_for_margin(0.03, Design(1e-9)) == pytest.approx(125, abs=1)


def test_a_margin_is_shown_less_easily_the_more_there_is_to_see() -> None:
    at = [margin_n(0.2, 0.03, difference=d) for d in (0.0, 0.01, 0.02, -0.02)]
    assert at[0] < at[1] < at[2] == pytest.approx(at[3])
    # with no difference at all: two one-sided tests, each failing one time in ten
    assert at[0] == pytest.approx(0.2 * ((1.959964 + 1.281552) / 0.03) ** 2, rel=1e-4)


def test_a_pilot_tells_how_alike_clusters_are() -> None:
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(2000), 5)
    level = rng.beta(0.2 * 4, 0.8 * 4, 2000)[clusters]  # icc of the changes: 1/5
    changed = rng.random(10_000) < level
    design = design_of(changed.astype(float), np.zeros(10_000), clusters)
    assert design is not None
    assert (design.changed, design.size) == (pytest.approx(0.2, abs=0.02), 5)
    assert design.icc == pytest.approx(0.2, abs=0.04)
    assert design_of(np.ones(6), np.ones(6), np.arange(6)) is None
    assert design_of(np.arange(6) % 2.0, np.ones(6), np.arange(6)).icc == 0  # type: ignore[union-attr]


# --- the verdict in words ------------------------------------------------------------------------


def summary(
    p: Panel, control: Panel | None = None, strategy: str = "intrinsic", **more: Any
) -> dict[str, Any]:
    controls: Mapping[str, Any] = {}
    if control is not None:
        beside = {**summarize(control, MARGINS), "against": against(p, control, MARGINS)}
        controls = {"repeat": beside}
    table = {
        **summarize(p, MARGINS),
        "spec": {"strategy": {"name": strategy}, "margins": MARGINS},
        "outcome": ACCURACY,
        "complete": True,
        "controls": controls,
    }
    return {**table, **more}


def chain(up: float, n: int = 400, rounds: int = 5, seed: int = 0, **columns: Any) -> Panel:
    rng = np.random.default_rng(seed)
    right = [rng.random(n) < 0.5]
    for _ in range(rounds - 1):
        right.append(right[-1] | (rng.random(n) < up))
    return made(np.stack(right, axis=1), **columns)


def test_better_than_the_control() -> None:
    said = words(summary(chain(0.1), chain(0.0)))
    assert re.match(r"Accuracy rose by \d+\.\d points \[\d", said)
    assert "from round 1 to round 5 (n 400, 400 clusters)." in said
    assert "intrinsic gained 18.0 points [14.5, 22.1]" in said
    assert "over merely repeating the question, at 1.0 times the tokens." in said
    assert "It hasn't converged" in said


def test_worse_and_a_loss_has_no_minus() -> None:
    p = chain(0.1)
    turned = made(1 - p.columns["outcome"])
    said = words(summary(turned, chain(0.0)))
    assert "Accuracy fell by " in said
    assert "fell by −" not in said
    assert "intrinsic lost " in said


def test_the_same_and_converged_and_what_churns_beneath() -> None:
    y = chain(0.0, n=4000).columns["outcome"]
    churn = np.random.default_rng(1).random((4000, 5))  # wrong answers that never settle
    p = made(y, answer=np.where(y == 1, 1.0, churn))
    said = words(summary(p, chain(0.0, n=4000)))
    assert "stayed the same within ±3 points" in said
    assert "From round 1 on, accuracy stays within ±3 points, though " in said
    assert " % of the answers still change in the last round" in said
    assert "intrinsic adds nothing to merely repeating the question, within ±3 points" in said


def test_undecided_says_how_many_would_decide() -> None:
    said = words(summary(chain(0.01, n=60), chain(0.0, n=60, seed=1)))
    assert "Whether accuracy changed from round 1 to round 5 is undecided" in said
    assert "examples would decide it" in said
    assert "smallest margin this run could show" in said


def test_surer_without_better_comes_first() -> None:
    rng = np.random.default_rng(5)
    rising = np.linspace(0.6, 0.9, 5) + rng.normal(0, 0.02, (400, 5))
    right = chain(0.0).columns["outcome"]
    p = chain(0.0, confidence=rising, calibration_gap=rising - right)
    said = words(summary(p, chain(0.0, confidence=rising, calibration_gap=rising - right)))
    assert said.startswith("It grew surer, not better: mean confidence went from .60 to .90, +.30")
    flat = np.full((400, 5), 0.6) + rng.normal(0, 0.02, (400, 5))
    said = words(summary(p, chain(0.0, confidence=flat, calibration_gap=flat - right)))
    assert "merely repeating the question takes it from .60 to .60." in said
    noisy = rising + rng.normal(0, 0.02, (400, 5))
    said = words(summary(p, chain(0.0, confidence=noisy, calibration_gap=noisy - right)))
    assert "merely repeating the question does the same, from .60 to .90." in said
    # a gain that keeps up with confidence isn't "merely surer", one that doesn't is
    gain = chain(0.15)
    right = gain.columns["outcome"]
    kept = right.mean(axis=0) + rng.normal(0, 0.02, (400, 5))
    assert "surer" not in words(summary(made(right, confidence=kept, calibration_gap=kept - right)))
    slow = chain(0.02, n=2000).columns["outcome"]
    fast = np.linspace(0.5, 0.95, 5) + rng.normal(0, 0.02, (2000, 5))
    said = words(summary(made(slow, confidence=fast, calibration_gap=fast - slow)))
    assert said.startswith("It grew surer by more than it grew better")


def test_a_test_that_disagrees_with_its_interval_keeps_it_undecided() -> None:
    y = np.zeros((100, 2))
    y[:4, 1] = 1  # four gained, none lost: the interval is above 0, and mid-p is .0625
    table = summary(made(y))
    change = table["changes"]["accuracy"]
    assert change["low"] > 0
    assert change["p"] == pytest.approx(0.0625)
    assert change["verdict"] == "undecided"
    assert "is undecided: +4.0 points [0.2, 9.8], p .062 (n 100" in words(table)


def test_moving_is_only_said_where_it_is_shown() -> None:
    rng = np.random.default_rng(7)
    moved = 0
    for _ in range(20):
        still = [rng.random(60) < 0.5]
        for _ in range(3):  # right as often as wrong in every round
            still.append(still[-1] ^ (rng.random(60) < 0.1))
        table = summary(made(np.stack(still, axis=1)))
        moved += table["convergence"]["accuracy"]["moved"]
        assert ("hasn't converged" in words(table)) == table["convergence"]["accuracy"]["moved"]
    assert moved <= 1
    moving = summary(made(np.stack([rng.random(400) < p for p in (0.2, 0.4, 0.6, 0.8)], axis=1)))
    said = words(moving)
    assert "It hasn't converged: accuracy moved by more than 3 points after round 1." in said


def test_where_nothing_flips_the_examples_needed_are_those_of_tango() -> None:
    for n in (10, 40, 100):
        y = np.ones((n, 5))
        y[0] = 0
        change = summary(made(y))["changes"]["accuracy"]
        assert change["verdict"] == "undecided"
        assert change["n_needed"] == 125
    decided = summary(chain(0.1))["changes"]["accuracy"]
    assert (decided["verdict"], decided["n_needed"]) == ("better", None)


def test_rounds_that_share_no_dialogue_or_have_no_grades() -> None:
    y = np.full((6, 2), np.nan)
    y[:3, 0], y[3:, 1] = 1, 0
    p = made(y, parsed=np.where(np.isnan(y), np.nan, 1.0))
    assert "can't be compared from round 1 to round 2" in words(summary(p))
    last = np.ones((6, 2))
    last[:, 1] = np.nan
    assert "can't be compared" in words(summary(made(last)))


def test_a_control_that_isnt_finished_says_so() -> None:
    p = chain(0.1)
    said = words(summary(p, chain(0.0).only(np.arange(30))))
    assert "over merely repeating the question" in said
    assert "(n 30, 30 clusters)" in said
    one = chain(0.1, n=1)
    assert "Against merely repeating the question intrinsic stands at" in words(summary(one, one))


@pytest.mark.parametrize(
    ("table", "part"),
    [
        (summary(chain(0.1)), "There is no control on the same examples"),
        (summary(chain(0.1), strategy="repeat"), "is itself the control"),
        (summary(chain(0.1, rounds=1)), "so nothing to compare: accuracy .46 [.41, .51], n 400"),
        (summary(chain(0.1, rounds=2)), "needs at least 4 rounds"),
        (summary(chain(0.1, n=1)), "says nothing of other data: one record: no interval"),
        (summary(made(np.full((5, 3), np.nan))), "has no right answers"),
        (summary(made(np.empty((0, 0)))), "No dialogue is finished yet"),
        (
            summary(chain(0), complete=False, dialogues=40, wanted=90),
            "So far (40 of 90 dialogues): ",
        ),
        (summary(chain(0.0), strategy="a/b/mine.toml"), "no control"),
    ],
)
def test_what_cant_be_told_is_said_plainly(table: dict[str, Any], part: str) -> None:
    said = words(table)
    assert part in said
    assert "nan" not in said.lower()
    assert "None" not in said
    json.dumps(table, allow_nan=False)


def test_all_right_and_all_wrong_and_all_unread() -> None:
    for right in (np.ones((40, 5)), np.zeros((40, 5))):
        table = summary(made(right), made(right))
        said = words(table)
        # no flip is no certainty: 40 examples can't show ±3 points
        assert "is undecided: 0.0 points [−8.8, 8.8] (n 40, 40 clusters); about 125 ex" in said
        assert table["rounds"][0]["measures"]["auroc"]["value"] is None
    unread = np.full((40, 5), -1.0)
    table = summary(made(np.zeros((40, 5)), answer=unread, parse_rate=np.zeros((40, 5))))
    assert table["rounds"][0]["unparsed"] == 40
    assert table["rounds"][1]["changed"]["value"] == 0
    json.dumps(table, allow_nan=False)


# --- panels --------------------------------------------------------------------------------------


def test_two_records_of_one_round_are_refused() -> None:
    from test_measures import row

    from selfcorrect import records

    with pytest.raises(UserError, match="two records of one round"):
        panel(records.frame([row("a", 1), row("a", 2), row("a", 1)]))


def test_a_round_that_some_lack() -> None:
    from test_measures import row

    from selfcorrect import records

    rows = [row(f"e{i}", t) for i in range(60) for t in (1, 2) if (i, t) != (7, 2)]
    got = summarize(panel(records.frame(rows)), MARGINS)
    assert [r["n"] for r in got["rounds"]] == [60, 59]
    assert got["changes"]["accuracy"]["n"] == 59
    json.dumps(got, allow_nan=False)


# --- a task's own figures ------------------------------------------------------------------------


def test_a_share_of_some_records_has_a_shares_interval() -> None:
    from selfcorrect.measures.figures import figure_of
    from selfcorrect.outcome import Share

    part = Share(lambda c: np.where(c["part"] == 1, c["outcome"], np.nan))
    columns = {"part": np.arange(40) % 2.0, "outcome": np.zeros(40)}
    got = figure_of(part, columns, np.arange(40))
    assert (got.low, got.high) == pytest.approx(plain.wilson(0, 20, plain.Z), abs=1e-9)
    after = {**columns, "outcome": np.ones(40)}
    change = figure_of(part, after, np.arange(40), less=columns)
    assert (change.low, change.high) == pytest.approx(plain.tango(20, 0, 20), abs=1e-6)
    # where the records differ, the shares are not paired
    others = {**columns, "part": (np.arange(40) < 30) * 1.0}
    change = figure_of(
        part, {**others, "outcome": np.arange(40) % 3 / 2}, np.arange(40), less=after
    )
    assert change.value == pytest.approx(np.mean(np.arange(30) % 3 / 2) - 1)


def test_a_score_stays_within_its_bounds_and_claims_no_certainty() -> None:
    from selfcorrect.measures.figures import figure_of

    def value(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return 2 * sums[..., 0] / sums[..., 1] - 1

    lean = Sums(lambda c: np.stack([c["x"], np.ones(6)], axis=1), value, bounds=(-1, 1))
    got = figure_of(lean, {"x": np.array([1.0, 1, 1, 1, 0, 1])}, np.arange(6))
    assert got.high == 1
    assert got.low is not None
    got = figure_of(lean, {"x": np.ones(6)}, np.arange(6))
    assert (got.value, got.low) == (1, None)
    assert "nothing tells how far" in (got.why or "")


def test_a_plan_for_means_shows_what_it_says() -> None:
    """Simulated: n_for_difference shows the difference, and n_for_margin none, 4 times of 5."""
    rng = np.random.default_rng(4)
    design = MeanDesign(0.09)
    n, least = design.n_for_difference(0.05), design.n_for_margin(0.05)
    assert n is not None
    assert design.difference_of(n) == pytest.approx(0.05, rel=0.01)
    assert design.margin_of(least) == pytest.approx(0.05, rel=0.01)
    shown = within = 0
    for _ in range(400):
        e = mean_t(rng.normal(0.05, 0.3, n), np.arange(n))
        shown += e.low > 0
        e = mean_t(rng.normal(0, 0.3, least), np.arange(least))
        within += e.low >= -0.05 and e.high <= 0.05
    assert 0.75 <= shown / 400 <= 0.86
    assert 0.75 <= within / 400 <= 0.86
    assert design.n_for_difference(0) is None
