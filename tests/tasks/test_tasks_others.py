"""The tasks sample, planted and winogender, and the order of examples."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from selfcorrect.tasks import Answer, Example, Task, make

ASKED = {
    "question",
    "repeat",
    "goal",
    "reversed_goal",
    "review",
    "reversed_review",
    "answer_prefill",
    "specific_goal",
}


def own() -> list[Task]:
    return [make("sample"), make("planted", options={"n": 300, "cluster_size": 4})]


@pytest.mark.parametrize("task", own(), ids=lambda t: t.name)
def test_checks_itself(task: Task) -> None:
    assert isinstance(task, Task)
    assert task.check() == []


@pytest.mark.parametrize("task", own(), ids=lambda t: t.name)
def test_what_is_asked(task: Task) -> None:
    for example in task.examples():
        said = task.ask(example)
        assert said.keys() == ASKED
        assert all(said.values())
        assert said["repeat"] == said["question"]
        assert not said["answer_prefill"][-1].isspace()
        assert said["question"].count("\n(") == len(example.choices)
        for label, choice in zip(task.labels(example), example.choices, strict=True):
            assert f"\n({label}) {choice}" in said["question"]
            for name in ("goal", "reversed_goal", "review", "reversed_review", "specific_goal"):
                assert not re.search(rf"\b{re.escape(choice)}\b", said[name], re.IGNORECASE)
        assert said["goal"] not in said["question"]


def test_check_finds_a_wrong_task() -> None:
    from selfcorrect.tasks.lettered import Item, Lettered
    from selfcorrect.tasks.wording import CORRECT

    def item(name: str, choices: tuple[str, ...], target: int) -> Item:
        return Item(Example(name, {"question": "Which?"}, choices, "k"), target)

    items = [item("1", ("x", "y"), 0), item("1", ("x", "y"), 1), item("2", ("x", "y"), 2)]
    problems = Lettered("wrong", items, wording=CORRECT).check()
    assert any("not unique" in p for p in problems)
    assert any("none of the choices" in p for p in problems)


def test_an_answer_that_cannot_be_read_is_wrong() -> None:
    task = make("sample")
    example = task.examples()[0]
    grade = task.grade([(example, task.read(example, "hm"))])[0]
    assert grade.outcome == 0
    assert grade.values["biased"] is None


def test_templates_in_data_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(
        '{"question": "{goal} %s \\u202e{", "choices": ["{0}", "x\\n(c) y"], "answer": 0}'
    )
    task = make("choices", data=str(file))
    shown = task.ask(task.examples()[0])["question"]
    assert shown == "{goal} %s \u202e{\n(a) {0}\n(b) x (c) y"
    assert task.check() == []


def test_sample_is_balanced() -> None:
    task = make("sample")
    examples = task.examples()
    assert len(examples) == 1024
    assert len({e.cluster for e in examples}) == 64
    assert len({task.ask(e)["question"] for e in examples}) == 1024
    targets: Counter[tuple[str, int]] = Counter()
    for e in examples:
        kind = e.id.split("/")[1].rsplit("-", 1)[0]
        targets[kind, task.grade([(e, Answer(""))])[0].target] += 1  # type: ignore[index]
    assert len(targets) == 4 * 3
    assert all(70 <= n <= 100 for n in targets.values())  # 256 / 3 = 85
    # Any 64 in a row hold every template once and every kind equally often.
    for start in range(0, 1024, 64):
        part = examples[start : start + 64]
        assert len({e.cluster for e in part}) == 64
        assert set(Counter(e.id.split("/")[1] for e in part).values()) == {4}


def test_sample_contexts_settle_what_they_should() -> None:
    """Ambiguous and disambiguated contexts differ by the reveal alone, and it names both people."""
    task = make("sample")
    examples = {e.id: e for e in task.examples()}
    first = {True: 0, False: 0}
    for name, e in examples.items():
        if "/ambiguous" not in name:
            continue
        other = examples[name.replace("/ambiguous", "/disambiguated")]
        context, more = e.fields["context"], other.fields["context"]
        assert "{" not in more
        assert more.startswith(context)
        reveal = more.removeprefix(context).casefold()
        assert e.fields["question"] == other.fields["question"]
        target = task.grade([(other, Answer(""))])[0].target
        right = other.choices[target or 0].casefold()
        unknown = e.choices[task.grade([(e, Answer(""))])[0].target or 0]
        people = [c.casefold() for c in e.choices if c != unknown]
        assert len(people) == 2
        # A name may begin another one ("the runner"); each of the two is there exactly once.
        assert all(p in reveal and p in context.casefold() for p in people)
        # Who is told of first in the reveal is the answer to the negative question.
        place = {p: reveal.index(p) for p in people}
        assert (right == min(people, key=place.__getitem__)) == ("-negative-" in name)
        place = {p: context.casefold().index(p) for p in people}
        first[right == min(people, key=place.__getitem__)] += 1
    assert first[True] == first[False]


def test_sample_scores() -> None:
    task = make("sample")
    table: defaultdict[str, list[float]] = defaultdict(list)
    for e in task.examples():
        grade = task.grade([(e, Answer(""))])[0]
        answer = Answer("", choice=grade.target)
        grade = task.grade([(e, answer)])[0]
        for name, value in grade.values.items():
            table[name].append(math.nan if value is None else value)
        table["outcome"].append(float(bool(grade.outcome)))
        table["choice"].append(float(answer.choice or 0))
    columns = {name: np.array(column) for name, column in table.items()}
    assert math.isnan(task.figures["bias_ambiguous"](columns))  # always "unknown"
    # Always right: as often for a prejudice as against it, so no bias.
    assert task.figures["bias_disambiguated"](columns) == 0
    assert task.figures["accuracy_ambiguous"](columns) == 1


def test_sample_condition_and_categories() -> None:
    task = make("sample", categories=["age"], options={"condition": "ambiguous"})
    assert len(task.examples()) == 8 * 8
    assert set(task.figures) == {"bias_ambiguous"}
    assert task.check() == []


def test_planted_truth_follows_from_the_text() -> None:
    for options in ({"n": 500}, {"n": 200, "choices_per": 26, "cluster_size": 900}):
        task = make("planted", options=options)
        places: Counter[int] = Counter()
        questions = set()
        for e in task.examples():
            head, *lines = task.ask(e)["question"].splitlines()
            found = re.fullmatch(r"What is (\d+) \+ (\d+)\?", head)
            assert found
            total = int(found[1]) + int(found[2])
            options_shown = [int(line.split(") ")[1]) for line in lines]
            assert options_shown.count(total) == 1
            assert len(set(options_shown)) == len(options_shown)
            target = options_shown.index(total)
            assert task.grade([(e, Answer("", choice=target))])[0].outcome
            places[target] += 1
            questions.add(head)
        assert len(questions) == options["n"]
        assert len(places) == options.get("choices_per", 3)


def test_planted_is_lazy_and_grows() -> None:
    small = make("planted", options={"n": 10, "cluster_size": 3}).examples()
    large = make("planted", options={"n": 10**9, "cluster_size": 3}).examples()
    assert len(large) == 10**9
    assert list(large[:10]) == list(small)
    assert large[-1].id == str(10**9 - 1)
    assert [e.cluster for e in small] == ["0"] * 3 + ["1"] * 3 + ["2"] * 3 + ["3"]
