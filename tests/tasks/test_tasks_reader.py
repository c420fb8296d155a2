"""Replies read as a user says: by a pattern with a named group, or after lead-ins of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import selfcorrect as sc
from commands import refused
from selfcorrect.errors import UserError
from selfcorrect.tasks import make
from selfcorrect.tasks.base import Task
from timing import within

QUESTION = {"question": "Which?", "choices": ["red", "green", "blue"], "answer": "green"}


def choices(folder: Path, **options: object) -> Task:
    file = folder / "q.jsonl"
    file.write_text(json.dumps(QUESTION))
    return make("choices", data=str(file), options=options)


def key(task: Task, text: str) -> str | None:
    answer = task.read(task.examples()[0], text)
    assert (answer.key is None) == (answer.problem is not None)
    return answer.key


def test_the_last_match_of_a_pattern_is_the_answer_and_nothing_else(tmp_path: Path) -> None:
    task = choices(tmp_path, read=r"verdict=(?P<answer>[a-z]+)")
    assert key(task, "verdict=a ... verdict=b") == "b"
    assert key(task, "verdict=blue") == "c"
    assert key(task, "The answer is (a).") is None
    assert key(task, "verdict=purple") is None
    assert key(task, "<think>verdict=a</think>verdict=b") == "b"
    assert key(task, "") is None
    # a group of another name will do where it is the only one
    assert key(choices(tmp_path, read=r"(?i)pick (?P<it>[ABC])"), "I PICK C now") == "c"
    several = choices(tmp_path, read=r"(?P<x>\d)/(?P<answer>[abc])")
    assert key(several, "1/b") == "b"


def test_several_lead_ins(tmp_path: Path) -> None:
    task = choices(tmp_path, lead_in=["My ticket", "Here goes:"])
    assert key(task, "I looked at it. My ticket: b. Thank you.") == "b"
    assert key(task, "Here goes: (c)") == "c"
    assert key(task, "So: my ticket a person knows") is None
    assert key(task, "The answer is (a).") == "a"
    assert key(choices(tmp_path), "I looked at it. My ticket: b. Thank you.") is None
    assert key(choices(tmp_path, lead_in="It shall be"), "Well. It shall be green.") == "b"


def test_numbers() -> None:
    task = make("reasoning", options={"read": r"=> (?P<answer>[^\n]+)"})
    assert key(task, "The answer is 7. => 1,200 apples") == "1200"
    assert key(task, "The answer is 7.") is None
    assert key(task, "=> 3 or 4") is None
    task = make("reasoning", options={"lead_in": ["Result", "Total:"]})
    assert key(task, "Total: $5\nI used 3 steps.") == "5"
    assert key(task, "Result 12 apples of 20") == "12"
    assert key(task, "The answer is 7.") == "7"


def test_another_reader_makes_another_run(tmp_path: Path) -> None:
    tasks = [choices(tmp_path), choices(tmp_path, read="(?P<a>[abc])"),
             choices(tmp_path, lead_in="So")]  # fmt: skip
    assert len({task.fingerprint for task in tasks}) == 3
    numbers = [make("reasoning"), make("reasoning", options={"read": r"(?P<a>\d)"})]
    assert len({task.fingerprint for task in numbers}) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"read": "([a-c])"}, "has no named group: put the answer into one"),
        ({"read": "(?P<a>a)(?P<b>b)"}, "has 2 named groups"),
        ({"read": "(?P<a>"}, "isn't a regular expression"),
        ({"read": "x" * 3_000}, "over 2,000 characters"),
        ({"read": 3}, "must be a regular expression"),
        ({"lead_in": ["a", 3]}, "must be a text, or a list of texts"),
        ({"lead_in": [" "]}, "is empty"),
    ],
)
def test_wrong_readers(options: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said.replace("(", r"\(")) as caught:
        choices(tmp_path, **options)
    assert "\n" not in str(caught.value)


def test_a_task_that_reads_by_itself_refuses(tmp_path: Path) -> None:
    file = tmp_path / "p.txt"
    file.write_text("Say yes.")
    with pytest.raises(UserError, match="reads its replies itself"):
        make("prompts", data=str(file), options={"read": "(?P<answer>.)"})


def test_no_pattern_takes_long(tmp_path: Path) -> None:
    task = choices(tmp_path, read=r"(?P<answer>(?:a+)+)$|(?:.*)*x(?:.*)*(?P<x>y)")
    with (
        within(5),
        pytest.raises(UserError, match=r"took over 0\.5 seconds of computing for one reply"),
    ):
        key(task, "a" * 5_000 + "!")


def test_from_the_command_line_and_from_python(smollm2: Any, tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    said = [
        {"role": "user", "content": "Which?"},
        {"role": "assistant", "content": "my pick> b"},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "Yes: c, I say."},
    ]
    file.write_text(json.dumps({"messages": said, "choices": QUESTION["choices"], "answer": 1}))
    pattern = r"(?:pick>|Yes:) (?P<answer>\w)"
    run = sc.measure(file, smollm2, read=pattern, out=tmp_path, progress=False)
    assert run.records["key"].to_list() == ["b", "c"]
    assert run.records["steps"][1][-1]["prefill"] == "Yes:"
    led = sc.measure(file, smollm2, lead_in=["my pick>", "Yes:"], out=tmp_path, progress=False)
    assert led.records["key"].to_list() == ["b", "c"]
    assert led.folder != run.folder
    sentence = refused("run", "--task", "sample", "--read", "(", "--out", tmp_path)
    assert "isn't a regular expression" in sentence
    sentence = refused("measure", file, "--lead-in", " ", "--lead-in", "x", "--out", tmp_path)
    assert "is empty" in sentence
