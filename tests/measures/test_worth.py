"""The decision: what has to hold before more rounds are called worth it, and how it is said."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from panels import made
from selfcorrect.measures import rounds
from selfcorrect.measures.catalogue import margins
from selfcorrect.measures.compare import compare
from selfcorrect.measures.own import Own
from selfcorrect.measures.worth import worth
from selfcorrect.outcome import ACCURACY
from selfcorrect.report.decision import headline
from selfcorrect.runs.require import check
from summaries import concluded, made_summary

HIGHER = {"name": "accuracy", "better": "higher", "kind": "share", "margin": 0.03}


def difference(verdict: str | None, value: float | None = 0.1, **more: Any) -> dict[str, Any]:
    ends = {"low": None, "high": None} if value is None else {"low": value, "high": value}
    return {"value": value, "verdict": verdict, "margin": 0.03, "n": 9, "clusters": 9,
            "n_needed": None, "p": None} | ends | more  # fmt: skip


def decided(
    first: dict[str, Any], baseline: dict[str, Any] | None, again: dict[str, Any] | None
) -> dict[str, Any]:
    controls = {
        name: {"against": {"difference": {"accuracy": e}}}
        for name, e in (("baseline", baseline), ("repeat", again))
        if e is not None
    }
    found = worth({"accuracy": first}, controls, HIGHER, None)
    assert found is not None
    return found


VERDICTS = ("better", "worse", "same", "undecided", None)


@pytest.mark.parametrize(("first", "baseline", "again"), [*itertools.product(VERDICTS, repeat=3)])
def test_worth_it_is_said_only_where_all_three_are_shown(
    first: str | None, baseline: str | None, again: str | None
) -> None:
    found = decided(*(difference(each) for each in (first, baseline, again)))
    assert (found["answer"] == "worth") == (first == baseline == again == "better")
    against = {"same", "worse"} & {first, baseline}
    assert (found["answer"] == "not worth") == bool(against or again in ("same", "worse"))


@pytest.mark.parametrize("first", ["undecided", None, "better"])
def test_what_is_worse_than_asking_again_is_not_worth_it(first: str | None) -> None:
    summary = made_summary()
    summary["changes"]["accuracy"] = difference(first, 0.008)
    against = summary["controls"]["repeat"]["against"]["difference"]
    against["accuracy"] = difference("worse", -0.075)
    found = concluded(summary, None)["decision"]
    assert (found["answer"], found["why"]) == ("not worth", "again")
    if first == "undecided":
        assert concluded(summary, None)["headline"] == "no better than asking again"
    assert "merely asking again does better (−7.5 points" in found["said"]
    against["accuracy"] = difference("same", 0.0)
    assert "merely asking again does as well" in concluded(summary, None)["decision"]["said"]


def test_answers_that_go_back_and_forth_and_never_gain_are_not_worth_it() -> None:
    """Everybody changes sides in every round: worse in rounds 2, 4, 6, as at first in 3 and 5."""
    right = np.arange(300) < 180
    turning = np.stack([right if t % 2 == 0 else ~right for t in range(6)], axis=1).astype(float)
    for of, why in ((turning, "stops"), (turning[:, ::-1], "undecided")):  # the reverse may gain
        table = rounds.summarize(made(of), margins(ACCURACY, {}), Own())
        found = worth(table["changes"], {}, HIGHER, None)
        assert found is not None
        assert found["why"] == why
        summary = made_summary()
        summary["changes"]["accuracy"] = table["changes"]["accuracy"]
        summary["controls"] = {}
        said = concluded(summary, None)["decision"]["said"]
        stop = "one stops in the last round or in" if why == "stops" else "depends on where one"
        assert stop in said


def test_of_a_number_it_says_how_many_got_better_beside_those_that_got_worse() -> None:
    summary = made_summary()
    summary["outcome"] = {**summary["outcome"], "kind": "mean"}
    told = [{"value": x, "low": x - 0.1, "high": x + 0.1, "n": 60} for x in (0.4, 0.3)]
    said = concluded(summary, {"harm": told[0], "mend": told[1]})["decision"]["said"]
    assert "40 % [30, 50] of the 60 answers are worse at last than at first, 30 % [20, 40]" in said
    assert "better (changes within ±.03" in said


def test_what_hangs_on_unread_answers_is_not_known() -> None:
    better = difference("better")
    hangs = difference("better", hangs=True)
    assert decided(hangs, None, better)["why"] == "unread"
    assert decided(better, hangs, better)["answer"] == "not known"
    assert decided(better, better, hangs)["why"] == "unread"


def test_without_a_control_nothing_is_ascribed_to_the_instruction() -> None:
    assert decided(difference("better"), None, None)["why"] == "control"
    assert decided(difference("better"), None, difference(None, None))["why"] == "control"
    assert worth({}, {}, HIGHER, None) is None


def test_the_least_gain_is_the_one_that_is_told() -> None:
    small, large = difference("better", 0.05), difference("better", 0.2)
    assert decided(large, small, large)["over"] == "baseline"
    assert decided(small, large, large)["over"] == "round"
    down = {"name": "accuracy", "better": "lower"}
    controls = {"baseline": {"against": {"difference": {"accuracy": small}}}}
    found = worth({"accuracy": difference("better", -0.2)}, controls, down, None)
    assert found is not None
    assert found["over"] == "baseline"  # it went up, where lower is better


@pytest.mark.parametrize(
    ("again", "head", "begins"),
    [
        ("better", "better", "More rounds are worth it here"),
        ("same", "better, but so is asking again", "The instruction isn't worth it here"),
        ("undecided", "better, not known to be by the instruction", "More rounds help here, but"),
    ],
)
def test_better_is_the_headline_only_if_it_holds_against_the_control(
    again: str, head: str, begins: str
) -> None:
    summary = made_summary()
    summary["changes"]["accuracy"] = difference("better", 0.08)
    for name, verdict in (("baseline", "better"), ("repeat", again)):
        summary["controls"][name]["against"]["difference"]["accuracy"] = difference(verdict, 0.05)
    found = concluded(summary, None)
    assert headline(found) == head
    assert found["decision"]["said"].startswith(begins)


@pytest.mark.slow
def test_where_asking_again_does_it_all_the_instruction_is_rarely_worth_it() -> None:
    """Rival: every arm mends the same share of its wrong answers, whatever is said."""
    rng, claimed, runs = np.random.default_rng(4), 0, 300
    own, within = Own(), margins(ACCURACY, {})
    for _ in range(runs):
        first = rng.random(150) < 0.5
        arms = [np.where(first, 1, rng.random(150) < 0.4).astype(float) for _ in range(2)]
        mine, repeat = (made(np.stack([first, arm], axis=1)) for arm in arms)
        table = rounds.summarize(mine, within, own)
        against = rounds.against(mine, repeat, within, own)
        found = worth(table["changes"], {"repeat": {"against": against}}, HIGHER, None)
        assert found is not None
        claimed += found["answer"] == "worth"
    assert claimed / runs < 0.05


@pytest.mark.parametrize(
    ("verdict", "head"),
    [("better", "better, by less than counts as none"),
     ("worse", "worse, by less than counts as none")],
)  # fmt: skip
def test_a_direction_within_the_margin_counts_as_none(verdict: str, head: str) -> None:
    """As in advise, which says of the same runs that it isn't worth it."""
    small, large = difference(verdict, 0.01, within=True), difference("better")
    found = decided(small, large, large)
    assert (found["answer"], found["why"], found["over"]) == ("not worth", "same", "round")
    assert decided(large, large, small)["why"] == "again"
    summary = made_summary()
    summary["changes"]["accuracy"] = small
    assert concluded(summary, None)["headline"] == head
    summary["changes"]["accuracy"] = large
    summary["controls"]["baseline"]["against"]["difference"]["accuracy"] = large
    summary["controls"]["repeat"]["against"]["difference"]["accuracy"] = small
    assert "merely asking again does as well" in concluded(summary, None)["decision"]["said"]


def test_a_gain_of_many_examples_within_the_margin_is_not_worth_it() -> None:
    """Planted: 1 point more of 6,000, where ± 3 count as none."""
    rng = np.random.default_rng(0)
    first = rng.random(6000) < 0.6
    more = first | (rng.random(6000) < 0.025)
    mine, again = (made(np.stack([first, x], axis=1)) for x in (more, first))
    told = compare(mine, mine, (2, 1), margins(ACCURACY, {}), names=("accuracy",))
    assert told["accuracy"]["verdict"] == "better"
    against = {"difference": compare(mine, again, (2, 2), margins(ACCURACY, {}))}
    found = worth(told, {"repeat": {"against": against}}, HIGHER, None)
    assert found is not None
    assert (found["answer"], found["why"]) == ("not worth", "same")


def test_what_could_not_be_read_at_last_is_no_part_of_those_undone() -> None:
    summary = made_summary()
    summary["changes"]["accuracy"] = difference("better")
    harm = {"value": 0.1, "low": 0.05, "high": 0.19, "n": 80, "unread": [0.08, 0.28]}
    said = concluded(summary, {"harm": harm, "mend": None})["decision"]["said"]
    assert "of the 80 read answers right at first are wrong at last" in said
    assert "10 % [5, 19] (anything from 8 to 28 %, as not all" in said


def test_tokens_and_money_are_both_beyond_one_answer() -> None:
    untimed = {"dialogue": None, "request": None}
    arms = {
        "intrinsic": {"alone": 160.0, "money": 0.000385, "latency": untimed, "rounds": []},
        "baseline": {"alone": 40.0, "money": 0.000076, "latency": untimed, "rounds": []},
    }
    summary = {**made_summary(), "cost": {"arms": arms}}
    said = concluded(summary, None)["decision"]["said"]
    assert said.endswith(
        "1,000 dialogues take 120,000 tokens and 0.309 in money more than 1,000 single answers."
    )


def test_a_gain_by_the_truth_is_no_method_s() -> None:
    summary = {**made_summary(), "oracle": True}
    summary["changes"]["accuracy"] = difference("better")
    for name in ("baseline", "repeat"):
        summary["controls"][name]["against"]["difference"]["accuracy"] = difference("better")
    found = concluded(summary, None)
    assert found["decision"] is None
    assert found["headline"] == "better, using the truth (oracle)"
    assert not check(found, ["gain > 0"])[0].holds
    assert check(found, ["change > 0"])[0].holds
