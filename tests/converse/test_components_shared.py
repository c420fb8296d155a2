"""The eight arms of the factorial design share their beginning: tokens encoded, counted exactly."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

import tiny
from selfcorrect import models, strategies, tasks
from selfcorrect.converse import Arm, beginning, converse
from selfcorrect.models.local.drafts import Drafter

PLAIN = ("neutral", "intrinsic", "cot", "intrinsic-cot")
ALL = (*PLAIN, "feedback", "intrinsic-feedback", "feedback-cot", "intrinsic-feedback-cot")


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny.model("llama", max_position_embeddings=4096)


@pytest.fixture(autouse=True)
def _undrafted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guesses of replies are encoded, too, and depend on what was said before."""
    for name in ("first", "next"):
        monkeypatch.setattr(Drafter, name, lambda *_: [])


def _encoded(model: Any, task: Any, names: tuple[str, ...], rounds: int) -> tuple[int, Any]:
    """Tokens that went through the model for one dialogue of each arm, and the records."""
    total = 0

    def add(tokens: int) -> None:
        nonlocal total
        total += tokens

    arms = [Arm(name, strategies.load(name), rounds) for name in names]
    most = {"rationale": 12, "feedback": 12}
    rows = converse(model, task, task.examples()[:1], arms, seed=0, max_tokens=most, on_encoded=add)
    return total, rows


def _prompt(model: Any, task: Any, name: str) -> list[int]:
    """The tokens that an arm shows the model first."""
    messages, prefill = beginning(task, task.examples()[0], strategies.load(name), None)
    conversation = model.open(1)
    conversation.restart([messages])
    text = conversation.render(0, prefill)
    return list(model.vocabulary.tokenizer(text, add_special_tokens=False)["input_ids"])


def _common(one: list[int], other: list[int]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                min(len(one), len(other)))  # fmt: skip


def test_round_1_is_encoded_once_as_far_as_arms_begin_alike(model: Any, task: Any) -> None:
    alone = {name: _encoded(model, task, (name,), 1)[0] for name in ALL}
    for name in PLAIN:  # feedback changes nothing in round 1
        partner = f"intrinsic-feedback{name[9:]}" if name.startswith("intrinsic") else (
            "feedback" if name == "neutral" else f"feedback-{name}"
        )  # fmt: skip
        assert alone[partner] == alone[name]
    prompts = {name: _prompt(model, task, name) for name in PLAIN}
    # whoever goes first, the others find encoded what they share with it: the question, and of
    # those with the goal that, too
    best = max(
        sum(_common(prompts[first], prompts[name]) for name in PLAIN if name != first)
        for first in PLAIN
    )
    want = sum(alone[name] for name in PLAIN) - best
    for names in (ALL, ALL[::-1], PLAIN, *list(permutations(PLAIN))[::7]):
        assert _encoded(model, task, names, 1)[0] == want
    question = task.ask(task.examples()[0])["question"]
    assert best > 3 * model.count(question) * 0.9


def test_later_rounds_are_encoded_for_each_arm_and_records_are_as_if_alone(
    model: Any, task: Any
) -> None:
    together, rows = _encoded(model, task, ALL, 3)
    sums = 0
    for name in ALL:
        tokens, alone = _encoded(model, task, (name,), 3)
        sums += tokens
        for one, other in zip(rows[name], alone[name], strict=True):
            assert (one["text"], one["leak"]) == (other["text"], other["leak"])
            assert [s["text"] for s in one["steps"]] == [s["text"] for s in other["steps"]]
            assert one["encoded"] + one["reused"] == other["encoded"] + other["reused"]
            if one["round"] == 1:
                assert one["encoded"] == other["encoded"]
    saved = sums - together
    firsts = [row["encoded"] for name in ALL for row in rows[name] if row["round"] == 1]
    # four round 1s less, and the question in three of the others
    assert saved >= sum(firsts) / 2


@pytest.mark.parametrize("kind", ["tiny", "planted"])
def test_samples_of_a_first_answer_cost_what_they_would_alone(
    kind: str, model: Any, task: Any
) -> None:
    """Each of them finds the beginning encoded, where another arm went first; alone one does it."""
    if kind == "planted":
        model, task = models.load("planted:chain"), tasks.make("planted")
    others, costs = ("padded", "neutral", "afresh"), ("encoded", "reused", "generated", "text")
    (alone,) = _encoded(model, task, ("majority",), 1)[1]["majority"]
    for names in ((*others, "majority"), ("majority", *others)):
        (row,) = _encoded(model, task, names, 1)[1]["majority"]
        assert [row[cost] for cost in costs] == [alone[cost] for cost in costs]
        assert row["steps"][-1]["encoded"] == row["encoded"]
    # the prompt once and its last token for each further sample; a reply that was cut off lacks one
    once = alone["prompt_tokens"] + 4
    assert once - 5 <= alone["encoded"] - alone["generated"] <= once
