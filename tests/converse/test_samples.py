"""Samples in the loop: the same prompt, every round, whatever the strategy; never entered."""

from __future__ import annotations

import math
from typing import Any

import pytest

import tiny
from scripted import CRITIQUE, FIRST, HEAD, REVIEW
from selfcorrect import strategies, tasks
from selfcorrect.converse import Arm, Samples, converse
from selfcorrect.converse.draws import ASKS_TRUTH
from selfcorrect.models import Request, message
from selfcorrect.models.planted import load as planted
from selfcorrect.strategies import MAX_TOKENS

TASK = tasks.make("sample")
#: what stands in a record beside what samples bring
OF_SAMPLES = {"samples", "likelihood", "agreement", "p_true", "sampled"}
MAJORITY = """
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
prefill = "{answer_prefill}"
samples = 3
take = "majority"
temperature = 1.0
"""


def _rows(
    model: Any, text: str, samples: Samples, *, rounds: int = 3, n: int = 3, task: Any = TASK
) -> list[dict[str, Any]]:
    arm = Arm("arm", strategies.parse(HEAD + text, "test.toml"), rounds)
    found = converse(model, task, task.examples()[:n], [arm], seed=1, samples=samples)
    return found["arm"]  # type: ignore[return-value]


def test_samples_change_nothing_of_the_dialogue_but_what_they_bring() -> None:
    plain = _rows(tiny.model("llama"), FIRST + REVIEW, Samples())
    drawn = _rows(tiny.model("llama"), FIRST + REVIEW, Samples(4, p_true=True))
    for without, with_ in zip(plain, drawn, strict=True):
        assert without["samples"] == []
        assert without["sampled"] == 0
        assert with_["sampled"] > 0
        assert 0 < with_["p_true"] < 1
        assert len(with_["samples"]) == 4
        for name in without.keys() - OF_SAMPLES - {"steps"}:
            numbers = isinstance(without[name], float) or name.startswith("option_")
            same = pytest.approx(with_[name], abs=1e-5) if numbers else with_[name]
            assert without[name] == same, name
        texts = [[step["text"] for step in row["steps"]] for row in (without, with_)]
        assert texts[0] == texts[1]


@pytest.mark.parametrize("text", [FIRST + REVIEW, FIRST + CRITIQUE + REVIEW, MAJORITY + REVIEW])
def test_every_sample_is_drawn_from_the_prompt_of_its_answer(text: str) -> None:
    """Drawn again, alone, from the transcript that the records tell, with the stated seed."""
    from selfcorrect.converse.draws import seed_of

    model = tiny.model("llama")
    rows = _rows(model, text, Samples(3, 0.8), n=2)
    messages: dict[str, list[Any]] = {}
    for row in rows:
        said = messages.setdefault(row["example"], [])
        answer = row["steps"][-1]
        said += [message(s["role"], s["text"]) for s in row["steps"][:-1]]
        assert answer["kind"] == "answer"
        for k, sample in enumerate(row["samples"]):
            talk = model.open(1)
            talk.restart([said])
            seed = seed_of(1, row["example"], row["round"], -1, k)
            asked = Request(answer["prefill"], MAX_TOKENS["answer"], 0.8, seed)
            (reply,) = talk.elicit([asked])
            assert sample["text"] == answer["prefill"] + reply.text
            assert sample["tokens"] == reply.generated
            assert sample["logp"] == pytest.approx(math.fsum(reply.token_logps), abs=1e-4)
        said.append(message("assistant", answer["text"]))


def test_arms_that_share_a_round_share_its_samples_and_each_has_its_own_later() -> None:
    first = strategies.parse(HEAD + FIRST + REVIEW, "a.toml")
    again = strategies.parse(HEAD + FIRST + '[[again]]\nsay = "Once more."\n'
                             '[[again]]\nelicit = "answer"', "b.toml")  # fmt: skip
    model, examples = tiny.model("llama"), TASK.examples()[:2]
    arms = [Arm("a", first, 2), Arm("b", again, 2)]
    both = converse(model, TASK, examples, arms, seed=3, samples=Samples(3))
    alone = converse(model, TASK, examples, arms[1:], seed=3, samples=Samples(3))
    for mine, other in zip(both["b"], alone["b"], strict=True):
        assert [s["text"] for s in mine["samples"]] == [s["text"] for s in other["samples"]]
        assert mine["sampled"] == other["sampled"]
    assert both["a"][0]["samples"] == both["b"][0]["samples"]
    assert both["a"][1]["samples"] != both["b"][1]["samples"]


def test_the_share_that_agrees_and_the_likelihood_follow_from_the_samples() -> None:
    for row in _rows(tiny.model("llama"), FIRST + REVIEW, Samples(5), n=4):
        keys = [sample["key"] for sample in row["samples"]]
        expected = None if row["key"] is None else keys.count(row["key"]) / 5
        assert row["agreement"] == expected
        each = [sample["logp"] / sample["tokens"] for sample in row["samples"]]
        assert row["likelihood"] == pytest.approx(sum(each) / 5)
        for sample in row["samples"]:
            assert sample["key"] == TASK.read(TASK.examples()[0], sample["text"]).key


def test_what_is_asked_on_a_branch_is_never_in_the_transcript() -> None:
    rows = _rows(tiny.model("llama"), FIRST + REVIEW, Samples(2, p_true=True))
    said = [step["text"] for row in rows for step in row["steps"]]
    assert all(ASKS_TRUTH not in text for text in said)


def test_planted_samples_follow_the_law() -> None:
    """Of 60 dialogues 40 samples each: right in the stated share of answers."""
    model = planted("planted:chain?accuracy=0.7,stay=0")
    task = tasks.make("planted", options={"n": 60})
    arm = Arm("arm", strategies.load("intrinsic", {}), 1)
    rows = converse(model, task, task.examples(), [arm], seed=0, samples=Samples(40))["arm"]
    right = [
        sample["key"] == "abcdefgh"[row["target"]] for row in rows for sample in row["samples"]
    ]
    assert abs(sum(right) / len(right) - 0.7) < 0.04
    assert all(sample["logp"] is None for row in rows for sample in row["samples"])
    assert all(row["likelihood"] is None for row in rows)


def test_a_dialogue_that_is_over_draws_no_more() -> None:
    text = FIRST + REVIEW + "\n[stop]\nunchanged = 1\n"
    stays, task = planted("planted:chain?stay=1"), tasks.make("planted", options={"n": 5})
    rows = _rows(stays, text, Samples(3), rounds=4, task=task)
    for row in rows:
        assert len(row["samples"]) == (3 if row["round"] < 3 else 0)
