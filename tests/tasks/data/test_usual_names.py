"""Columns of people's own questions, found by what they are usually called, and never guessed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from commands import refused
from selfcorrect.errors import UserError
from selfcorrect.evaluation.pairs import read_pairs
from selfcorrect.tasks import make
from selfcorrect.tasks.data.texts import read_texts
from written import jsonl, right, table

LETTERED = {"A": "cork", "B": "lead", "C": "wax"}


def read(folder: Path, row: dict[str, Any], **options: Any) -> Any:
    write = jsonl if any(isinstance(each, list) for each in row.values()) else table
    return make("choices", data=write(folder / "q.csv", [row]), options=options)


@pytest.mark.parametrize(
    ("question", "options", "answer"),
    [
        ("Question", LETTERED, "Correct"),
        ("question ", {f"{key} ": text for key, text in LETTERED.items()}, " ANSWER"),
        ("Prompt", {key.lower(): text for key, text in LETTERED.items()}, "Correct Answer"),
        ("stem", {f"Option {key}": text for key, text in LETTERED.items()}, "key"),
        ("query", {f"Choice_{n}": t for n, t in enumerate(LETTERED.values(), 1)}, "gold"),
        ("Question Text", {f"Answer {key}": t for key, t in LETTERED.items()}, "Right answer"),
        ("prompt", {"options": list(LETTERED.values())}, "correct"),
        ("QUESTION", {"Answer Choices": list(LETTERED.values())}, "Label"),
        ("Question", {"Choices": "['cork', 'lead', 'wax']"}, "target"),
        ("Prompt", {"Choices": "{'text': ['cork', 'lead', 'wax'], 'label': [7, 8, 9]}"}, "key"),
    ],
)
def test_usual_names_are_found_and_said(
    question: str, options: dict[str, Any], answer: str, tmp_path: Path
) -> None:
    task = read(tmp_path, {question: "Which sinks?", **options, answer: "lead"})
    assert right(task) == ["lead"]
    assert task.examples()[0].choices == ("cork", "lead", "wax")
    columns = ", ".join(each.strip() for each in options)
    said = task.read_as[0].replace(".text;", ";")
    assert f"question = {question.strip()}; choices = {columns}" in said
    assert f"; answer = {answer.strip()}; answers are " in said


def test_what_is_read_before_a_question_is_shown_whatever_its_case(tmp_path: Path) -> None:
    row = {"question": "Which sinks?", "Passage": "Lead is heavy.", "ID": "q7", **LETTERED}
    task = read(tmp_path, {**row, "answer": "B"})
    assert task.examples()[0].fields["context"] == "Lead is heavy."
    assert task.examples()[0].id == "q7"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"Prompt": "Which?", **LETTERED, "label": "A", "gold": "B"},
            "as answer ('label' or 'gold' may be the answer);",
        ),
        ({"prompt": "x", "stem": "y", **LETTERED, "key": "A"}, "'prompt' or 'stem' may be the"),
        (
            {"prompt": "x", "options": "['a', 'b']", **LETTERED, "key": "A"},
            "'options' or 'A' may be the choices",
        ),
        ({"prompt": "x", "Option A": "y", "Option C": "z", "key": "A"}, "'Option C' but none for"),
        ({"prompt": "x", "A": "only one", "key": "A"}, "by its name as choices; "),
    ],
)
def test_what_could_be_two_things_is_not_guessed(
    row: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, row)
    assert said in str(caught.value)


def test_all_that_is_missing_is_named_at_once_with_a_command_that_helps(tmp_path: Path) -> None:
    data = table(tmp_path / "q.csv", [{"Frage": "Was?", **LETTERED, "Loesung": "B"}])
    sentence = refused("check-task", "choices", "--data", data)
    assert "as question and answer;" in sentence
    command = sentence.rpartition("say which it is with ")[2]
    assert command.strip() == "--field question=COLUMN --field answer=COLUMN"
    filled = shlex.split(command.replace("COLUMN", "Frage", 1).replace("COLUMN", "Loesung", 1))
    task = make("choices", data=data, options={"field": filled[1::2]})
    assert right(task) == ["lead"]


def test_one_named_part_leaves_the_others_to_their_names(tmp_path: Path) -> None:
    row = {"Text": "Which?", **LETTERED, "label": "A", "gold": "C"}
    task = read(tmp_path, row, field={"question": "TEXT", "answer": "gold"})
    assert right(task) == ["wax"]
    assert "not shown: label" in task.read_as[0]


def test_a_field_that_is_turned_round_is_turned_back(tmp_path: Path) -> None:
    row = {"Frage": "Which?", **LETTERED, "answer": "A"}
    for task in ("choices", "dialogues"):
        data = table(tmp_path / "q.csv", [row])
        with pytest.raises(UserError, match=r"wrong way round, .* write --field answer=Frage"):
            make(task, data=data, options={"field": ["Frage=answer"]})


def test_a_list_is_called_by_the_name_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'options' must be a list of texts"):
        read(tmp_path, {"question": "Which?", "options": "x", "answer": "x"})
    data = table(tmp_path / "q.csv", [{"question": "Which?", "options": "x | y", "answer": "A"}])
    with pytest.raises(UserError, match=r'a column \(A, B, C\), or write \["red", "blue"\]'):
        make("choices", data=data)
    data = table(
        tmp_path / "j.csv", [{"question": "Which?", "options": '["x", "y"]', "answer": "B"}]
    )
    assert right(make("choices", data=data)) == ["y"]


def test_a_file_without_a_usable_line_gets_one_sentence(tmp_path: Path) -> None:
    """In texts, pairs and the like: five times the same, and the advice to leave all out, help
    nobody."""
    data = jsonl(tmp_path / "t.jsonl", [{"sentence_a": f"x{n}"} for n in range(9)])
    for read in (read_texts, lambda path: read_pairs(Path(path))):
        with pytest.raises(UserError) as caught:
            read(data)
        said = str(caught.value)
        assert said.count("is missing") == 1
        assert "t.jsonl:1: the field '" in said
        assert said.endswith("(so it is with all 9 lines: is it the right file?)")
        assert "--skip-bad" not in said
    data = jsonl(tmp_path / "t.jsonl", [{"a": 1}, [2], {"a": 3}])
    with pytest.raises(UserError, match="none of the 3 lines can be used: is it the right"):
        read_texts(data)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_json_that_breaks_off_says_where(end: str, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"a": 1' + end)
    with pytest.raises(UserError, match=r"q\.jsonl:1: not valid JSON \(.*, at the line's end\)"):
        read_texts(str(tmp_path / "q.jsonl"))


def rows_of(folder: Path, *rows: dict[str, Any]) -> Any:
    return make("choices", data=jsonl(folder / "q.jsonl", rows))


@pytest.mark.parametrize("family", ["option", "Choice ", "ans_"])
def test_options_that_count_from_0_are_all_shown(family: str, tmp_path: Path) -> None:
    """The first was left out, and each answer was the option behind the right one."""
    options = {f"{family}{n}": text for n, text in enumerate(LETTERED.values())}
    rows = [{"question": f"{n}?", **options, "answer": n % 2} for n in range(4)]
    task = rows_of(tmp_path, *rows)
    assert {each.choices for each in task.examples()} == {("cork", "lead", "wax")}
    assert right(task) == ["cork", "lead"] * 2


@pytest.mark.parametrize("name", ["{}", "Option {}"])
def test_options_that_some_rows_or_a_short_list_leave_out_are_shown(
    name: str, tmp_path: Path
) -> None:
    options = {name.format(letter): f"it's {letter}" for letter in "ABCDEFGH"}
    short = dict(list(options.items())[:3])
    row = {"question": "Which?", "answer": "B"}
    task = rows_of(tmp_path, {**row, **short}, {**row, "question": "And?", **options})
    assert sorted(len(each.choices) for each in task.examples()) == [3, 8]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"Option A": "x", "Option B": "y", "option_b": "z"}, "'Option B' and 'option_b' are the"),
        ({"A": "x", "B": "y", "options": ["v", "w"]}, "'options' or 'A' may be the choices"),
        ({"A": "x", "B": "y", "option_1": "v", "option_2": "w"}, "'A' or 'option_1' may be"),
        ({"choice_1": "x", "choice_2": "y", "choice_a": "v", "choice_b": "w"}, "'choice_a' or"),
        (dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "x"), "'A' to 'Z' are more than 10 options"),
        ({f"opt{n}": str(n) for n in range(40)}, "are more than 26 options"),
    ],
)
def test_columns_that_may_be_other_options_are_told(
    more: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=why):
        rows_of(tmp_path, {"question": "Which?", **more, "answer": "A"})


def test_two_answers_that_differ_are_told_and_never_chosen_from(tmp_path: Path) -> None:
    """One of them may be what a model answered. A column of other things is none."""
    row = {"question": "Which sinks?", "options": list(LETTERED.values()), "answer": "B"}
    assert right(rows_of(tmp_path, {**row, "label": 1, "solution": "Lead is heavy."})) == ["lead"]
    with pytest.raises(UserError, match="'answer' says \"B\" and 'label' says \"C\""):
        rows_of(tmp_path, {**row, "label": "C"})
    said = {"field": {"answer": "label"}}
    data = jsonl(tmp_path / "q.jsonl", [{**row, "label": "C"}])
    assert right(make("choices", data=data, options=said)) == ["wax"]
