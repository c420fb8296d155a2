"""Feedback from outside the dialogue: who sees what, who speaks, and what is recorded."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import selfcorrect as sc
import tiny
from selfcorrect import models, records, strategies
from selfcorrect.converse import Arm, converse
from selfcorrect.models.local.conversation import LocalConversation
from selfcorrect.runs import make_spec


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny.model("llama", max_position_embeddings=4096)


def _rows(model: Any, task: Any, name: str, rounds: int = 3, **others: Any) -> list[Any]:
    arm = Arm("arm", strategies.load(name), rounds, others=others)
    return converse(model, task, task.examples()[:4], [arm], seed=1)["arm"]


def test_the_own_model_gives_feedback_in_a_fresh_dialogue(model: Any, task: Any) -> None:
    rows = _rows(model, task, "intrinsic-feedback-cot")
    for row in rows:
        steps = row["steps"]
        later = row["round"] > 1
        asked = [step for step in steps if not step["shown"]]
        assert [step["kind"] for step in asked] == ["say", "feedback"] * later
        assert [note["code"] for note in row["notes"] if note["code"] != "model"] == (
            ["own model"] if later else []
        )
        if later:
            told, advice = asked
            assert advice["speaker"] == model.name
            assert advice["generated"] > 0
            assert told["begin"]
            # the advice stands in the dialogue, word for word, before the rationale
            kinds = [step["kind"] for step in steps]
            after = steps[kinds.index("feedback") + 1]
            assert after["shown"]
            assert advice["text"] in after["text"]
            assert kinds.index("feedback") < kinds.index("rationale") < kinds.index("answer")
            # whoever gave it saw the question and the whole response of the round before
            before = next(r for r in rows if (r["example"], r["round"] + 1)
                          == (row["example"], row["round"]))  # fmt: skip
            for step in before["steps"]:
                if step["kind"] in ("answer", "rationale"):
                    assert step["text"] in told["text"]


def test_another_model_gives_feedback(model: Any, task: Any) -> None:
    other = models.load("planted:chain")
    rows = _rows(model, task, "feedback", feedback=other)
    given = [step for row in rows for step in row["steps"] if step["kind"] == "feedback"]
    assert len(given) == 4 * 2
    assert {step["speaker"] for step in given} == {"planted:chain"}
    assert not any(note["code"] == "own model" for row in rows for note in row["notes"])


def test_the_dialogue_is_shown_the_advice_and_nothing_else_of_it(model: Any, task: Any) -> None:
    rows = _rows(model, task, "feedback")
    one = pl.DataFrame([row for row in rows if row["example"] == rows[0]["example"]],
                       schema=records.SCHEMA)  # fmt: skip
    roles = [message.role for message in records.transcript(one)]
    assert roles == ["user", "assistant"] * 3


def test_feedback_reuses_what_the_dialogue_has_encoded(model: Any, task: Any) -> None:
    """The question stands first in both transcripts, so the own model encodes it once."""
    (same, *_), (apart, *_) = (
        [row for row in rows if row["round"] == 2]
        for rows in (
            _rows(model, task, "feedback"),
            _rows(model, task, "feedback", feedback=_twin(model)),
        )
    )
    one, two = (
        next(step for step in row["steps"] if step["kind"] == "feedback") for row in (same, apart)
    )
    assert one["text"] == two["text"]
    assert one["prompt_tokens"] == two["prompt_tokens"]
    assert one["reused"] >= len(task.ask(task.examples()[0])["question"].split())
    assert one["reused"] > two["reused"]


def _twin(model: Any) -> Any:
    """The same weights as another object: a model of its own, as far as anyone can see."""
    return copy.copy(model)


def test_feedback_for_all_dialogues_is_one_batch(
    model: Any, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[tuple[int, int]] = []
    elicit = LocalConversation.elicit

    def counted(self: Any, requests: Any) -> Any:
        asked = [request for request in requests if request is not None]
        batches.append((asked[0].max_tokens, len(asked)))
        return elicit(self, requests)

    monkeypatch.setattr(LocalConversation, "elicit", counted)
    _rows(model, task, "feedback")
    assert batches == [(8, 4), (256, 4), (8, 4), (256, 4), (8, 4)]


@pytest.mark.slow
def test_all_eight_on_the_bundled_model(tmp_path: Path) -> None:
    names = [strategy for strategy in strategies.names() if _is_cell(strategy)]
    assert len(names) == 8
    table = {"task": "sample", "rounds": 3, "limit": 2, "max_tokens": {"rationale": 24,
             "feedback": 24}}  # fmt: skip
    specs = [make_spec({**table, "strategy": name}) for name in names]
    for name, run in zip(names, sc.run_many(specs, out=tmp_path, controls=False, progress=False),
                         strict=True):  # fmt: skip
        assert run.complete
        for row in run.records.iter_rows(named=True):
            kinds = [step["kind"] for step in row["steps"] if step["kind"] != "say"]
            later = row["round"] > 1 and "feedback" in name
            assert kinds == ["feedback"] * later + ["rationale"] * ("cot" in name) + ["answer"]
            assert row["leak"] in ((True, False) if later else (None,))
            assert row["key"] is not None or row["problem"]


def _is_cell(name: str) -> bool:
    return name == "neutral" or set(name.split("-")) <= {"intrinsic", "feedback", "cot"}
