"""planted:two-concept: a run on it shows the law that it states, and a fit finds it again."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import selfcorrect as sc
from selfcorrect import strategies, tasks
from selfcorrect.errors import UserError
from selfcorrect.messages import Message, message
from selfcorrect.models import names
from selfcorrect.models.base import Model, Request
from selfcorrect.models.planted import Law, TwoConcept, load
from selfcorrect.models.planted.questions import read
from selfcorrect.models.planted.two_concept import count_mentions
from selfcorrect.tasks.lettered import Lettered
from selfcorrect.tasks.wording import CORRECT, UNBIASED
from two_concepts import NAME, ran

PREFILL = "The best answer is ("


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("Please answer correctly.", 1),
        ("CORRECT, Correctness; correct!", 3),
        ("Please answer incorrectly.", -1),
        ("incorrect is not correct", 0),
        ("a self-correcting, autocorrected, uncorrected text", 1),
        ("What is 3 + 4?", 0),
        ("", 0),
    ],
)
def test_mentions(text: str, mentions: int) -> None:
    assert count_mentions(text) == mentions


def asked(model: Model, *messages: Message) -> list[float]:
    talk = model.open(1)
    talk.restart([list(messages)])
    (scores,) = talk.likelihoods([("a", "b", "c")])
    assert scores is not None
    return [score.logp for score in scores]


def test_only_users_mention_and_nothing_else_matters() -> None:
    model = load(f"{NAME}?noise=0")
    question = message("user", "What is 3 + 4?\n(a) 7\n(b) 8\n(c) 9")
    plain = asked(model, question)
    assert asked(model, message("system", "Be correct."), question) == plain
    said = [question, message("assistant", "The correct one is (b)"), message("user", "Sure?")]
    assert asked(model, *said) == plain
    assert asked(model, question, message("user", "Be correct."))[0] > plain[0]
    # several questions in one message: the latest counts, and mentions anywhere do
    shot = message("user", f"What is 1 + 1?\n(a) 3\n(b) 2\n(c) 4\n\n{question.text}")
    assert asked(model, shot)[0] == plain[0]


def test_the_lure_is_a_number_whatever_its_letter_and_the_strategy() -> None:
    law = TwoConcept()

    def lure(*lines: str, goal: str = "") -> str:
        shown = "\n".join(f"({a}) {x}" for a, x in zip("abcd", lines, strict=False))
        question = read(NAME, [message("user", f"What is 30 + 4?\n{shown}\n\n{goal}")]).question
        return question.numbers[law.lure(question)]

    assert lure("34", "33", "35", "44") == lure("44", "35", "34", "33", goal="Be correct.") != "34"


def test_lures_have_no_preferred_place() -> None:
    law, lures = TwoConcept(seed=6), []
    task = tasks.make("planted", options={"n": 3000})
    for example in task.examples():
        asked = read(NAME, [message("user", task.ask(example)["question"])])
        lures.append(asked.question.wrong.index(law.lure(asked.question)))
    assert stats.binomtest(sum(lures), 3000, 0.5).pvalue > 1e-4


def test_batches_and_limits_change_nothing(tmp_path: Path) -> None:
    law = "spread=0.5,answers=1"
    p, answers, *_ = ran(law, "intrinsic", tmp_path / "a", limit=30)
    run = sc.run(
        f"{NAME}?{law}", "planted", rounds=5, limit=10, chunk=3, out=tmp_path / "b",
        task_options={"n": 30}, controls=False, progress=False,
    )  # fmt: skip
    fewer = run.records.sort("example", "round")
    whole = sorted(str(i) for i in range(30))
    for row in fewer.iter_rows(named=True):
        i = whole.index(row["example"])
        assert (row["choice"] - row["target"]) % 3 == answers[row["round"] - 1, i]
        shown = np.roll(row["option_p"], -row["target"])
        assert (shown == p[row["round"] - 1, i]).all()  # bit for bit


def test_samples_follow_the_law() -> None:
    model = load(f"{NAME}?seed=9")
    talk = model.open(1)
    talk.say([message("user", "What is 3 + 4?\n(a) 7\n(b) 8\n(c) 9\nPlease answer correctly.")])
    requests = [
        Request(PREFILL, 8, temperature=1.0, seed=s, options=("a", "b", "c")) for s in range(2000)
    ]
    replies = talk.branch(2000).elicit(requests)
    p = {tuple(score.logp for score in reply.options) for reply in replies if reply}
    assert len(p) == 1  # the noise is the record's, not the sample's
    right = sum(reply is not None and reply.text.startswith("a") for reply in replies)
    assert stats.binomtest(right, 2000, math.exp(p.pop()[0]) / 0.98).pvalue > 1e-4


def test_it_is_a_model() -> None:
    model = load(NAME)
    assert isinstance(model, Model)
    assert NAME in names()
    talk = model.open(1)
    talk.say([message("user", "What is the capital of France?\n(a) Paris\n(b) Rome")])
    with pytest.raises(UserError, match="planted:two-concept answers the task 'planted' only"):
        talk.elicit([Request(PREFILL, 8)])


def test_settings_are_read_from_the_name() -> None:
    model = load(f"{NAME}?rho=.5, prior=.8,answers=1,seed=12")
    assert model.law == TwoConcept(rho=0.5, prior=0.8, answers=1, seed=12)
    assert load(f"{NAME}?seed=12,answers=1,prior=0.80,rho=5e-1").fingerprint == model.fingerprint
    assert load(NAME).fingerprint not in (model.fingerprint, load("planted:chain").fingerprint)
    assert load("planted:chain").law == Law()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("roh=0.5", "did you mean 'rho'"),
        ("accuracy=1", "unknown setting 'accuracy'"),
        ("rho", "name=number, not 'rho'"),
        ("rho=low", "rho must be a number, not 'low'"),
        ("answers=.5", "answers must be a whole number"),
        ("seed=1.5", "seed must be a whole number"),
        ("plus=1", "plus is a probability between 0 and 1"),
        ("minus=0", "minus is a probability between 0 and 1"),
        ("plus=nan", "plus is a probability between 0 and 1"),
        ("prior=1", "prior is between 0 and 1"),
        ("mass=0", "mass is between 0 and 1"),
        ("rho=0", "rho is a ratio of odds, a number above 0"),
        ("rho=inf", "rho is a ratio of odds"),
        ("rho=nan", "rho is a ratio of odds"),
        ("answers=2", r"answers is 0 \(no evidence\) or 1"),
        ("spread=-1", "spread is a standard deviation of log odds, from 0 to 100"),
        ("noise=inf", "noise is a standard deviation"),
        ("rho=1,rho=1", "set twice"),
    ],
)
def test_a_wrong_setting_is_one_sentence(setting: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as told:
        load(f"{NAME}?{setting}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["planted:two-concpet", "planted:twoconcept", "planted:two"])
def test_a_wrong_name_is_told_with_the_nearest(name: str) -> None:
    with pytest.raises(UserError, match="did you mean 'planted:two-concept'"):
        load(name)


def test_extreme_settings_still_answer() -> None:
    question = message("user", "What is 3 + 4?\n(a) 7\n(b) 8\n(c) 9\nPlease answer correctly.")
    for law in (
        "rho=1e-300",
        "rho=1e300",
        "plus=1e-6",
        "minus=0.999999,spread=100",
        "prior=1e-300",
    ):
        logps = asked(load(f"{NAME}?{law}"), question)
        assert sum(map(math.exp, logps)) == pytest.approx(0.98)


def test_the_specific_goal_is_long_and_pulls_one_way() -> None:
    for wording in (CORRECT, UNBIASED):
        assert len(wording.specific_goal) > 3 * len(wording.review)
        assert wording.specific_goal.isascii()
    said = re.findall(r"\b\w*correct\w*", CORRECT.specific_goal, re.IGNORECASE)
    assert len(said) >= 3
    assert all(word.lower().startswith("correct") for word in said)


def test_anchor_says_the_specific_goal_in_every_round() -> None:
    anchor, intrinsic = strategies.load("anchor"), strategies.load("intrinsic")
    for round in (1, 2, 7):
        (said, answer), (plain, _) = anchor.steps(round), intrinsic.steps(round)
        assert said.say == f"{plain.say}\n\n{{specific_goal}}"
        assert answer.elicit == "answer"


def test_a_task_without_a_specific_goal_says_so() -> None:
    task = tasks.make("planted", options={"n": 3})
    own = Lettered(
        "own", [_item(task, e) for e in task.examples()], wording=replace(CORRECT, specific_goal="")
    )
    assert "specific_goal" not in own.ask(own.examples()[0])
    with pytest.raises(UserError, match=r"anchor\.toml:\d+: say uses \{specific_goal\}"):
        strategies.check_names(strategies.load("anchor"), set(own.ask(own.examples()[0])))


def _item(task: Any, example: Any) -> Any:
    from selfcorrect.tasks.lettered import Item

    return Item(example, task.grade([(example, task.read(example, "x"))])[0].target)


def test_other_words_make_another_task() -> None:
    """So that a run under a goal that was worded otherwise is not taken for this one."""
    task = tasks.make("planted", options={"n": 3})

    def fingerprint(**wording: str) -> str:
        items = [_item(task, e) for e in task.examples()]
        return Lettered("own", items, wording=replace(CORRECT, **wording)).fingerprint

    assert fingerprint() == fingerprint()
    assert fingerprint(specific_goal="Be right.") != fingerprint()
    assert fingerprint(goal="Be right.") != fingerprint()
