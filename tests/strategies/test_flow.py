"""Does a strategy hold together: what the checks say, against walking every dialogue there can be.

The walk below is slow and plain: it keeps every set of outcomes that a dialogue can have, lets each
choice fall either way, and looks at what goes wrong.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from selfcorrect.errors import UserError
from selfcorrect.strategies import Step, parse
from selfcorrect.strategies.flow import check_flow

FIRST = (Step(say="{question}"), Step(elicit="answer"))
CRITIQUE = Step(elicit="critique", choices=("yes", "no"))
FEEDBACK = Step(elicit="feedback", choices=("go", "stay"))
ANSWER = Step(elicit="answer")


def refusal(
    again: Sequence[Step], first: Sequence[Step] = FIRST, max_rounds: int | None = None
) -> tuple[str, int, str, str] | None:
    """Where the check fails and what it says, or ``None``."""

    class FlowError(Exception):
        pass

    def fail(section: str, n: int, key: str, sentence: str) -> UserError:
        raise FlowError(section, n, key, sentence)

    try:
        check_flow(first, again, max_rounds, fail)
    except FlowError as failed:
        return failed.args  # type: ignore[return-value]
    return None


# -- every dialogue there can be ------------------------------------------------------------------


@dataclass(frozen=True)
class Dialogue:
    outcomes: tuple[tuple[str, str], ...] = ()
    told: frozenset[str] = frozenset()
    answered: bool = False

    def meets(self, when: Mapping[str, str]) -> bool:
        return all(dict(self.outcomes).get(name) == value for name, value in when.items())

    def with_outcome(self, name: str, value: str) -> Dialogue:
        outcomes = tuple(sorted({**dict(self.outcomes), name: value}.items()))
        return Dialogue(outcomes, self.told, self.answered or name == "answer")


def walk(first: Sequence[Step], again: Sequence[Step], rounds: int) -> set[str]:
    """What goes wrong for some dialogue in some round."""
    wrong: set[str] = set()
    dialogues = {Dialogue()}
    for number in range(1, rounds + 1):
        dialogues = {Dialogue(d.outcomes, d.told) for d in dialogues}
        for step in first if number == 1 else again:
            named = step.rounds is None or number in step.rounds
            if named and number not in step.except_rounds:
                dialogues = {after for d in dialogues for after in take(step, d, wrong)}
        if number == 1 and not all(d.answered for d in dialogues):
            wrong.add("no first answer")
        if not any(d.answered for d in dialogues):
            wrong.add("a round without an answer")
    return wrong


def take(step: Step, dialogue: Dialogue, wrong: set[str]) -> list[Dialogue]:
    if not dialogue.meets(step.when):
        return [dialogue]
    if dialogue.answered:
        wrong.add("a step after the answer")
    for name in ("answer", "critique", "feedback", "rationale"):
        if f"{{{name}}}" in (step.say or "") + step.prefill and name not in dict(dialogue.outcomes):
            wrong.add("nothing of that name yet")
    if step.elicit is None:
        told = dialogue.told | ({step.source} if step.source else set())
        return [Dialogue(dialogue.outcomes, told, dialogue.answered)]
    if step.source and step.source not in dialogue.told:
        wrong.add("asked before it was told")
    return [dialogue.with_outcome(step.elicit, text) for text in step.choices or ("free text",)]


WHEN = st.fixed_dictionaries(
    {},
    optional={
        "critique": st.sampled_from(["yes", "no"]),
        "feedback": st.sampled_from(["go", "stay"]),
    },
)
ROUNDS = [(None, ()), (None, ()), ((2,), ()), (None, (2,)), (None, (4,))]
CHOICES = {"critique": ("yes", "no"), "feedback": ("go", "stay")}


def any_step(rng: random.Random, again: bool) -> Step:
    asked = [name for name in CHOICES if rng.random() < 0.3]
    rounds, except_rounds = rng.choice(ROUNDS) if again else (None, ())
    common = {
        "when": {name: rng.choice(CHOICES[name]) for name in asked},
        "rounds": rounds,
        "except_rounds": except_rounds,
        "source": rng.choice([None, "critic"]),
    }
    kind = rng.choice(["say", "say", "answer", "critique", "feedback", "rationale"])
    template = rng.choice(["", "", "{critique}", "{feedback}", "{rationale}", "{answer}"])
    if kind == "say":
        return Step(say=template or "x", **common)
    choices = CHOICES.get(kind, ()) if rng.random() < 0.9 else ()
    return Step(elicit=kind, choices=choices, prefill=template, **common)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2**32))
def test_what_passes_goes_wrong_for_no_dialogue(seed: int) -> None:
    """A strategy is grown by every step with which the check still lets it pass."""
    rng = random.Random(seed)
    sections = {"first": list(FIRST), "again": [ANSWER]}
    for _ in range(25):
        name = rng.choice(["first", "again", "again"])
        grown = list(sections[name])
        grown.insert(rng.randint(int(name == "first"), len(grown)), any_step(rng, name == "again"))
        if refusal(**{**sections, name: grown}) is None:
            sections[name] = grown
    event(f"{sum(map(len, sections.values())) // 4 * 4} steps or more")
    assert walk(**sections, rounds=6) == set()


@settings(deadline=None, max_examples=500)
@given(st.lists(st.tuples(WHEN, st.sampled_from(ROUNDS), st.booleans()), min_size=1, max_size=4))
def test_answers_for_different_dialogues(plan: list[tuple[dict[str, str], object, bool]]) -> None:
    """Where each outcome falls freely, the check refuses no round that could work."""
    again = [CRITIQUE, FEEDBACK]
    for when, (rounds, except_rounds), answers in plan:  # type: ignore[misc]
        what = {"elicit": "answer"} if answers else {"say": "x"}
        again.append(Step(**what, when=when, rounds=rounds, except_rounds=except_rounds))
    refused = refusal(again)
    ends = []
    for number in range(2, 9):
        last = [s for s in again if s.applies(number)][-1]
        ends.append(last.elicit == "answer")
    event("refused" if refused else "passed")
    assert (refused is None) == (
        all(ends) and "a step after the answer" not in walk(FIRST, again, 8)
    )


# -- one case each, with the place and the words --------------------------------------------------

NO, YES = {"critique": "no"}, {"critique": "yes"}
TWICE = "follows an answer, which ends round 2"


def answer(when: Mapping[str, str]) -> Step:
    return Step(elicit="answer", when=when)


@pytest.mark.parametrize(
    ("again", "at", "says"),
    [
        # the same `when` twice names the same dialogues
        ([CRITIQUE, answer(NO), answer(NO)], (2, "elicit"), TWICE),
        ([CRITIQUE, answer(NO), Step(say="x", when=NO), answer(YES)], (2, "say"), TWICE),
        # another outcome's `when` excludes nobody
        ([CRITIQUE, FEEDBACK, answer(NO), answer({"feedback": "go"})], (3, "elicit"), TWICE),
        ([CRITIQUE, answer(NO), ANSWER], (2, "elicit"), TWICE),
        ([CRITIQUE, ANSWER, answer(NO)], (2, "elicit"), TWICE),
        # the second of three
        ([CRITIQUE, answer(YES), answer(NO), answer(YES)], (3, "elicit"), TWICE),
        # one of two outcomes differs: they exclude each other
        (
            [
                CRITIQUE,
                FEEDBACK,
                answer({**NO, "feedback": "go"}),
                answer({**YES, "feedback": "go"}),
            ],
            None,
            "",
        ),
        (
            [CRITIQUE, FEEDBACK, answer({**NO, "feedback": "go"}), answer(NO)],
            (3, "elicit"),
            TWICE,
        ),
        # which answer it was is only known after it
        (
            [Step(elicit="answer", choices=("a", "b"), when={"answer": "a"})],
            (0, "when"),
            "must have `choices`",
        ),
        ([CRITIQUE, Step(say="{rationale}"), ANSWER], (1, "say"), "{rationale} is not there yet"),
        (
            [CRITIQUE, Step(elicit="answer", prefill="{feedback}")],
            (1, "prefill"),
            "{feedback} is not there yet in round 2",
        ),
        # had under one critique, used under another
        (
            [
                CRITIQUE,
                Step(elicit="rationale", when=NO),
                Step(say="{rationale}", when=YES),
                ANSWER,
            ],
            (2, "say"),
            "{rationale} is not there yet",
        ),
        (
            [CRITIQUE, Step(elicit="rationale", when=NO), Step(say="{rationale}", when=NO), ANSWER],
            None,
            "",
        ),
        # the critique is another one by then
        (
            [
                CRITIQUE,
                Step(elicit="rationale", when=NO),
                CRITIQUE,
                Step(say="{rationale}", when=NO),
                ANSWER,
            ],
            (3, "say"),
            "{rationale} is not there yet",
        ),
        ([CRITIQUE, Step(say="x", when=NO)], (1, "say"), "ends with this step"),
        ([CRITIQUE], (0, "elicit"), "ends with this step"),
        ([Step(elicit="answer", rounds=(2,))], (0, ""), "no step applies in round 3"),
        ([Step(elicit="answer", except_rounds=(7,))], (0, ""), "no step applies in round 7"),
        ([Step(say="x", when=NO), ANSWER], (0, "when"), "elicits a critique by round 2"),
        ([Step(elicit="critique"), answer(NO)], (1, "when"), "must have `choices`"),
        ([CRITIQUE, answer({"critique": "maybe"})], (1, "when"), "'maybe' is not among"),
        ([CRITIQUE, answer({"critic": "no"})], (1, "when"), "did you mean 'critique'"),
        (
            [Step(elicit="critique", source="critic"), ANSWER],
            (0, "from"),
            "before anything was said",
        ),
        # said to it in some dialogues, asked in all
        (
            [
                CRITIQUE,
                Step(say="x", source="critic", when=NO),
                Step(elicit="feedback", source="critic"),
                ANSWER,
            ],
            (2, "from"),
            "before anything was said",
        ),
        (
            [
                CRITIQUE,
                Step(say="x", source="critic", when=NO),
                Step(elicit="feedback", source="critic", when=NO),
                ANSWER,
            ],
            None,
            "",
        ),
    ],
)
def test_one_case_each(again: list[Step], at: tuple[int, str] | None, says: str) -> None:
    refused = refusal(again)
    if at is None:
        assert refused is None
        return
    assert refused is not None
    section, n, key, sentence = refused
    assert (section, n, key) == ("again", *at)
    assert says in sentence


def test_an_answers_own_outcome_excludes_nobody() -> None:
    """Which of its choices an answer is, isn't known when it is asked for."""
    closed = ("a", "b")
    first = (FIRST[0], Step(elicit="answer", choices=closed))
    again = [
        Step(elicit="answer", choices=closed, when={"answer": "a"}),
        Step(elicit="answer", choices=closed, when={"answer": "b"}),
    ]
    assert "a step after the answer" in walk(first, again, 2)
    refused = refusal(again, first)
    assert refused is not None
    assert TWICE in refused[3]


def test_a_round_that_is_never_reached_is_not_walked() -> None:
    again = [Step(elicit="answer", except_rounds=(4,))]
    assert refusal(again, max_rounds=3) is None
    refused = refusal(again, max_rounds=4)
    assert refused is not None
    assert "no step applies in round 4" in refused[3]
    refused = refusal([Step(elicit="answer", rounds=(2, 3))])
    assert refused is not None
    assert "no step applies in round 4" in refused[3]


def test_what_one_round_elicits_in_some_dialogues_the_next_can_name() -> None:
    """A `when` may go back to an earlier round; a template may not, where only some have it."""
    some = [CRITIQUE, Step(elicit="feedback", choices=("go", "stay"), when=NO)]
    later = Step(say="x", when={"feedback": "go"})
    assert refusal([*some, later, ANSWER]) is None
    refused = refusal([Step(say="{critique}", except_rounds=(2,)), *some, ANSWER])
    assert refused is None
    refused = refusal([Step(say="{feedback}", except_rounds=(2,)), *some, ANSWER])
    assert refused is not None
    assert "{feedback} is not there yet in round 3" in refused[3]


@pytest.mark.parametrize(
    ("again", "line", "says"),
    [
        ("[[again]]\ngiven = true\n", None, ""),
        ("[[again]]\ngiven = true\n[[again]]\nsay = 'x'\n", 5, "is all of round 2"),
        (
            "[[again]]\nsay = '{answer}'\n[[again]]\nelicit = 'answer'\n",
            None,
            "",
        ),
        (
            "[[again]]\nsay = '{critique}'\n[[again]]\nelicit = 'answer'\n",
            5,
            "{critique} is not there yet",
        ),
        (
            "[[again]]\nwhen = { answer = 'a' }\nsay = 'x'\n[[again]]\nelicit = 'answer'\n",
            5,
            "must have `choices`",
        ),
    ],
)
def test_after_a_round_that_is_given(again: str, line: int | None, says: str) -> None:
    text = 'about = "x"\n[[first]]\ngiven = true\n' + again
    if line is None:
        parse(text, "x.toml")
        return
    with pytest.raises(UserError) as error:
        parse(text, "x.toml")
    assert str(error.value).startswith(f"x.toml:{line}: ")
    assert says in str(error.value)
