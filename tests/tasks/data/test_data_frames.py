"""Questions that a program gives as an object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import selfcorrect as sc
from selfcorrect.tasks import make
from written import jsonl, right, targets

ROWS = [
    {
        "question": f"What is {n} + 4?",
        "choices": [str(n + 3), str(n + 4), str(n + 5)],
        "answer": "B",
        "image": None,
    }
    for n in range(6)
]


class Dataset:
    """What ``datasets.Dataset`` shows of itself: columns, and rows one after the other."""

    column_names = tuple(ROWS[0])

    def __iter__(self) -> Any:
        return iter(ROWS)


FRAMES = {
    "polars": pl.DataFrame(ROWS),
    "lazy": pl.LazyFrame(ROWS),
    "pandas": pd.DataFrame(ROWS),
    "list": ROWS,
    "datasets": Dataset(),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_is_read_as_a_file_is(tmp_path: Path, kind: str) -> None:
    task = make("choices", data=FRAMES[kind])
    file = make("choices", data=jsonl(tmp_path / "q.jsonl", ROWS))
    assert right(task) == [str(n + 4) for n in range(6)]
    assert [e.choices for e in task.examples()] == [e.choices for e in file.examples()]
    assert [e.id for e in task.examples()][:2] == ["frame:row 1", "frame:row 2"]
    assert task.check() == []


def test_empty_cells_of_pandas_and_arrays_of_numpy() -> None:
    import numpy as np

    frame = pd.DataFrame(
        {
            "question": ["p", "q"],
            "choices": [np.array(["x", "y"], object), np.array([1, 2])],
            "answer": [1.0, 0.0],
            "context": [float("nan"), "c"],
        }
    )
    task = make("choices", data=frame)
    assert targets(task) == [1, 0]
    assert [e.fields for e in task.examples()] == [
        {"question": "p"},
        {"question": "q", "context": "c"},
    ]
    assert task.examples()[1].choices == ("1", "2")
    with_gap = pd.DataFrame({**frame, "answer": [1.0, float("nan")]})
    with pytest.raises(sc.UserError, match="frame:row 2: the field 'answer' is missing"):
        make("choices", data=with_gap)


def test_columns_and_answers_are_mapped() -> None:
    frame = pl.DataFrame({"Frage": ["p", "q"], "x": ["1", "3"], "y": ["2", "1"], "k": [1, 1]})
    field = {"question": "Frage", "choices": ["x", "y"], "answer": "k"}
    found = {
        asked: targets(make("choices", data=frame, options={"field": field, "answers": asked}))
        for asked in ("text", "index-from-0", "index-from-1")
    }
    assert found == {"text": [0, 1], "index-from-0": [1, 1], "index-from-1": [0, 0]}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"train": ROWS, "test": ROWS}, "from a dict with train, test; give one of them"),
        (5, "can't be read from a int"),
        ([1], "frame:row 1: expected a dictionary, found 1"),
        ([], "a builtins list without rows"),
        (pl.DataFrame({"Question": ["x"]}), "this is a polars DataFrame with the fields Question"),
    ],
)
def test_what_is_no_frame(data: object, says: str) -> None:
    with pytest.raises(sc.UserError, match=says):
        make("choices", data=data)


def test_a_run_on_a_frame(tmp_path: Path) -> None:
    """The folder is found again by what the frame holds."""
    how: dict[str, Any] = {"rounds": 1, "out": tmp_path, "controls": False, "progress": False}
    run = sc.run("planted:chain", "choices", data=FRAMES["polars"], **how)
    assert run.records["example"].n_unique() == 6
    assert run.summary()["notes"][0].startswith("The data are read as a polars DataFrame: ")
    assert sc.run("planted:chain", "choices", data=FRAMES["lazy"], **how).folder == run.folder
    other = pl.DataFrame([{**row, "answer": "A"} for row in ROWS])
    assert sc.run("planted:chain", "choices", data=other, **how).folder != run.folder
    assert sc.check_task("choices", data=FRAMES["pandas"]).problems == ()


def test_other_tasks_read_files() -> None:
    with pytest.raises(sc.UserError, match="task 'bbq' reads its data from files, not from a Data"):
        sc.run("planted:chain", "bbq", data=FRAMES["polars"], progress=False)
