"""A corpus of replies in the words of models, and forms × letters × decorations made at random."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect.tasks.lettered.letters import LETTERS, find
from timing import within

LEAD = "The best answer is ("
CORPUS = tomllib.loads(Path(__file__).with_name("replies.toml").read_text("utf-8"))["question"]
REPLIES = [
    (tuple(each["options"]), reading, reply)
    for each in CORPUS
    for reading, replies in each.items()
    if reading != "options"
    for reply in replies
]


def read(text: str, options: tuple[str, ...], lead: str = LEAD) -> str:
    found = find(text, options, (lead,))
    assert (found.choice is None) == (found.problem is not None)
    if found.choice is not None:
        return LETTERS[found.choice]
    return {"": "none", "last": "keeps", "first": "first"}[found.keeps]


def test_the_corpus_is_large_enough() -> None:
    assert len(REPLIES) >= 300
    assert sum(reading == "none" for _, reading, _ in REPLIES) >= 100
    assert len({(options, reply) for options, _, reply in REPLIES}) == len(REPLIES)


@pytest.mark.parametrize("reading", sorted({reading for _, reading, _ in REPLIES}))
def test_replies_are_read_as_people_read_them(reading: str) -> None:
    wrong = [
        (reply, found)
        for options, wanted, reply in REPLIES
        if wanted == reading and (found := read(reply, options)) != wanted
    ]
    assert wrong == []


# -- forms × letters × decorations ----------------------------------------------------------------

OPTIONS = ("The miller", "The baker", "A shepherd", "Nobody", "It can't be told")
FORMS = (
    "{}", "{text}", "Answer: {}", "The answer is {}.", "The correct answer is {}",
    "The answer is {} because the others don't fit.", "The best option is {}, as the text says.",
    "My final answer is {}.", "Option {} is correct.", "I choose {}.", "I'd go with option {}.",
    "So the answer is {}.", "Final answer: {}", "#### {}", "\\boxed{{{}}}", "$\\boxed{{{}}}$",
    "The answer is {text}.", "Answer: {text}", "{} {text}", "The correct choice is {} {text}",
    "<answer>{}</answer>", '{{"answer": "{letter}"}}', "Die richtige Antwort ist {}.",
    "La réponse est {}.", "La respuesta es {}.", "After a second look I change my answer to {}.",
)  # fmt: skip
LETTER = (
    "{}", "({})", "[{}]", "**{}**", "**({})**", "`{}`", "“{}”", "${}$", "\\text{{{}}}", "_{}_",
    "\\({}\\)", "({}", "{})",
)  # fmt: skip
BEFORE = (
    "", "  ", "\n", "<think>Perhaps ({other}). The answer is ({other}).</think>\n",
    "The text is about work.\n\n", "Let me think. Who could it be?\n\n",
    "I first took it for ({other}), but that was wrong.\n\n",
    "You said that the answer is ({other}).\n\n", "If it rained, the answer is ({other}).\n\n",
    "(a) The miller\n(b) The baker\n(c) A shepherd\n(d) Nobody\n(e) It can't be told\n\n",
    "The answer is ({other}). Wait, no.\n\n", "({other}) is wrong.\n\n",
    "The answer is not ({other}).\n\n", "> \n", "A person is asked for.\n\n",
)  # fmt: skip
AFTER = ("", "\n", "  ", "<|im_end|>", "</s>", "\n\nThe text says so.", "\n\nThank you.")


@st.composite
def replies(draw: st.DrawFn) -> tuple[str, int]:
    index, other = draw(st.permutations(range(len(OPTIONS))).map(lambda p: (p[0], p[1])))
    letter = LETTERS[index].upper() if draw(st.booleans()) else LETTERS[index]
    form, before = draw(st.sampled_from(FORMS)), draw(st.sampled_from(BEFORE))
    after = draw(st.sampled_from(AFTER))
    # alone it is told from a word by a line, and by a bracket where its text follows
    lone = form in ("{}", "{text}", "{} {text}", "#### {}")
    decorated = draw(st.sampled_from(LETTER)).format(letter)
    if form == "{} {text}":
        decorated = f"({letter})"
    said = form.format(decorated, letter=letter, text=OPTIONS[index])
    before = before.format(other=LETTERS[other])
    return before + said + ("" if lone and before.strip() and after.strip() else after), index


@settings(max_examples=600, deadline=None)
@given(replies())
def test_every_form_is_read_whatever_is_around_it(reply: tuple[str, int]) -> None:
    text, index = reply
    assert read(text, OPTIONS) == LETTERS[index], text


NO = (
    "The answer is not {}.", "It isn't {}.", "I don't think the answer is {}.", "{} is wrong.",
    "Neither {} nor {other} is right.", "The answer is {} or {other}.", "Is the answer {}?",
    "If he lied, the answer is {}.", "Some say the answer is {}.", "My previous answer was {}.",
    "The answer is {}. Wait, that is wrong.", "Maybe the answer is {}.", "The wrong answer is {}.",
    "You said that the answer is {}.", "The answer is {} {else}", "Your answer is {}.",
    "The answer would be {} if it rained.", "Die Antwort ist nicht {}.", "La réponse n'est pas {}.",
    "La respuesta no es {}.", "The answer is {}, but that is not right.",
    "Compare {} with {other}.",
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(NO),
    st.permutations(range(len(OPTIONS))),
    st.sampled_from(("({})", "**({})**", "[{}]", "({}")),
    st.sampled_from(("", "The text is about work.\n\n", "Let me think.\n")),
    st.booleans(),
)
def test_what_gives_no_answer_is_read_as_none(
    form: str, order: list[int], way: str, before: str, upper: bool
) -> None:
    one, two = (way.format(LETTERS[k].upper() if upper else LETTERS[k]) for k in order[:2])
    text = before + form.format(one, other=two, **{"else": OPTIONS[order[1]]})
    assert read(text, OPTIONS) == "none", text


@settings(max_examples=300, deadline=None)
@given(st.text("abcABC ().,:\n*'\"-orisntheWx$\\{}", max_size=60))
def test_any_text_has_an_answer_or_a_problem_and_a_letter_where_it_is_said_to_be(text: str) -> None:
    found = find(text, OPTIONS, (LEAD,))
    assert (found.choice is None) == (found.problem is not None)
    if found.at is not None and found.choice is not None:
        assert text[found.at].casefold() == LETTERS[found.choice]


@pytest.mark.parametrize(
    "part",
    ["The answer is (a). ", "(", "a ", "\\boxed{", "**", "not (a) ", "\n", "a, ", "answer ",
     "<think>", "(a) The miller\n", "\\text{", "I keep my answer ", "⟦", '"', "is correct ",
     "a" * 50, " is "],
)  # fmt: skip
def test_no_reply_takes_long(part: str) -> None:
    text = part * (60_000 // len(part))
    with within(2):
        find(text, OPTIONS, (LEAD,))
        find(f"{LEAD}{text}", OPTIONS, (LEAD,))
