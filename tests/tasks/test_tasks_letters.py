"""Reading replies as lettered options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcorrect.tasks.lettered import problem_with
from selfcorrect.tasks.lettered.letters import LETTERS, read

LEAD = "The best answer is ("
CHOICES = ("The grandfather", "The grandson", "Can't be determined")


@pytest.mark.parametrize(
    ("reply", "choice"),
    [
        ("b)", 1),
        ("b", 1),
        ("B) The grandson", 1),
        ("b) The grands", 1),  # cut off
        ("b.", 1),
        ("b]", 1),
        ("b\nBecause he is young", 1),
        (" b )", 1),
        ("b: The grandson", 1),
        ("b - the grandson", 1),
        ("b), since (a) is a mere guess", 1),
        ("**b**)", 1),
        ("The grandson", 1),
        ("the grandson.", 1),
        ("the  grandson)", 1),
        ("(b) The grandson", 1),
        ("The best answer is (b)", 1),  # the lead-in said once more
        ("\u200fb)", 1),
        ("b\x00)", 1),
        ("\uff42\uff09", 1),  # full width
        ("\u249d", 1),  # a parenthesised b
        ("can't be determined", 2),
        ("c) Can't be determined\u202c", 2),
    ],
)
def test_reads(reply: str, choice: int) -> None:
    assert read(LEAD + reply, CHOICES, LEAD) == (choice, None)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("(b)", 1),
        ("b", 1),
        ("(b) The grandson", 1),
        ("The grandson", 1),
        ("the BEST answer is b)", 1),
        ("He is young, so perhaps (a). But no.\n\nThe best answer is (b", 1),
        ("The best answer is (b) and not as I said: the best answer is (c", 1),
    ],
)
def test_reads_without_our_lead(text: str, choice: int) -> None:
    assert read(text, CHOICES, LEAD) == (choice, None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("\u200f\x00", "empty"),
        (LEAD, "empty"),
        (LEAD + "\n", "empty"),
        (LEAD + "a person of this age", "no option"),
        (LEAD + "b person", "no option"),
        (LEAD + "e)", "no option"),
        (LEAD + "because", "no option"),
        (LEAD + "the grandson is the one", "no option"),
        (LEAD + "not the grandson", "no option"),
        (LEAD + "neither (a) nor (b)", "no option"),
        (LEAD + "a-list", "no option"),
        (LEAD + "a's", "no option"),
        ("I'd rather not say (a)", "no option"),
        ("A grandson", "no option"),
        (LEAD + "a) or (b)", "several options"),
        (LEAD + "a and b", "several options"),
        (LEAD + "a/b)", "several options"),
        (LEAD + "a, b, or c", "several options"),
        (LEAD + "a) The grandson", "several options"),
        ("{question} %s", "no option"),
    ],
)
def test_refuses(text: str, problem: str) -> None:
    assert read(text, CHOICES, LEAD) == (None, problem)


def test_options_that_are_letters() -> None:
    choices = ("C", "B", "A")
    assert read(LEAD + "a) C", choices, LEAD) == (0, None)
    assert read(LEAD + "a)", choices, LEAD) == (0, None)
    assert read(LEAD + "a", choices, LEAD) == (None, "several options")
    assert read(LEAD + "b", choices, LEAD) == (1, None)


def test_options_that_differ_in_capitals_or_edges() -> None:
    assert read("polish", ("Polish", "polish"), LEAD) == (1, None)
    assert read("POLISH", ("Polish", "polish"), LEAD) == (None, "several options")
    assert read("Yes?", ("Yes!", "Yes?"), LEAD) == (1, None)
    assert read("yes", ("Yes!", "Yes?"), LEAD) == (None, "several options")


def test_an_option_within_another() -> None:
    choices = ("The man", "The man with the cane", "a and b", "b")
    assert read(LEAD + "the man with the cane", choices, LEAD) == (1, None)
    assert read(LEAD + "the man with", choices, LEAD) == (None, "no option")
    assert read(LEAD + "a and b", choices, LEAD) == (2, None)


WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@given(st.lists(WORDS, min_size=2, max_size=26), st.data())
def test_every_label_is_read(choices: list[str], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(choices) - 1))
    invisible = data.draw(st.text("\u200e\u200f\u202e\ufeff\x00\x07", max_size=3))
    letter = data.draw(st.sampled_from([LETTERS[index], LETTERS[index].upper()]))
    assert read(f"{LEAD}{invisible}{letter})", choices, LEAD) == (index, None)


@given(st.lists(WORDS, min_size=2, max_size=8), st.data())
def test_every_text_is_read_or_said_to_fit_several(choices: list[str], data: st.DataObject) -> None:
    if problem_with(choices):
        return
    index = data.draw(st.integers(0, len(choices) - 1))
    choice, problem = read(choices[index], choices, LEAD)
    assert choice == index or problem in ("several options", "empty")


@given(st.text(), st.lists(WORDS, max_size=5))
def test_any_text_is_an_option_or_a_problem(text: str, choices: list[str]) -> None:
    choice, problem = read(text, choices, LEAD)
    assert (choice is None) != (problem is None)
    assert choice is None or 0 <= choice < len(choices)


@given(st.text(st.characters(categories=["Ll", "Lu", "Zs"]), min_size=1), st.sampled_from("abc"))
def test_a_letter_within_a_sentence_is_no_answer(words: str, letter: str) -> None:
    text = f"{LEAD}well {words} ({letter}) {words} indeed"
    assert read(text, CHOICES, LEAD)[0] is None


def test_choices_are_checked() -> None:
    assert problem_with(("x", "y")) is None
    assert "at least two" in (problem_with(("x",)) or "")
    assert "at least two" in (problem_with(()) or "")
    assert "twice" in (problem_with(("x", " x\u200f ")) or "")
    assert "empty" in (problem_with(("x", " \u200b")) or "")
    assert "letters" in (problem_with([str(i) for i in range(27)]) or "")
