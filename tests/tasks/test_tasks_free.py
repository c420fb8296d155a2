"""Tasks of free text: read, graded, checked, and asked by the strategies of lettered ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from selfcorrect import strategies
from selfcorrect.converse import Arm, converse
from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome
from selfcorrect.records import frame
from selfcorrect.tasks.base import OFFERED, Answer, Example, Grade, Task
from selfcorrect.tasks.free import Free, Item, last_number, whole_text
from selfcorrect.tasks.wording import CORRECT, Wording

WORDS = ["red", "green", "blue", "red green", "blue red green"]
COVERAGE = Outcome("coverage", text="Share of the wanted words that are there.")


def covered(item: Item, answer: Answer) -> Grade:
    wanted = str(item.facts["wanted"]).split()
    there = set((answer.key or "").split())
    return Grade(sum(word in there for word in wanted) / len(wanted))


def items(references: Sequence[str] = WORDS) -> list[Item]:
    return [
        Item(
            Example(str(n), {"question": f"Which colours has flag {n}?"}, (), f"c{n}"),
            reference,
            {"wanted": reference},
        )
        for n, reference in enumerate(references)
    ]


def flags(**changes: Any) -> Free:
    settings: dict[str, Any] = {"wording": CORRECT, "outcome": COVERAGE, "judge": covered}
    return Free("flags", changes.pop("items", items()), **{**settings, **changes})


def test_it_is_a_task_that_offers_what_every_task_does() -> None:
    task: Task = flags()
    assert isinstance(task, Task)
    example = task.examples()[0]
    asked = task.ask(example)
    assert set(OFFERED) <= set(asked)
    assert asked["question"] == asked["repeat"] == "Which colours has flag 0?"
    assert asked["answer_prefill"] == ""
    assert list(task.labels(example)) == []
    assert task.check() == []
    assert task.max_tokens["answer"] > 8
    for reversed_one, plain in (("reversed_goal", "goal"), ("reversed_review", "review")):
        assert asked[reversed_one] != asked[plain]
    with_context = items()[0].example
    with_context = replace(with_context, fields={**with_context.fields, "context": "Look."})
    task = flags(items=[Item(with_context, "red", {"wanted": "red"})])
    assert task.ask(with_context)["question"] == "Look.\n\nWhich colours has flag 0?"


# -- keys -----------------------------------------------------------------------------------------

EXAMPLE = items()[0].example


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Red and green.", "red and  green"),
        ("  (red)\n", "RED"),
        ("caf\u00e9", "cafe\u0301"),
        ("r\u200bed", "red"),
        ("?!", " ?! "),
    ],
)
def test_the_same_text_has_the_same_key(one: str, other: str) -> None:
    key = whole_text(EXAMPLE, one).key
    assert key is not None
    assert whole_text(EXAMPLE, other).key == key
    assert whole_text(EXAMPLE, one).text == one


def test_other_texts_have_other_keys() -> None:
    keys = [whole_text(EXAMPLE, text).key for text in ("red", "green", "red green", "!", "?")]
    assert len(set(keys)) == len(keys)
    for empty in ("", " \n", "\u200b"):
        assert whole_text(EXAMPLE, empty) == Answer(empty, problem="empty")


@settings(max_examples=300)
@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12),
    st.sampled_from(["{}", "It is {}.", "First 3, then {}", "**{}**", "{}%", "\uff1d{}"]),
    st.booleans(),
    st.integers(0, 3),
)
def test_a_number_has_one_key_however_it_is_written(
    number: Decimal, around: str, commas: bool, zeros: int
) -> None:
    if abs(number) < Decimal("1e-12"):
        number = Decimal(0)
    # a number of more digits than 60 is none
    number = number.quantize(Decimal("1e-40"), context=Context(prec=80))
    shown = format(number, ",f" if commas else "f")
    shown += ("" if "." in shown else ".") + "0" * zeros if zeros else ""
    answer = last_number(EXAMPLE, around.format(shown))
    assert answer.key is not None
    assert Decimal(answer.key) == number
    assert last_number(EXAMPLE, answer.key).key == answer.key


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("1,200", "1200", None),
        ("1200.0", "1200", None),
        ("\u22124.50", "-4.5", None),
        ("1e3", "1000", None),
        ("-0", "0", None),
        ("2 of 3", "3", None),
        ("seven", None, "no number"),
        ("x2", None, "no number"),
        ("", None, "empty"),
        ("1e999", None, "no number"),
        ("9" * 400, None, "no number"),
    ],
)
def test_numbers(text: str, key: str | None, problem: str | None) -> None:
    answer = last_number(EXAMPLE, text)
    assert (answer.text, answer.key, answer.problem) == (text, key, problem)


# -- grades ---------------------------------------------------------------------------------------


def test_an_answer_is_as_good_as_the_judge_says() -> None:
    task = flags()
    example = task.examples()[3]
    answers = [task.read(example, text) for text in ("green", "Red GREEN", "blue", "")]
    grades = task.grade([(example, answer) for answer in answers])
    assert [grade.outcome for grade in grades] == [0.5, 1.0, 0.0, None]
    assert task.reference(example) == "red green"


@pytest.mark.parametrize(
    ("kind", "better", "expected"),
    [
        ("mean", "higher", None),
        ("mean", "lower", None),
        ("share", "higher", 0.0),
        ("share", "lower", 1.0),
    ],
)
def test_an_unread_answer_has_no_outcome_but_of_a_share(
    kind: Any, better: Any, expected: Any
) -> None:
    outcome = Outcome("coverage", kind, better)
    task = flags(outcome=outcome, judge=lambda _item, _answer: Grade(1.0))
    example = task.examples()[0]
    (grade,) = task.grade([(example, task.read(example, ""))])
    assert grade.outcome == expected


def test_the_fingerprint_changes_with_whatever_decides_a_grade() -> None:
    def stricter(item: Item, answer: Answer) -> Grade:
        return Grade(float(answer.key == item.reference))

    plain = flags().fingerprint
    assert flags().fingerprint == plain
    other = [
        flags(items=items([*WORDS[:-1], "blue red"])),
        flags(items=items(WORDS[:-1])),
        flags(outcome=replace(COVERAGE, better="lower")),
        flags(outcome=replace(COVERAGE, margin=0.1)),
        flags(judge=stricter),
        flags(read=last_number),
        flags(max_tokens={"answer": 9}),
        flags(wording=replace(CORRECT, goal="Please.")),
    ]
    assert len({plain, *(task.fingerprint for task in other)}) == len(other) + 1


ANY = {"wanted": "x"}


# -- check ----------------------------------------------------------------------------------------


def never(_example: Example, text: str) -> Answer:
    return Answer(text, problem="no")


def forgetful() -> Callable[[Example, str], Answer]:
    calls = iter(range(10**6))
    return lambda _example, text: Answer(text, str(next(calls)))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"judge": lambda _item, _answer: Grade(2.0)}, "the coverage of 'red' 2.0 is not within"),
        ({"judge": lambda _item, _answer: Grade(float("nan"))}, "nan is not within"),
        ({"judge": lambda _item, _answer: Grade(None)}, "the reference 'red' has no coverage"),
        (
            {"judge": lambda _item, answer: Grade(float(answer.key != "red"))},
            "has a better coverage (1) than the reference (0)",
        ),
        ({"judge": lambda _item, _answer: Grade(0.0)}, "has the worst coverage there is (0)"),
        (
            {"outcome": replace(COVERAGE, better="lower")},
            "'Which colours has flag 0?' has a better coverage (0) than the reference (1)",
        ),
        (
            {"judge": lambda _item, _answer: Grade(0.5)},
            "the judge doesn't tell them apart",
        ),
        (
            {
                "outcome": Outcome("solved", "share"),
                "judge": lambda _item, _answer: Grade(1.0),
            },
            "the judge doesn't tell them apart",
        ),
        ({"read": never}, "the reference 'red' can't be read"),
        ({"read": forgetful()}, "another key each time"),
        ({"read": lambda _e, text: Answer(text, 3)}, "the key of 'red' is 3, and must be text"),
        ({"read": lambda _e, text: Answer(text)}, "must have either a key or a problem"),
        ({"read": lambda _e, text: Answer(text, "x", problem="y")}, "either a key or a problem"),
        (
            {"judge": lambda i, a: replace(covered(i, a), values={"extra": 1.0})},
            "values without a description: ['extra']",
        ),
        ({"items": items() + items()[:1]}, "0: the id is not unique"),
        ({"items": [Item(Example("a", {"question": " "}, (), "c"))]}, "a: it has no question"),
        (
            {"items": [Item(Example("a", {"question": "?"}, (), ""), None, ANY)]},
            "it has no cluster",
        ),
        (
            {"items": [Item(Example("a", {"question": "?"}, ("b",), "c"), None, ANY)]},
            "it has choices",
        ),
        (
            {"items": [Item(EXAMPLE, None, {"wanted": "x", "odd": object()})]},  # type: ignore[dict-item]
            "its facts must be numbers and texts",
        ),
    ],
)
def test_check_says_what_is_wrong(changes: dict[str, Any], says: str) -> None:
    problems = flags(**changes).check()
    assert any(says in problem for problem in problems), problems


def test_a_judge_gives_one_grade() -> None:
    task = flags(judge=lambda _item, _answer: 1.0)  # type: ignore[arg-type, return-value]
    with pytest.raises(UserError, match=r"its judge must give one Grade, .* not 1\.0"):
        task.check()


def test_another_items_reference_must_not_be_better() -> None:
    task = flags(judge=lambda _item, answer: Grade(len(answer.key or "") / 100))
    assert any("'blue red green' has a better" in p for p in task.check()) is False
    task = flags(
        items=items(WORDS[::-1]), judge=lambda _item, answer: Grade(len(answer.key or "") / 100)
    )
    assert any("'blue red green' has a better" in problem for problem in task.check())


def test_items_without_a_reference_are_checked_for_the_rest() -> None:
    bare = [replace(item, reference=None) for item in items()]
    assert flags(items=bare).check() == []
    assert flags(items=bare).reference(bare[0].example) is None
    assert flags(items=bare, judge=lambda _item, _answer: Grade(-1.0)).check()


def test_without_items_there_is_no_task() -> None:
    with pytest.raises(UserError, match="task 'flags' has no examples: its data hold no lines"):
        flags(items=[])


# -- the strategies of lettered tasks -------------------------------------------------------------


@pytest.mark.parametrize("name", ["baseline", "intrinsic", "repeat", "negation", "injection"])
def test_strategies_work_as_they_are(name: str) -> None:
    strategy = strategies.load(name)
    task = flags(max_tokens={"answer": 6})
    rounds = min(3, strategy.max_rounds or 3)
    model = tiny.model("llama")
    rows = converse(model, task, task.examples()[:3], [Arm("a", strategy, rounds)], seed=0)["a"]
    assert len(rows) == 3 * rounds
    table = frame(rows)
    for row in rows:
        answer = row["steps"][-1]
        assert (answer["prefill"], answer["generated"] <= 6) == ("", True)
        assert row["text"] == answer["text"]
        assert row["option_p"] == row["option_logp"] == row["choices"] == []
        assert (row["choice"], row["target"], row["confidence"]) == (None, None, None)
        assert row["outcome"] is not None
        assert 0 <= row["outcome"] <= 1
        assert row["cut"] == (answer["finish"] == "length")
    assert table["outcome"].null_count() == 0


def test_what_a_strategy_lacks_is_one_sentence() -> None:
    plain = Wording("Be good.", "Be bad.", "Look again.", "Look again, badly.")
    task = flags(wording=plain)
    arm = Arm("a", strategies.load("anchor"), 2)
    with pytest.raises(UserError, match=r"uses \{specific_goal\}, which neither the task offers"):
        converse(tiny.model("llama"), task, task.examples()[:1], [arm], seed=0)


def test_tokens_for_what_is_never_elicited_are_refused() -> None:
    task, arm = flags(max_tokens={"anwser": 6}), Arm("a", strategies.load("repeat"), 2)
    with pytest.raises(UserError, match="never elicited: did you mean 'answer'"):
        converse(tiny.model("llama"), task, task.examples()[:1], [arm], seed=0)


def test_a_majority_is_of_equal_keys() -> None:
    from selfcorrect.converse.elicit import elected

    texts = ["blue", "", "Red.", "no", "red", "", ""]
    assert elected([whole_text(EXAMPLE, text) for text in texts]) == 2
