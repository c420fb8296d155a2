"""The tasks sample, planted and winogender, and the order of examples."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundled_tasks import example
from selfcorrect.errors import UserError
from selfcorrect.tasks import Answer, make, names
from selfcorrect.tasks.data.order import order
from selfcorrect.tasks.lettered import Item, Lettered
from selfcorrect.tasks.wording import CORRECT


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


@settings(max_examples=50)
@given(
    st.dictionaries(st.text(max_size=5), st.tuples(st.integers(0, 3), st.integers(0, 3))),
    st.integers(0, 99),
)
def test_what_is_measured_together_is_taken_together(
    made: dict[str, tuple[int, int]], seed: int
) -> None:
    examples = [
        replace(example(name, f"c{k}"), together=f"g{g}" if g else "")
        for name, (k, g) in made.items()
    ]
    ordered = list(order(examples, seed))
    assert sorted(e.id for e in ordered) == sorted(made)
    assert list(order(examples[::-1], seed)) == ordered
    groups = [(e.cluster, e.together or f"alone {e.id}") for e in ordered]
    units = [name for name, _ in groupby(groups)]
    assert len(set(units)) == len(units)  # each stands in one piece
    # And any beginning is spread evenly, now by groups.
    size = Counter(cluster for cluster, _ in units)
    taken: Counter[str] = Counter()
    for cluster, _ in units:
        assert taken[cluster] == min(taken[k] for k in size if taken[k] < size[k])
        taken[cluster] += 1


@pytest.mark.parametrize(
    ("task", "options"),
    [("shapes", {"n": 40}), ("blind-spot", {"of": "planted", "n": 30, "cluster_size": 3})],
)
def test_a_limit_leaves_groups_whole(task: str, options: dict[str, object]) -> None:
    made = make(task, options=options)
    ordered = order(made.examples(), 3)
    assert all(e.together for e in ordered)
    for limit in (2, 6, 20):
        taken = Counter(e.together for e in ordered[:limit])
        assert set(taken.values()) == {2}
    assert Counter(Counter(e.together for e in ordered[:7]).values()) == {2: 3, 1: 1}


def test_the_fingerprint_knows_what_is_taken_together() -> None:
    """A run's records lie by their positions, and one with another order is another run."""
    items = [Item(example(str(n), str(n // 2)), 0) for n in range(4)]
    pairs = [replace(i, example=replace(i.example, together=i.example.cluster)) for i in items]
    one, other = (Lettered("mine", each, wording=CORRECT).fingerprint for each in (items, pairs))
    assert one != other


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
