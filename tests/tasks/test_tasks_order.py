"""The tasks sample, planted and winogender, and the order of examples."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundled_tasks import example
from selfcorrect.errors import UserError
from selfcorrect.tasks import Answer, make, names
from selfcorrect.tasks.data.order import order


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=5), st.integers(0, 4), max_size=40), st.integers(0, 99))
def test_order(clusters: dict[str, int], seed: int) -> None:
    examples = [example(name, str(k)) for name, k in clusters.items()]
    ordered = list(order(examples, seed))
    assert sorted(e.id for e in ordered) == sorted(e.id for e in examples)
    # Not the order of the input.
    assert list(order(examples[::-1], seed)) == ordered
    # Any beginning is spread evenly over the clusters that still have examples.
    size = Counter(e.cluster for e in examples)
    taken: Counter[str] = Counter()
    for e in ordered:
        assert taken[e.cluster] == min(taken[k] for k in size if taken[k] < size[k])
        taken[e.cluster] += 1


def test_order_depends_on_the_seed_and_is_stable() -> None:
    examples = [example(str(i), str(i % 7)) for i in range(30)]
    first = [e.id for e in order(examples, 0)]
    assert first != [e.id for e in order(examples, 1)]
    # Pinned: a change would reorder everybody's runs.
    assert first[:7] == PINNED


PINNED = ["20", "4", "8", "28", "23", "26", "10"]


def test_order_is_lazy() -> None:
    task = make("planted", options={"n": 3000})
    ordered = order(task.examples(), 0)
    assert len(ordered) == 3000
    assert len({e.id for e in ordered}) == 3000
    assert [e.id for e in ordered[5:8]] == [ordered[i].id for i in (5, 6, 7)]


def test_fingerprint_follows_the_data(tmp_path: Path) -> None:
    def of(text: str) -> str:
        (tmp_path / "q.jsonl").write_text(text)
        task = make("choices", data=str(tmp_path / "q.jsonl"))
        return str(task.fingerprint)  # type: ignore[attr-defined]

    one = '{"question": "Which?", "choices": ["x", "y"], "answer": 0}'
    assert of(one) == of(one + "\n")
    assert of(one) != of(one.replace('"answer": 0', '"answer": 1'))
    assert of(one) != of(one.replace("Which", "What"))


def test_importing_tasks_imports_nothing_heavy() -> None:
    code = (
        "import sys; from selfcorrect.tasks import make; make('sample'); make('planted');"
        "heavy = {'torch', 'transformers', 'polars', 'huggingface_hub'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert names()


@pytest.mark.parametrize(
    ("header", "line", "said"),
    [
        ("question,choice_b,choice_c,answer", "Which?,x,y,b", "no 'choice_a'"),
        ("question,choice_a,choice_c,answer", "Which?,x,y,a", "no 'choice_b'"),
    ],
)
def test_choice_columns_leave_no_letter_out(
    tmp_path: Path, header: str, line: str, said: str
) -> None:
    """Else the letters of the answers would stand for other columns."""
    file = tmp_path / "mine.csv"
    file.write_text(f"{header}\n{line}\n")
    with pytest.raises(UserError, match=rf"mine\.csv:2: .*{said}"):
        make("choices", data=str(file))


@pytest.mark.parametrize(
    ("choices", "answer", "target"),
    [(["2", "3", "1"], 3, 1), (["7", "8"], 1, 1), (["7", "8"], 8, 1), (["1", "2"], 0, 0)],
)
def test_a_numbers_meaning_is_never_guessed(
    tmp_path: Path, choices: list[str], answer: int, target: int
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps({"question": "Which?", "choices": choices, "answer": answer}))
    task = make("choices", data=str(file))
    example = task.examples()[0]
    (grade,) = task.grade([(example, Answer("", choice=target))])
    assert grade.outcome
    file.write_text(json.dumps({"question": "Which?", "choices": ["1", "2", "3"], "answer": 1}))
    with pytest.raises(
        UserError, match=r"the text of \(a\) '1' and the index \(from 0\) of \(b\) '2'"
    ):
        make("choices", data=str(file))
