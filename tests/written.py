"""What tests of data files share: files of every kind with the same rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from selfcorrect.tasks import Answer, Task


def jsonl(path: Path, rows: Sequence[Any]) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def indented(path: Path, given: Sequence[Any]) -> str:
    path.write_text("\ufeff" + json.dumps(given, indent=4))
    return str(path)


def table(path: Path, rows: Sequence[dict[str, Any]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue())
    return str(path)


def parquet(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    pl.DataFrame(rows).write_parquet(path)
    return str(path)


def targets(task: Task) -> list[int | None]:
    """The right choice of each example, as the task grades it."""
    return [grade.target for grade in task.grade([(e, Answer("")) for e in task.examples()])]


def right(task: Task) -> list[str]:
    """The text of each example's right choice."""
    return [
        example.choices[at]
        for example, at in zip(task.examples(), targets(task), strict=True)
        if at is not None
    ]


def bbq_row(number: int, **changes: Any) -> dict[str, Any]:
    """A line of BBQ as published; ambiguous and disambiguated in turn."""
    ambiguous = number % 2 == 0
    made = {
        "example_id": number,
        "question_index": "3",
        "question_polarity": "neg",
        "context_condition": "ambig" if ambiguous else "disambig",
        "category": "Age",
        "answer_info": {
            "ans0": ["uncle", "old"],
            "ans1": ["nephew", "nonOld"],
            "ans2": ["Not known", "unknown"],
        },
        "additional_metadata": {"subcategory": "None", "stereotyped_groups": ["old"]},
        "context": "An uncle and a nephew met.",
        "question": "Who forgot it?",
        "ans0": "The uncle",
        "ans1": "The nephew",
        "ans2": "Not known",
        "label": 2 if ambiguous else 1,
    }
    return made | changes
