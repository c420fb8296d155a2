"""Columns that data sets have beside question, choices and answer, or in the place of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfcorrect.tasks import make
from written import jsonl, targets

WORDS = ["red", "blue", "green"]


def read(folder: Path, *rows: dict[str, Any], **more: Any) -> Any:
    return make("choices", data=jsonl(folder / "q.jsonl", rows), **more)


@pytest.mark.parametrize("name", ["context", "passage", "article", "story"])
def test_what_is_read_before_a_question_is_shown(name: str, tmp_path: Path) -> None:
    """Without its passage a question is another one, and nobody would notice."""
    row = {"question": "What colour is it?", "choices": WORDS, "answer": "A", name: "It is red."}
    task = read(tmp_path, row, {**row, "question": "Which?"})
    first, _ = task.examples()
    assert task.ask(first)["question"].startswith("It is red.\n\nWhat colour")
    assert f"context = {name}; question = question" in task.read_as[0]


def test_what_is_not_shown_is_named(tmp_path: Path) -> None:
    row = {"question": "Which?", "choices": WORDS, "answer": "A", "hint": "warm", "year": 1990}
    assert "; not shown: hint, year; answers" in read(tmp_path, row).read_as[0]


def test_an_answer_stands_in_the_first_column_that_is_not_empty(tmp_path: Path) -> None:
    """As AGIEval's, whose ``answer`` is null; and never in one here and in another there."""
    row = {"question": "Which?", "choices": WORDS, "answer": None, "label": "B"}
    assert targets(read(tmp_path, row, {**row, "question": "And?"})) == [1, 1]
    rows = [{**row, "answer": "A", "label": "A"}, {**row, "question": "And?"}]
    task = read(tmp_path, *rows, skip_bad=True)
    assert (targets(task), len(task.skipped)) == ([0], 1)


@pytest.mark.parametrize("form", ["({}) {}", "{}. {}", "{}) {}", "({}){}", "{}: {}"])
@pytest.mark.parametrize("by_text", [True, False])
def test_letters_of_the_choices_own_are_not_shown_beside_ours(
    form: str, by_text: bool, tmp_path: Path
) -> None:
    choices = [form.format(mark, text) for mark, text in zip("ABC", WORDS, strict=True)]
    answers = choices if by_text else list("ABC")
    rows = [
        {"question": f"Which {n}?", "choices": choices, "answer": answer}
        for n, answer in enumerate(answers)
    ]
    task = read(tmp_path, *rows)
    assert targets(task) == [0, 1, 2]
    assert all(list(each.choices) == WORDS for each in task.examples())


def test_choices_that_only_look_so_stay(tmp_path: Path) -> None:
    choices = ["A. Smith", "C. Brown", "B. Jones"]
    task = read(tmp_path, {"question": "Who?", "choices": choices, "answer": "C. Brown"})
    assert list(task.examples()[0].choices) == choices
    assert targets(task) == [1]
