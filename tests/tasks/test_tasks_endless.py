"""Replies, and options, that are made to keep a reader busy: read soon, or not at all."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands import printed, refused
from selfcorrect.tasks import leaks, naming, refusals
from selfcorrect.tasks.free import reading
from selfcorrect.tasks.lettered import letters
from selfcorrect.tasks.lettered.canonical import _RULES
from selfcorrect.tasks.lettered.kind import problem_with
from selfcorrect.tasks.plain import LONGEST
from timing import within

CHOICES = ("red", "blue", "a person")
LEAD = "The best answer is ("
#: Of each a reader that tries every beginning takes time that grows with the square, or worse.
UNITS = (
    *(" ", "\t", "_", "*", "\n", " \n", "a", "a) ", "(a) ", "correct ", "final ", "the answer is "),
    *(
        "\\boxed{",
        "{",
        '"answer":',
        "<think>",
        "1,",
        "1 ",
        "1/",
        "####",
        "not ",
        "\ufdfa",
        "\u0301",
    ),
)
READERS: dict[str, Callable[[str], Any]] = {
    "letters": lambda text: letters.find(text, CHOICES, [LEAD]),
    "begun": lambda text: letters.find(LEAD + text, CHOICES, [LEAD]),
    "number": lambda text: reading.final_number(None, text),  # type: ignore[arg-type]
    "last number": lambda text: reading.last_number(None, text),  # type: ignore[arg-type]
    "refusal": refusals.refuses,
    "named": lambda text: naming.named(text, CHOICES, "abc"),
    "copied": lambda text: leaks.copies(text, "one two three four", text),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_text_of_one_thing_again_and_again_is_read_soon(reader: str) -> None:
    for unit in UNITS:
        text = f"It is{unit * (10_000 // len(unit))}x"
        with within(0.5, unit):
            READERS[reader](text)


def test_blanks_and_lines_mean_what_they_meant() -> None:
    """The rules as they were, which took time that grows with the square."""
    plain = {
        r"_++": r"(?<!\w)_+()|_+()(?!\w)",
        r"]*+\n": r"[^\S\n]*\n\s*()",
    }
    draw = random.Random(7)
    for part, pattern in plain.items():
        [rule] = [rule for rule, _, _ in _RULES if part in rule.pattern]
        for _ in range(3_000):
            text = "".join(draw.choices("__ab \n\t.*", k=draw.randint(0, 12)))
            spans = [found.span() for found in re.finditer(pattern, text)]
            assert [found.span() for found in rule.finditer(text)] == spans, text


def test_what_is_longer_than_any_answer_is_not_read() -> None:
    long = "word " * (LONGEST // 5)
    for text in (long + "The answer is (b)", "\ufdfa" * (LONGEST // 17) + " the answer is b"):
        found = letters.find(text, CHOICES, [])
        assert (found.choice, found.problem) == (None, "no option")
        answer = reading.final_number(None, text + " #### 3")  # type: ignore[arg-type]
        assert (answer.key, answer.problem) == (None, "no number")
    assert letters.find(long[: LONGEST // 2] + "The answer is (b)", CHOICES, []).choice == 1
    # thoughts may be longer
    thought = f"<think>{long}</think>"
    assert letters.find(f"{thought}The answer is (b)", CHOICES, []).choice == 1
    assert reading.final_number(None, f"{thought}#### 3").key == "3"  # type: ignore[arg-type]


def test_an_option_of_millions_of_letters_is_a_bad_line(tmp_path: Path) -> None:
    assert problem_with(["x" * 100_000, "y"]) is None
    file = tmp_path / "d.jsonl"
    rows = [{"question": "Q?", "choices": ["x", "y"], "answer": "x"} for _ in range(3)]
    rows.append({"question": "Q?", "choices": ["x" * 5_000_000, "y"], "answer": "y"})
    file.write_text("\n".join(map(json.dumps, rows)))
    said = refused("check-task", "choices", "--data", file)
    assert "d.jsonl:4: a choice has 5,000,000 characters" in said
    assert len(said) < 300
    told = json.loads(printed("check-task", "choices", "--data", file, "--skip-bad", "--json"))
    assert told["examples"] == 3
