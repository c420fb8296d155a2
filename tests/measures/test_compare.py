"""Transitions, comparisons, convergence, plans and the verdict in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import plain
from panels import MARGINS, made
from selfcorrect.errors import UserError
from selfcorrect.measures.compare import compare, verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.intervals import Estimate
from selfcorrect.measures.looks import FIRST
from selfcorrect.measures.outcomes import paired
from selfcorrect.measures.own import Own
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.panel import Panel, panel
from selfcorrect.measures.rounds import against, summarize
from selfcorrect.outcome import Outcome, Sums


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
        e = share_difference(y[:, s - 1], y[:, t - 1], p.clusters, level=1 - FIRST)
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


def test_a_mean_with_bounds_has_not_converged_where_a_kind_unseen_could_undo_it() -> None:
    """As its comparisons have it: records of a kind that n others didn't show may be a share of
    −ln α / n, each at a bound."""
    rng = np.random.default_rng(3)
    outcome = Outcome("toxicity", "mean", "lower", (0, 1), 0.02)

    def told(n: int) -> dict[str, Any]:
        x = np.clip(0.4 + rng.normal(0, 0.001, (n, 5)), 0, 1)
        return convergence(replace(made(x), outcome=outcome), {"toxicity": 0.02})["toxicity"]

    few = told(20)
    assert few["round"] is None
    share = -np.log(FIRST / 2)  # the difference of two scores lies at most 1 from its mean, 0
    assert share / 20 < few["smallest_margin"] < share / 20 + 0.003
    assert share / 0.02 < few["n_needed"] < 2 * share / 0.02  # noise alone would need three
    assert told(few["n_needed"] + 1)["round"] == 1


def test_two_records_of_one_round_are_refused() -> None:
    from test_measures import row

    from selfcorrect import records

    with pytest.raises(UserError, match="two records of one round"):
        panel(records.frame([row("a", 1), row("a", 2), row("a", 1)]))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("outcome", -5.0, "accuracy -5, and none can have it below 0 or above 1"),
        ("outcome", 1e308, "above 1"),
        ("confidence", 7.0, "confidence 7"),
        ("encoded", -1, "below 0"),
        (
            "values",
            [{"name": "mine", "value": 1e308}],
            "mine 1e\\+308, and none can have it as large",
        ),
    ],
)
def test_numbers_that_no_record_can_have_are_refused(name: str, value: object, said: str) -> None:
    """Of those that somebody sent: an interval of such outcomes was no number."""
    from test_measures import row

    from selfcorrect import records

    with pytest.raises(UserError, match=said):
        panel(records.frame([row("a", 1), {**row("b", 1), name: value}]))


def test_a_free_text_that_could_not_be_read_has_no_chance_level() -> None:
    from test_measures import row

    from selfcorrect import records

    text = {"choices": [], "option_p": None, "choice": None, "target": None}
    unread = {**row("b", 1), **text, "problem": "none", "outcome": 0.0, "confidence": None}
    made = panel(records.frame([{**row("a", 1), **text}, unread]))
    for name in ("calibration_gap_all", "brier_all"):
        assert not np.isinf(made.columns[name]).any()  # 1 / 0 options, an honest run was refused


def test_a_round_that_some_lack() -> None:
    from test_measures import row

    from selfcorrect import records

    rows = [row(f"e{i}", t) for i in range(60) for t in (1, 2) if (i, t) != (7, 2)]
    got = summarize(panel(records.frame(rows)), MARGINS)
    assert [r["n"] for r in got["rounds"]] == [60, 59]
    assert got["changes"]["accuracy"]["n"] == 59
    json.dumps(got, allow_nan=False)


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
    assert "every cluster has the same" in (got.why or "")


def test_a_cluster_that_moves_as_a_whole_is_one_record_that_wasnt_seen() -> None:
    outcome = Outcome("score", bounds=(-10, 1))
    moved = (np.arange(40) < 4).astype(float)
    alone = paired(outcome, moved, np.zeros(40), np.arange(40))
    whole = paired(outcome, np.repeat(moved, 5), np.zeros(200), np.repeat(np.arange(40), 5))
    assert (whole.low, whole.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert alone.low is not None
    assert alone.low < 0 < alone.value  # type: ignore[operator]  # a loss of 11 may be unseen


def test_as_many_as_are_said_decide_where_an_unseen_record_is_allowed_for() -> None:
    rng = np.random.default_rng(7)
    outcome = Outcome("score", bounds=(0, 100), margin=2)

    def row(n: int) -> dict[str, Any]:
        y = np.stack([np.full(n, 50.0), 50 + rng.normal(0.3, 1, n)], axis=1)
        p = replace(made(y), outcome=outcome)
        return compare(p, p, (2, 1), {"score": 0.01}, Own(outcome))["score"]

    first = row(200)
    assert first["verdict"] == "undecided"
    assert first["n_needed"] is not None
    decided = [row(first["n_needed"])["verdict"] == "better" for _ in range(20)]
    assert sum(decided) >= 12  # of 16 promised
