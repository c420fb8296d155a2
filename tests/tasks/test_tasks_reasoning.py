"""The task reasoning: its own problems are computed again, GSM8K is read as published."""

from __future__ import annotations

import ast
import json
import operator
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.tasks import make
from selfcorrect.tasks.base import OFFERED

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
GSM8K = SHARED / "gsm8k-test-500.jsonl"
STORIES = tomllib.loads(
    (ROOT / "src" / "selfcorrect" / "tasks" / "reasoning_stories.toml").read_text("utf-8")
)["story"]

_OPERATORS: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def computed(node: ast.expr) -> Fraction:
    """The value of the four operations on numbers; anything else is refused."""
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](computed(node.left), computed(node.right))
    assert isinstance(node, ast.Constant)
    assert type(node.value) in (int, float)
    return Fraction(str(node.value))


def operations(node: ast.AST) -> int:
    return sum(isinstance(each, ast.BinOp) for each in ast.walk(node))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["id"])
def test_each_answer_is_what_its_steps_give(story: dict[str, Any]) -> None:
    assert len(story["numbers"]) == len(story["answers"]) == 2
    for numbers, answer in zip(story["numbers"], story["answers"], strict=True):
        names = dict(zip("abcde", numbers, strict=False))
        text = story["text"].format(**names)
        tree = ast.parse(story["steps"].format(**names), mode="eval").body
        assert computed(tree) == Fraction(str(answer))
        assert 1 <= operations(tree) <= 4
        assert not re.search(r"[{}]|\b1 [a-z]+s\b", text)
        for name in names:  # every number is told, and used
            assert f"{{{name}}}" in story["text"]
            assert f"{{{name}}}" in story["steps"]


def test_the_bundled_problems() -> None:
    task = make("reasoning")
    examples = task.examples()
    assert task.check() == []
    assert len(examples) == 128
    assert len({example.fields["question"] for example in examples}) == 128
    assert set(Counter(example.cluster for example in examples).values()) == {2}
    assert len({example.cluster for example in examples}) == 64
    assert task.max_tokens["answer"] == 320
    assert (task.outcome.name, task.outcome.kind, task.outcome.margin) == (
        "accuracy",
        "share",
        0.03,
    )
    pairs = [(each, task.read(each, task.reference(each) or "")) for each in examples]
    grades = task.grade(pairs)
    assert Counter(grade.values["steps"] for grade in grades) == {1: 32, 2: 32, 3: 32, 4: 32}
    assert all(grade.outcome == 1 for grade in grades)
    # an answer of another problem, and one that is nearly right
    off = [(e, task.read(e, f"#### {Fraction(a.key or 0) + Fraction(1, 10**9)}")) for e, a in pairs]
    assert sum(grade.outcome or 0 for grade in task.grade(off)) == 0


def test_what_is_said() -> None:
    task = make("reasoning")
    said = task.ask(task.examples()[0])
    assert set(OFFERED) | {"specific_goal"} == set(said)
    assert said["question"].endswith("in a sentence: The answer is …")
    for plain, other in (("goal", "reversed_goal"), ("review", "reversed_review")):
        assert said[plain].replace("correct", "incorrect") == said[other]
    assert not re.search(r"wrong|error|mistake|slip", said["review"])


def test_values_and_figures() -> None:
    task = make("reasoning")
    first = task.examples()[0]  # 12 * 8
    texts = ["The answer is 96.", "12 * 8 makes 96", "#### 97", "none", ""]
    answers = [task.read(first, text) for text in texts]
    grades = task.grade([(first, answer) for answer in answers])
    assert [answer.key for answer in answers] == ["96", "96", "97", None, None]
    assert [answer.problem for answer in answers] == [None, None, None, "no number", "empty"]
    assert [grade.outcome for grade in grades] == [1, 1, 0, 0, 0]
    assert [grade.values.get("stated") for grade in grades] == [1, 0, 1, None, None]
    columns = {"steps": np.array([1.0, 1, 2, np.nan]), "outcome": np.array([1.0, 0, 1, 1])}
    assert task.figures["accuracy/1 step"](columns) == 0.5
    assert task.figures["accuracy/2 steps"](columns) == 1
    assert set(task.figures) == {"accuracy/1 step", *(f"accuracy/{n} steps" for n in (2, 3, 4))}


def test_own_data(tmp_path: Path) -> None:
    lines = [
        {"question": "How many?", "answer": 7},
        {"question": "How much?", "answer": 0.1, "id": "much", "cluster": "k"},
        {"question": "Which part?", "answer": "$1,000.50"},
        {"question": "Which share?", "answer": "Half of two thirds.\n#### 1/3", "cluster": 4},
    ]
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    task = make("reasoning", data=str(file))
    assert task.check() == []
    examples = task.examples()
    assert [each.id for each in examples] == ["own.jsonl:1", "much", "own.jsonl:3", "own.jsonl:4"]
    assert [each.cluster for each in examples] == ["own.jsonl:1", "k", "own.jsonl:3", "4"]
    keys = [task.read(each, task.reference(each) or "").key for each in examples]
    assert keys == ["7", "0.1", "1000.5", "1/3"]
    table = tmp_path / "own.csv"
    table.write_text('question,answer,id\n"How, many?",7,x\nHow much?,"1,200",y\n')
    task = make("reasoning", data=str(table))
    assert [task.reference(each) for each in task.examples()] == ["#### 7", "#### 1200"]
    assert task.figures == {}  # nobody gave a derivation


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"answer": 3}', "the field 'question' is missing"),
        ('{"question": "Q"}', "'answer' must be a number, or a text that ends in '#### ' and"),
        ('{"question": "Q", "answer": true}', "'answer' must be a number, or a text"),
        ('{"question": "Q", "answer": [3]}', "'answer' must be a number, or a text"),
        ('{"question": "Q", "answer": ""}', "'answer' is empty"),
        ('{"question": "Q", "answer": "so 18"}', "the answer 'so 18' is no number: give one, such"),
        ('{"question": "Q", "answer": "3 apples\\n#### many"}', "the answer 'many' is no number"),
        ('{"question": "Q", "answer": NaN}', "the answer 'nan' is no number"),
        ('{"question": "Q", "answer": 1e999}', "the answer 'inf' is no number"),
        ('{"question": " ", "answer": 3}', "'question' is empty"),
        ('{"question": "Q", "answer": 3, "id": "a"}', "the id 'a' was used before"),
        ("{", "not valid JSON"),
        ("3", "expected a JSON object"),
    ],
)
def test_bad_lines(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"question": "Q1", "answer": 1, "id": "a"}\n' + line)
    with pytest.raises(UserError, match=re.escape(f"own.jsonl:2: {says}")) as caught:
        make("reasoning", data=str(file))
    assert "\n" not in str(caught.value)
    task = make("reasoning", data=str(file), skip_bad=True)
    assert (len(task.examples()), len(task.skipped)) == (1, 1)


def test_options_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no option 'hard'"):
        make("reasoning", options={"hard": True})
    with pytest.raises(UserError, match="no such file or folder"):
        make("reasoning", data=str(tmp_path / "no.jsonl"))


@pytest.mark.skipif(not GSM8K.is_file(), reason="the real data are not here")
def test_gsm8k_as_published() -> None:
    task = make("reasoning", data=str(GSM8K))
    assert (len(task.examples()), task.check(), task.skipped) == (500, [], ())
    published = [json.loads(line) for line in GSM8K.read_text("utf-8").splitlines()]
    for example, line in zip(task.examples(), published, strict=True):
        wanted = line["answer"].split("#### ")[1].replace(",", "")
        assert example.fields["question"].startswith(line["question"].strip())
        # as published, without the number that is marked, and as people write it
        unmarked = f"Well. The answer is ${int(wanted):,}.00. There were 3 ways."
        for text in (line["answer"], unmarked):
            answer = task.read(example, text)
            assert answer.key == wanted
            assert task.grade([(example, answer)])[0].outcome == 1


@pytest.mark.slow
def test_a_run_with_the_bundled_model(smollm2: Any, tmp_path: Path) -> None:
    del smollm2  # skips where it isn't there
    run = sc.run(
        model="smollm2", task="reasoning", strategy="intrinsic", rounds=2, limit=4, out=tmp_path,
        progress=False, controls=False,
    )  # fmt: skip
    assert run.records.shape[0] == 8
    summary = run.summary()
    assert summary["outcome"]["name"] == "accuracy"
    for row in summary["rounds"]:
        assert row["measures"]["accuracy"]["n"] == 4
    assert all(len(steps[-1]["token_ids"]) <= 320 for steps in run.records["steps"])
    run.report()
