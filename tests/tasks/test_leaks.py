"""Leaks in feedback: what counts as telling the answer, and what doesn't."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcorrect import tasks
from selfcorrect.tasks.base import Answer, Example
from selfcorrect.tasks.leaks import copies, leaks, names_answer, told
from selfcorrect.tasks.naming import named, names_option

CHOICES = ("The cook with two hands", "Can't be determined", "The cook")
LABELS = ("a", "b", "c")

#: feedback, and which options it names
SAID = [
    ("Look for what the text says of the stew before you answer.", ""),
    ("The best answer is (b).", "b"),
    ("I'd say option B, as nothing settles it.", "b"),
    ("Choose b!", "b"),
    ("b", "b"),
    ("B. Because nothing is said.", "b"),
    ("The answer is **b**", "b"),
    ("The answer is “b”.", "b"),
    ("the letter b\nis what you want", "b"),
    ("Say that it can’t be   determined.", "b"),
    ("CAN'T BE DETERMINED", "b"),
    ("It *can't be* determined from this", "b"),
    ("Not (a), and (c) is as bad.", "ac"),
    ("Your answer is a guess: choose a better one, and answer a question with reasons.", ""),
    ("What is a better choice? Be a little careful with a cook.", ""),
    ("(a) Read it again.\n(b) Name your evidence.\n(c) Keep it short.", ""),
    ("a) Read it again.\nb) It can't be determined.", "b"),
    ("The cook with two hands is who you chose", "a"),
    ("Neither the cook with two hands nor the cook is named", "ac"),
    ("The cooks, the cookery and undetermined things", ""),
    ("ＴＨＥ　ＣＯＯＫ", "c"),
    ("ⓑ)", "b"),
    ("", ""),
    # in plain English
    ("Try b instead.", "b"),
    ("Try a instead.", "a"),
    ("Go with B", "b"),
    ("You should have gone with C, as the text says.", "c"),
    ("I would switch to b here", "b"),
    ("Change your answer to b.", "b"),
    ("I'd stick with “b” because nothing settles it.", "b"),
    ("B is the right answer.", "b"),
    ("Clearly a is better", "a"),
    ("It's b.", "b"),
    ("Why not b instead?", "b"),
    ("The answer is b because nothing is said", "b"),
    ("Choose a because it is said", "a"),
    ("Answer: c", "c"),
    ("The second option is right.", "b"),
    ("Look at the last option again", "c"),
    ("the middle option", "b"),
    ("The first one is correct, I think.", "a"),
    ("Option 2 says so", "b"),
    ("Take option two.", "b"),
    # without its article, or with another
    ("It must be cook.", "c"),
    ("The answer is a cook", "c"),
    ("Choose cook with two hands", "a"),
    # enumerations in one line
    ("a) read it again b) check your evidence", ""),
    ("First: (a) read it, (b) check it, and (c) keep it short.", ""),
    ("a) read it b) check it; then go with b", "b"),
    ("Both (a) and (b) are wrong", "ab"),
    ("Either (a) is meant or (b) is", "ab"),
    # none of them
    ("Plan b) is good", ""),
    ("See step (b) and point c) of your reply", ""),
    ("Vitamin C is a guess; plan B is better", ""),
    ("Try a different way, go with a careful reading, and pick a reason.", ""),
    ("An option a reader would choose is the one that is said.", ""),
    ("Is that an option one can rule out?", ""),
    ("Your first answer was a guess; check your last answer.", ""),
    ("Your second choice of words is better.", ""),
    ("The second sentence is right; read the first one.", ""),
    ("Be a cook for a day? No: go with what the text says.", ""),
    ("It is B-rated, e.g. by a c/o address, and it's c.f. or A.B.", ""),
    ("What is said of the last one is not enough", ""),
    ("You may say a lot, take a while, and be a bit careful.", ""),
]

#: What names the right option, (b), and isn't found: what is found is a lower bound.
UNFOUND = [
    "It's neither of the two cooks.",
    "Two of the three go too far; the other one doesn't.",
    "Nobody could determine that.",
    "(В)",  # in Cyrillic
    "beta",
]


@pytest.mark.parametrize("said", UNFOUND)
def test_some_ways_of_naming_an_option_are_not_known(said: str) -> None:
    assert named(said, CHOICES, LABELS) == []


@pytest.mark.parametrize(("said", "options"), SAID)
def test_an_option_is_named_by_its_letter_or_its_text(said: str, options: str) -> None:
    found = "".join(x for k, x in enumerate(LABELS) if names_option(said, k, CHOICES, LABELS))
    assert found == options
    assert named(said, CHOICES, LABELS) == [LABELS.index(x) for x in options]


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(range(3)))
def test_whatever_stands_around_it_an_option_is_found(before: str, after: str, k: int) -> None:
    assert names_option(f"{before} ({LABELS[k]}) {after}", k, CHOICES, LABELS)
    assert names_option(f"{before}\n {CHOICES[k]}; {after}", k, CHOICES, LABELS) or (
        k == 2 and "with two hands" in after.casefold()
    )


def test_lettered_tasks_know_their_target() -> None:
    task = tasks.make("sample")
    told = 0
    for example in task.examples()[:64]:
        reference = task.reference(example)
        assert reference is not None
        right = task.read(example, reference).choice
        target = task.grade([(example, Answer(""))])[0].target
        assert right == target
        for k, (label, choice) in enumerate(zip("abc", example.choices, strict=True)):
            for said in (f"It is ({label}).", choice):
                # a choice that is part of another's text is in it, too
                found = leaks(task, example, said, Answer(""), target)
                told += bool(found)
                assert found == (k == target)
    assert told == 64 * 2


def test_where_nobody_knows_the_right_option_nobody_knows_of_leaks() -> None:
    from selfcorrect.tasks.lettered.kind import Item, Lettered
    from selfcorrect.tasks.wording import CORRECT

    example = Example("x", {"question": "?"}, ("yes", "no"), "x")
    task = Lettered("mine", [Item(example, None)], wording=CORRECT)
    assert leaks(task, example, "(a)", Answer("(a)"), None) is None
    assert names_answer(task, example, "(a)", Answer("(a)")) is True
    assert names_answer(task, example, "Think again.", Answer("(a)")) is False


def test_an_answer_is_named_whether_it_is_right_or_not() -> None:
    task = tasks.make("sample")
    for example in task.examples()[:16]:
        target = task.grade([(example, Answer(""))])[0].target
        found = [told(task, example, [f"({x})"], Answer(""), target) for x in "abc"]
        assert [each.leak for each in found] == [k == target for k in range(3)]
        assert [each.names_answer for each in found] == [True] * 3
        assert [each.named for each in found] == [[0], [1], [2]]
        both = told(task, example, ["Choose (c)!", "Think again.", "(a)"], Answer(""), target)
        assert both.named == [0, 2]
        # an answer that nobody can read is one that feedback may repeat
        unread = Answer("", before="It may well be any of them")
        repeated = ["You say that it may well be any of them. Why?"]
        assert told(task, example, repeated, unread, target).names_answer is True
        assert told(task, example, repeated, Answer(""), target).names_answer is False
        assert told(task, example, [], Answer(""), target).named is None


def test_a_number_is_told_unless_the_question_has_it() -> None:
    task = tasks.make("reasoning")
    example = next(e for e in task.examples() if task.read(e, task.reference(e) or "").key)
    key = task.read(example, task.reference(example) or "").key
    assert key is not None
    for said, found in (
        (f"It comes to {key}.", True),
        (f"It comes to ${key}.00 in all", True),
        (f"It comes to {key}7.", False),
        ("Add the two parts once more.", False),
        (example.fields["question"], False),
    ):
        assert leaks(task, example, said, Answer("7"), None) is found, said
        # another number is an answer, too
        assert names_answer(task, example, said, Answer("7")) is (found or f"{key}7" in said), said
    steps = "1. Read it again.\n2. Add the parts."
    assert names_answer(task, example, steps, Answer("7")) is False
    for line in ("1) read it 2) add the parts", "Do this: 1. Read it. 2. Add the parts."):
        assert names_answer(task, example, line, Answer("7")) is False
        assert names_answer(task, example, f"{line} It is {key}7.", Answer("7")) is True
    assert names_answer(task, example, f"{steps}\n3. Write {key}7.", Answer("7")) is True


QUESTION = "Continue this text. It begins:\n\nThe bins stood in front of her door again"


def test_a_copied_text_is_told() -> None:
    text = "so she went down to the neighbour and calmly asked him why."
    assert copies("Better write: So she went down to the NEIGHBOUR, and calmly asked.", text, "")
    assert not copies("She went down to the neighbour, which is fine; and she asked.", text, "")
    # what the question or the earlier answer has is no copy of the new one
    assert not copies(QUESTION, f"{QUESTION} and again", QUESTION)
    assert not copies(f"You wrote: {text}", text, f"{QUESTION}\n{text}")
    # of a short text all of it
    assert copies("Say: go away now.", "Go away now!", "")
    assert not copies("Say: go away.", "Go away now!", "")
    assert not copies("no way", "No way", "")


def test_a_text_task_takes_the_answer_that_followed() -> None:
    task = tasks.make("toxicity")
    example = task.examples()[0]
    after = Answer("she rang the bell, smiled and handed him a bag of his own rubbish")
    said = "Write: She rang the bell, smiled and handed him a bag!"
    assert leaks(task, example, said, after, None) is True
    assert leaks(task, example, "Be kinder to the neighbour.", after, None) is False
    before = Answer(after.text, before=after.text)
    assert leaks(task, example, said, before, None) is False
    for answer in (after, before):
        found = leaks(task, example, said, answer, None)
        assert names_answer(task, example, said, answer) is found
