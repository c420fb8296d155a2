"""The same question under several ids shares a cluster, and is counted."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import selfcorrect as sc
from selfcorrect import tasks
from selfcorrect.tasks.base import Example
from selfcorrect.tasks.copies import copies_of, moved, told


def example(id: str, question: str, cluster: str, choices: tuple[str, ...] = ("x", "y")) -> Example:
    return Example(id, {"question": question}, choices, cluster)


def test_copies_share_the_first_name_and_take_their_clusters_along() -> None:
    every = [
        example("1", "One?", "b"),
        example("2", "Two?", "b"),
        example("3", " one? ", "a", ("y", "x")),
        example("4", "Four?", "c"),
        example("5", "Four?", "a"),
        example("6", "Six?", "d"),
        example("7", "One?", "e", ("x", "z")),
    ]
    copies, clusters = copies_of(every)
    assert copies == 2
    assert [moved(each, clusters).cluster for each in every] == list("aaaaade")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=30))
def test_clusters_are_those_of_a_graph(rows: list[tuple[int, int]]) -> None:
    every = [example(str(i), f"Q{q}", f"c{c}") for i, (q, c) in enumerate(rows)]
    copies, clusters = copies_of(every)
    assert copies == len(rows) - len({q for q, _ in rows})
    # plainly: join until nothing changes
    group = {c: c for _, c in rows}
    for _ in rows:
        for q, c in rows:
            for other, d in rows:
                if q == other:
                    group[c] = group[d] = min(group[c], group[d])
        for c in group:
            group[c] = group[group[c]]
    assert [moved(each, clusters).cluster for each in every] == [f"c{group[c]}" for _, c in rows]


def test_a_file_with_copies_is_told_and_counted_once(tmp_path: Path) -> None:
    row = {"question": "What is 3 + 4?", "choices": ["7", "8"], "answer": "7"}
    other = {"question": "What is 1 + 4?", "choices": ["6", "5"], "answer": "5"}
    rows = [{**row, "id": str(i)} for i in range(9)] + [{**other, "id": "x"}]
    data = tmp_path / "q.jsonl"
    data.write_text("".join(json.dumps(each) + "\n" for each in rows))
    task = tasks.make("choices", data=str(data))
    assert task.copies == 8
    assert len({each.cluster for each in task.examples()}) == 2
    run = sc.run(
        model="planted:chain", task="choices", data=data, rounds=1, controls=False, out=tmp_path
    )
    summary = run.summary()
    assert summary["rounds"][0]["clusters"] == 2
    assert told(8)[0] in summary["notes"]


def test_bundled_tasks_have_none() -> None:
    for name in ("sample", "planted"):
        assert tasks.make(name).copies == 0
    assert told(0) == []
    assert told(1)[0].startswith("1 question stands in the data again")
