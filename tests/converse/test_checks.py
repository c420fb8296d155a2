"""Dialogues that stop by what was replied, and checks that the data dictate."""

from __future__ import annotations

from typing import Any

import pytest

from selfcorrect import models, strategies
from selfcorrect.converse import Arm, converse
from selfcorrect.measures.panel import panel
from selfcorrect.records import frame
from selfcorrect.studies.checking.checks import verdict


def _rows(task: Any, name: str, rounds: int = 4, n: int = 8, **parameters: Any) -> list[Any]:
    model = models.load("planted:chain")
    arm = Arm("arm", strategies.load(name, parameters), rounds)
    return converse(model, task, task.examples()[:n], [arm], seed=1)["arm"]


def test_a_dialogue_is_done_once_its_own_reply_says_so(task: Any) -> None:
    rows = _rows(task, "critique-revise", rounds=6)
    done: set[str] = set()
    for row in rows:
        codes = {note["code"] for note in row["notes"]}
        critique = [step["text"] for step in row["steps"] if step["kind"] == "critique"]
        assert ("done" in codes) == (row["example"] in done)
        assert (critique == []) == (row["round"] == 1 or row["example"] in done)
        if critique == ["no"]:
            assert codes >= {"kept"}
            done.add(row["example"])
        answers = [step for step in row["steps"] if step["kind"] == "answer"]
        assert len(answers) == (row["round"] == 1 or critique == ["yes"])
    assert 0 < len(done) <= 8
    # the last answer stands in the rounds after
    assert panel(frame(rows)).there.all()


@pytest.mark.parametrize("form", ["reasoning", "short", "verdict", "number"])
@pytest.mark.parametrize(("truth", "falsehood"), [(1.0, 0.0), (0.0, 1.0), (0.3, 0.4), (0.0, 0.0)])
def test_a_verdict_is_true_or_false_as_often_as_is_asked(
    task: Any, form: str, truth: float, falsehood: float
) -> None:
    rows = _rows(task, "checking-oracle", rounds=9, form=form, truth=truth, falsehood=falsehood)
    steps = strategies.load("checking-oracle", {"form": form}).again
    texts = [step.replaced for step in steps if step.replaced is not None]
    before = {(row["example"], row["round"]): row["outcome"] for row in rows}
    counts = {"true check": 0, "false check": 0, "own": 0}
    for row in rows:
        assert row["oracle"]
        if row["round"] == 1:
            continue
        checks = [step for step in row["steps"] if step["kind"] == "critique"]
        assert len(checks) == len(texts) == (2 if form in ("reasoning", "short") else 1)
        codes = {note["code"] for note in row["notes"]} & counts.keys()
        right = before[row["example"], row["round"] - 1] == 1
        counts[codes.pop() if codes else "own"] += 1
        # reasons and verdict are of one kind, and say the same
        assert len({check["speaker"] for check in checks}) == 1
        if checks[0]["speaker"] == "oracle":
            told = "true check" in {note["code"] for note in row["notes"]}
            for check, of in zip(checks, texts, strict=True):
                assert check["text"] == (of.right if right == told else of.wrong)
                assert (check["finish"], check["generated"], check["shown"]) == ("given", 0, True)
            assert len(row["notes"]) == len({note["code"] for note in row["notes"]})
        else:
            assert checks[0]["speaker"] == "planted:chain"
        chosen = [check["text"] for check in checks if check["choices"]]
        assert [verdict(said) is None for said in chosen] == [chosen == ["5"]]
    n = sum(counts.values())
    assert n == 8 * 8
    for name, p in (("true check", truth), ("false check", falsehood)):
        assert abs(counts[name] / n - p) <= 4 * (p * (1 - p) / n) ** 0.5
    # drawn by example and round alone: the same again
    again = _rows(task, "checking-oracle", rounds=9, form=form, truth=truth, falsehood=falsehood)
    assert again == rows


def test_the_same_dialogues_but_for_the_check(task: Any) -> None:
    """Without a verdict of the data it is checking itself."""
    own = _rows(task, "checking", form="verdict")
    none = _rows(task, "checking-oracle", form="verdict", truth=0.0)
    assert [{**row, "oracle": False} for row in none] == own


def test_verdicts_reach_arms_that_share_their_round_1(task: Any) -> None:
    model = models.load("planted:chain")
    oracle = strategies.load("checking-oracle", {"form": "verdict"})
    arms = [Arm("plain", strategies.load("intrinsic"), 3), Arm("oracle", oracle, 3)]
    rows = converse(model, task, task.examples()[:4], arms, seed=1)["oracle"]
    assert rows == [*_rows(task, "checking-oracle", rounds=3, n=4, form="verdict")]


def test_a_hint_word_goes_on_with_the_models_own_turn(task: Any) -> None:
    rows = _rows(task, "wait", rounds=2, n=2, word="Hold on.")
    for row in rows[1::2]:
        assert [(s["kind"], s["role"]) for s in row["steps"]] == [
            ("say", "assistant"), ("answer", "assistant"),
        ]  # fmt: skip
        assert row["steps"][0]["text"] == "Hold on."


def test_only_who_doubts_revises(task: Any) -> None:
    rows = _rows(task, "verify-first", rounds=4)
    for row in rows:
        critique = [step["text"] for step in row["steps"] if step["kind"] == "critique"]
        answered = any(step["kind"] == "answer" for step in row["steps"])
        assert answered == (row["round"] == 1 or critique == ["no"])
