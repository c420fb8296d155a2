"""A reply that keeps the earlier answer has its key; replies in the forms that servers give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import selfcorrect as sc
from given_dialogues import AGAIN, ASK, dialogue, said, written
from selfcorrect.converse.dialogue import begin
from selfcorrect.tasks import make
from selfcorrect.tasks.base import Answer


def keys(model: Any, folder: Path, *replies: str) -> tuple[list[Any], list[Any]]:
    turns: list[dict[str, Any]] = []
    for reply in replies:
        turns += [AGAIN if turns else ASK, said(reply)]
    file = written(folder, dialogue(*turns, answer="green"))
    run = sc.measure(file, model, out=folder / "runs", progress=False)
    return run.records["key"].to_list(), run.records["problem"].to_list()


def test_a_kept_answer_has_the_earlier_key(smollm2: Any, tmp_path: Path) -> None:
    found = keys(smollm2, tmp_path, "(b)", "I keep my answer.", "My answer remains the same.")
    assert found == (["b", "b", "b"], [None, None, None])


def test_what_was_never_given_can_not_be_kept(smollm2: Any, tmp_path: Path) -> None:
    replies = "I keep my answer.", "(b)", "\\boxed{C}", "My first answer stands."
    found = keys(smollm2, tmp_path, *replies)
    assert found == ([None, "b", "c", None], ["no option", None, None, "no option"])


def test_the_first_answer_is_kept_where_it_is_also_the_last() -> None:
    task = make("sample")
    talk = begin(task, task.examples()[0])
    for text, key in (("The best answer is (b)", "b"), ("My first answer stands.", "b"),
                      ("The best answer is (c)", "c"), ("I keep my original answer.", None),
                      ("The best answer is (a)", "a"), ("I keep my answer.", "a")):  # fmt: skip
        answer = talk.reads(task.read(talk.example, text))
        assert answer.key == key, text
        talk.take(answer, ())
        sample = talk.reads(Answer("I keep it.", problem="no option", keeps="last"))
        assert sample.key == (None if talk.last is None else talk.last.key)
        talk.answered = False
