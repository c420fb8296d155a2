"""An answer that nobody could read is neither right nor wrong: no direction may hang on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_verdict_words import ACCURACY as TOLD
from test_verdict_words import summary

from panels import MARGINS, made
from selfcorrect.measures import rounds
from selfcorrect.measures.compare import compare, verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.looks import FIRST
from selfcorrect.measures.own import Own
from selfcorrect.measures.paired import share_difference
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.unread import unknown
from selfcorrect.outcome import ACCURACY, Outcome, Share, Sums
from selfcorrect.report.decision import headline
from selfcorrect.report.verdict import verdict as words


def seen(right: np.ndarray, read: np.ndarray) -> Panel:
    """Right where read; an unread answer is recorded as wrong."""
    answer = np.where(read == 1, right, -1.0)
    return made(np.where(read == 1, right, 0.0), parse_rate=read, answer=answer)


def ends(right: np.ndarray, read: np.ndarray) -> dict[str, Any]:
    p = seen(right, read)
    return compare(p, p, (2, 1), MARGINS)["accuracy"]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_verdict_holds_however_the_unread_answers_count(data: st.DataObject) -> None:
    n = data.draw(st.integers(8, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    right = (rng.random((n, 2)) < rng.random(2)).astype(float)
    read = np.ones((n, 2))
    unread = data.draw(st.lists(st.integers(0, 2 * n - 1), max_size=6, unique=True))
    read.flat[unread] = 0
    found = ends(right, read)
    clusters = np.arange(n)
    told = set()
    for values in product((0.0, 1.0), repeat=len(unread)):
        right.flat[unread] = values
        e = share_difference(right[:, 1], right[:, 0], clusters, level=1 - FIRST)
        told.add(verdict(e, 0.03, 1))
    if found["verdict"] not in (None, "undecided"):
        assert told == {found["verdict"]}
    if found.get("hangs"):
        assert len(told) > 1
        assert found["verdict"] == "undecided"
        assert found["n_needed"] is None  # more of the same would decide nothing


def test_first_answers_that_could_not_be_read_are_no_rise() -> None:
    right = np.zeros((32, 2))
    right[:9, 1] = 1
    read = np.ones((32, 2))
    read[:27, 0] = 0
    found = summary(seen(right, read))
    assert headline(found) == "undecided"
    first, second, *_ = words(found).split("\n")
    assert first == ("Whether accuracy changed can't be said: too many answers couldn't be read.")
    assert second == (
        "They are 27 of 32 in "
        "round 1 and 0 of 32 in round 2. Counted as wrong, they make it +28.1 points [12.0, 47.0] "
        "(n 32, 32 clusters); left out, they make it 0.0 points [−47.9, 47.9] (n 5, 5 clusters); "
        "counted otherwise, anything from −56.2 to +28.1 points."
    )
    assert "rose" not in words(found)


def test_last_answers_that_could_not_be_read_are_no_fall() -> None:
    right = np.ones((12, 2))
    read = np.ones((12, 2))
    read[:, 1] = 0
    found = summary(seen(right, read))
    assert found["changes"]["accuracy"]["value"] == -1
    assert headline(found) == "undecided"
    assert "fell" not in words(found)


def test_a_direction_that_stands_either_way_is_still_told() -> None:
    right = np.zeros((200, 2))
    right[:100, 1] = 1
    read = np.ones((200, 2))
    read[:4, 0] = 0
    assert ends(right, read)["verdict"] == "better"


def test_nothing_converges_on_unread_answers() -> None:
    read = np.ones((300, 6))
    read[:, 1:] = 0
    told = convergence(seen(np.ones((300, 6)), read), MARGINS)["accuracy"]
    assert told["round"] is None
    assert not told["moved"]


def test_unread_answers_decide_nothing_against_the_control() -> None:
    right = np.ones((60, 5))
    read = np.ones((60, 5))
    control = seen(right, read.copy())
    read[:40, 4] = 0
    said = words(summary(seen(right, read), control))
    assert "lost" not in said
    assert "answers that couldn't be read allow anything from −66.7 to 0.0 points" in said


def test_unread_answers_of_the_control_alone_are_named() -> None:
    read = np.ones((60, 5))
    read[:40, 4] = 0
    said = words(summary(seen(np.ones((60, 5)), np.ones((60, 5))), seen(np.ones((60, 5)), read)))
    assert "can't be said: answers that couldn't be read allow anything from" in said


def test_a_task_s_own_figure_hangs_on_them_as_well() -> None:
    right = np.ones((60, 2))
    read = np.ones((60, 2))
    read[:30, 1] = 0
    p = seen(right, read)
    part = Share(lambda columns: columns["outcome"], better="higher")
    half = Own(figures={"accuracy_half": part})
    table = compare(p, p, (2, 1), MARGINS, half)
    assert table["accuracy_half"]["verdict"] == "undecided"
    read[:] = 1
    right[:30, 1] = 0
    p = seen(right, read)
    table = compare(p, p, (2, 1), MARGINS, half)
    assert table["accuracy_half"]["verdict"] == "worse"


def test_more_examples_are_not_promised_where_none_would_help() -> None:
    """30 % unread in both rounds and nothing moves: the record is undecided, both ends decide."""
    rng = np.random.default_rng(2)
    for n in (20, 60, 150):
        right = np.repeat((rng.random((n, 1)) < 0.5).astype(float), 5, axis=1)
        read = np.ones((n, 5))
        read[: n * 3 // 10] = 0
        found = summary(seen(right, read))
        said = words(found)
        changed, converged = found["changes"]["accuracy"], found["convergence"]["accuracy"]
        assert changed["hangs"]
        assert changed["unread"] == [-0.3, 0.3]
        assert changed["n_needed"] is None
        assert converged["hangs"]
        assert converged["n_needed"] is None
        assert said.startswith("Whether accuracy changed can't be said: too many answers")
        assert "examples would" not in said
        assert "would most likely have been shown" not in said
        assert "as unread or ungraded answers leave more room than the margin" in said


def test_few_unread_answers_and_a_number_that_counts_them() -> None:
    right = np.zeros((400, 2))
    right[:200] = 1
    right[200:216, 1] = 1
    right[:4, 1] = 0
    read = np.ones((400, 2))
    whole = ends(right, read)
    read[399, 1] = 0
    found = ends(right, read)
    assert (whole["verdict"], found["verdict"]) == ("better", "better")
    right[200:208, 1] = 0
    whole, found = ends(right, np.ones((400, 2))), ends(right, read)
    assert (whole["verdict"], found["verdict"]) == ("undecided", "undecided")
    assert not found["hangs"]
    assert whole["n_needed"] < found["n_needed"]  # 3 of 400 may be 4 or none of it


def mean(before: np.ndarray, after: np.ndarray, bounds: tuple[float, float]) -> Panel:
    """A panel of an outcome that is a number; NaN where nothing graded an answer."""
    x = np.stack([before, after], axis=1)
    return replace(made(x), outcome=Outcome("coverage", "mean", "higher", bounds, 0.03))


def between(p: Panel) -> dict[str, Any]:
    return compare(p, p, (2, 1), {"coverage": 0.03})["coverage"]


def test_an_outcome_missing_on_one_side_is_as_unread() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(0, 1, 200)
    after = before - rng.uniform(0.02, 0.06, 200)
    assert between(mean(before, after, (0, 1)))["verdict"] == "worse"
    after[after < 0.5] = np.nan  # the judge fails where the answer is poor
    found = between(mean(before, after, (0, 1)))
    assert found["verdict"] == "undecided"
    assert found["hangs"]
    told = rounds.summarize(mean(before, after, (0, 1)), {"coverage": 0.03})["rounds"]
    assert [row["ungraded"] for row in told] == [0, int(np.isnan(after).sum())]
    before[np.isnan(after)] = np.nan  # nor does a failure on both sides leave the others fair
    assert between(mean(before, after, (0, 1)))["hangs"]


def test_questions_without_a_right_answer_are_no_part_of_it() -> None:
    right = np.zeros((200, 2))
    right[:60, 1] = 1
    right[100:] = np.nan
    p = made(right, answer=np.nan_to_num(right))
    found = compare(p, p, (2, 1), MARGINS)["accuracy"]
    assert (found["verdict"], found["n"]) == ("better", 100)
    assert "unread" not in found
    p.columns["parse_rate"][[3, 150], 1] = 0  # one of them has no answer that could be right
    after, before = unknown((p.at(2), p.at(1)), ACCURACY)
    assert (after.nonzero()[0].tolist(), before.any()) == ([3], False)


def test_dialogues_without_a_round_are_as_unread() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(0, 1, 200)
    p = mean(before, before + rng.uniform(0.01, 0.03, 200), (0, 1))
    for column in p.columns.values():
        column[:90, 1] = np.nan
    found = summary(
        p, outcome={**TOLD, "name": "coverage", "kind": "mean"}, margins={"coverage": 0.03}
    )
    assert found["changes"]["coverage"]["hangs"]
    assert "couldn't be found.\nThey are 0 of 200 in round 1 and 90 of 200" in words(found)


def test_without_bounds_an_unread_answer_could_be_anything() -> None:
    before, after = np.full(400, 2.0), np.full(400, 1.8)
    after[:100] = 1.7
    p = mean(before, after, (0.0, np.inf))
    assert between(p)["verdict"] == "worse"
    p.columns["parse_rate"][:19, 1] = 0
    p.columns["outcome"][:19, 1] = np.nan  # each 8, if anybody could read it
    found = between(p)
    assert (found["verdict"], found["hangs"]) == ("undecided", True)
    assert found["unread"] == [pytest.approx(-0.306, abs=1e-3), None]
    assert found["n_needed"] is None
    assert (
        between(replace(p, outcome=Outcome("coverage", "mean", "higher", (0.0, 3.0), 0.03)))[
            "verdict"
        ]
        == "worse"
    )


def test_an_unread_answer_that_could_only_add_to_it_undoes_nothing() -> None:
    """Unread in the first round alone, and bounded below: what fell could only have fallen more."""
    before, after = np.full(400, 2.0), np.full(400, 1.8)
    after[:100] = 1.7
    p = mean(before, after, (0.0, np.inf))
    p.columns["parse_rate"][0, 0] = 0
    p.columns["outcome"][0, 0] = np.nan
    found = between(p)
    assert (found["verdict"], found["hangs"], found["unread"][0]) == ("worse", False, None)


def test_confidence_is_compared_at_both_ends_too() -> None:
    """Answers of low confidence become unread: those left look surer, and nothing changed."""
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, (2000, 2))
    right = (rng.random((2000, 2)) < 0.5).astype(float)
    read = np.ones((2000, 2))
    read[:, 1] = confidence[:, 1] >= 0.6
    shown = np.where(read == 1, confidence, np.nan)
    wrong = np.where(read == 1, right, 0.0)
    p = made(wrong, parse_rate=read, confidence=shown, calibration_gap=shown - wrong)
    table = compare(p, p, (2, 1), MARGINS)
    for name in ("confidence", "calibration_gap"):
        assert table[name]["value"] > 0.03
        assert (table[name]["verdict"], table[name]["hangs"]) == ("undecided", True)
    assert "surer" not in words(summary(p))


def test_confidence_that_is_missing_while_an_answer_was_read() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, (2000, 2))
    confidence[confidence[:, 1] < 0.6, 1] = np.nan
    p = made((rng.random((2000, 2)) < 0.5).astype(float), confidence=confidence)
    found = compare(p, p, (2, 1), MARGINS)["confidence"]
    assert (found["verdict"], found["hangs"]) == ("undecided", True)


def figured(p: Panel, **own: np.ndarray) -> dict[str, Any]:
    """A figure of what was chosen, or of two numbers of the task's own."""

    def terms(c: Mapping[str, np.ndarray]) -> np.ndarray:
        a, b = (np.nan_to_num(c.get(name, np.zeros(len(c["choice"])))) for name in "ab")
        chosen = np.nan_to_num(c["choice"] == 1)
        return np.stack([np.ones(len(a)), a - b if own else chosen], axis=1)

    lean = Sums(terms, lambda sums: sums[..., 1] / sums[..., 0], bounds=(-1, 1))
    p = replace(p, own=own)
    return compare(p, p, (2, 1), MARGINS, Own(figures={"lean": lean}))["lean"]


def test_figures_of_the_choice_alone_and_of_two_numbers() -> None:
    choice = np.zeros((400, 2))
    choice[:200] = 1
    read = np.ones((400, 2))
    read[:100, 1] = 0  # half of those that chose the second option
    p = made(np.zeros((400, 2)), parse_rate=read, choice=np.where(read == 1, choice, np.nan))
    found = figured(p)
    assert found["value"] == pytest.approx(-0.25)
    assert found["hangs"]
    a = np.where(read == 1, choice, np.nan)
    other = np.zeros((400, 2))
    other[300:] = 1
    b = np.where(read == 1, other, np.nan)
    found = figured(p, a=a, b=b)
    assert found["unread"] == [pytest.approx(-0.5), pytest.approx(0.0)]
    assert found["hangs"]


def test_a_figure_of_the_task_s_own_numbers_is_compared_at_both_ends() -> None:
    """Half of the biased answers are unread: the bias seems to be gone."""
    biased = np.ones((400, 2))
    biased[200:] = 0
    read = np.ones((400, 2))
    read[:100, 1] = 0
    p = made(np.zeros((400, 2)), parse_rate=read, choice=np.where(read == 1, 0.0, np.nan))
    p = replace(p, own={"biased": np.where(read == 1, biased, np.nan)})
    lean = Sums(
        lambda c: np.stack([np.isfinite(c["biased"]), c["biased"] == 1], axis=1).astype(float),
        lambda sums: 2 * sums[..., 1] / sums[..., 0] - 1,
        bounds=(-1, 1),
        better="lower",
    )
    own = Own(figures={"bias": lean})
    found = compare(p, p, (2, 1), MARGINS, own)["bias"]
    assert found["value"] < -0.3
    assert (found["verdict"], found["hangs"]) == ("undecided", True)
    assert found["unread"][1] >= 0


def test_dialogues_that_were_over_are_no_sign_of_convergence_unsaid() -> None:
    found = summary(seen(np.ones((200, 6)), np.ones((200, 6))))
    found["rounds"][-1]["idle"] = 199
    assert "though 99.5 % of the dialogues were over before the last round" in words(found)


def test_without_an_interval_a_change_hangs_on_them_too() -> None:
    """One cluster, and nobody could read the last round: all of it looks wrong."""
    read = np.ones((30, 2))
    read[:, 1] = 0
    p = replace(seen(np.ones((30, 2)), read), clusters=np.zeros(30, dtype=np.uint64))
    found = summary(p)
    assert found["changes"]["accuracy"]["hangs"]
    assert words(found).startswith("Whether accuracy changed can't be said")


def test_a_gain_and_a_difference_of_one_round_say_that_they_hang() -> None:
    read = np.ones((200, 5))
    read[:60, 2] = 0
    right = (np.random.default_rng(0).random((200, 5)) < 0.7).astype(float)
    found = summary(seen(right, read), seen(right, np.ones((200, 5))))
    gains = [row["gain"] for row in found["rounds"]]
    assert [gain.get("hangs") for gain in gains[1:]] == [None, True, None, None]
    by_round = found["controls"]["repeat"]["against"]["by_round"]
    assert by_round[2]["hangs"]


def test_a_model_that_counts_no_tokens_is_not_over() -> None:
    p = made(np.ones((50, 5)), tokens=np.zeros((50, 5)))
    assert [row["idle"] for row in summary(p)["rounds"]] == [0] * 5
    tokens = np.full((50, 5), 9.0)
    tokens[:20, 3:] = 0
    p = made(np.ones((50, 5)), tokens=tokens)
    assert [row["idle"] for row in summary(p)["rounds"]] == [0, 0, 0, 20, 20]


def test_no_margin_can_be_shown_where_an_answer_could_be_anything() -> None:
    rng = np.random.default_rng(3)
    x = 2 + rng.normal(0, 0.01, (300, 5))
    p = replace(made(x), outcome=Outcome("coverage", "mean", "higher", (-np.inf, np.inf), 0.05))
    assert convergence(p, {"coverage": 0.05})["coverage"]["round"] == 1
    p.columns["parse_rate"][0, 4] = 0
    p.columns["outcome"][0, 4] = np.nan
    told = convergence(p, {"coverage": 0.05})["coverage"]
    assert (told["round"], told["smallest_margin"], told["hangs"]) == (None, None, True)


def test_of_many_numbers_each_is_counted_against_the_others() -> None:
    rng = np.random.default_rng(5)
    read = np.ones((400, 2))
    read[:80, 1] = 0
    own = {
        name: np.where(read == 1, (rng.random((400, 2)) < 0.5).astype(float), np.nan)
        for name in "abcd"
    }
    p = made(np.zeros((400, 2)), parse_rate=read, choice=np.where(read == 1, 0.0, np.nan))
    low, high = figured(p, **own)["unread"]
    assert low < -0.15
    assert high > 0.15
