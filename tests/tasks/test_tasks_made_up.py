"""Replies that go on with a question, or a turn, that the model made up; and thoughts in marks of
other models' own. Seen of base models, and of servers whose template doesn't fit the model."""

from __future__ import annotations

import pytest

from selfcorrect.tasks.free.reading import final_number
from selfcorrect.tasks.lettered.letters import find
from selfcorrect.tasks.said import own_part, said

LEAD = "The best answer is ("
CHOICES = ("Paris", "Rome", "Oslo")


@pytest.mark.parametrize(
    "text",
    [
        "(b) Rome\n\nQ: And of Norway?\nA: The answer is (c).",
        "The answer is (b).\n\nUser: Are you sure?\n\nAssistant: The answer is (c).",
        "The answer is (b).\n\n**Question 2:** Which is in Norway?\n\nThe answer is (c).",
        # it may as well have asked itself: nobody can say
        "The answer is (b).\n\nQuestion 1: Is it in Italy? No.\n\nFinal answer: (c)",
    ],
)
def test_the_next_questions_answer_is_not_this_ones(text: str) -> None:
    assert find(text, CHOICES, [LEAD]).choice is None


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("The answer is (b).\n\nQ: And of Norway?", 1),
        ("The answer is (b).\n\nQ: Is it in Italy?\nA: Yes, the answer is (b).", 1),
        ("Question: Which city?\nAnswer: (b)", 1),
        ("Let me see.\n\nQuestion: Which city?\n\nAnswer: (b)", 1),
        (f"{LEAD}b) Rome.\n\nQ: And of Norway?\nA: (c)", 1),
    ],
)
def test_what_is_said_of_the_question_is_read(text: str, choice: int) -> None:
    assert find(text, CHOICES, [LEAD]).choice == choice


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("540 metres\n\nQ: Leah had 32 sweets", "540"),
        ("10\n\nPassage: The 2011 census", "10"),
        ("#### 540\n\nQuestion: Leah had 32\nAnswer: #### 39", None),
        ("The answer is 540.\n\nQ: Leah had 32?\n\nA: The answer is 39.", None),
        ("#### 540\n\nQ: Is it so?\nA: #### 540", "540"),
        ("Question: how many?\nAnswer: 7", "7"),
        ("I look at it.\n\nProblem: 3 and 4.\n\n#### 7", "7"),
    ],
)
def test_numbers_alike(text: str, key: str | None) -> None:
    answer = final_number(None, text)  # type: ignore[arg-type]
    assert answer.key == key


def test_own_part_is_what_stands_before() -> None:
    assert own_part("yes\n\nQ: no") == "yes\n\n"
    for text in ("Q: no", "\n\nUser: x", "no question: here", "", "a\nqueue: b"):
        assert own_part(text) == text


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("<think>", "</think>"),
        ("<mm:think>", "</mm:think>"),
        ("<seed:think>", "</seed:think>"),
        ("<thought>", "</thought>"),
        ("<reasoning>", "</reasoning>"),
        ("[THINK]", "[/THINK]"),
        ("◁think▷", "◁/think▷"),
    ],
)
def test_thoughts_in_any_known_marks_are_no_part_of_a_reply(begin: str, end: str) -> None:
    for text in (f"{begin}The answer is (a).{end}(b) Rome", f"The answer is (a).{end}(b) Rome"):
        assert said(text).strip() == "(b) Rome"
        assert find(text, CHOICES, [LEAD]).choice == 1
    assert find(f"{begin}The answer is (a).", CHOICES, [LEAD]).choice is None
