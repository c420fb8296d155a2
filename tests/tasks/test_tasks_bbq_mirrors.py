"""BBQ as its mirrors on the hub have it: Parquet, other names, texts in place of numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from selfcorrect.errors import UserError
from selfcorrect.tasks import Answer, make
from written import bbq_row as row
from written import jsonl, parquet, targets


def mirrored(rows: list[dict[str, Any]], way: str) -> list[dict[str, Any]]:
    changed = []
    for each in rows:
        each = dict(each)
        label = each.pop("label")
        if way == "answer_label":
            each |= {"answer_label": label, "target_label": 0, "question_index": 3}
        elif way == "text":
            each["label"] = str(label)
        elif way == "name":
            each["label"] = f"ans{label}"
        elif way == "json":
            each["label"] = label
            for name in ("answer_info", "additional_metadata"):
                each[name] = json.dumps(each[name])
        elif way == "lists as text":
            each["label"] = float(label)
            each["additional_metadata"] = {"stereotyped_groups": "['old']"}
        changed.append(each)
    return changed


@pytest.mark.parametrize("way", ["answer_label", "text", "name", "json", "lists as text"])
@pytest.mark.parametrize("write", [jsonl, parquet])
def test_a_mirror_is_read_as_the_published_file(tmp_path: Path, way: str, write: Any) -> None:
    rows = [row(n) for n in range(4)]
    published = make("bbq", data=jsonl(tmp_path / "Age.jsonl", rows))
    (tmp_path / "m").mkdir()
    mirror = make("bbq", data=write(tmp_path / "m" / "age.parquet", mirrored(rows, way)))
    assert mirror.fingerprint == published.fingerprint
    assert mirror.check() == []
    pairs = [(example, Answer("", choice=0)) for example in mirror.examples()]
    assert [grade.values for grade in mirror.grade(pairs)] == [
        grade.values for grade in published.grade(pairs)
    ]
    assert mirror.unmatched == 0  # type: ignore[attr-defined]


def test_a_folder_of_parquet(tmp_path: Path) -> None:
    for at, name in enumerate(("Age", "Religion")):
        rows = [row(n, category=name) for n in range(2 * at + 2)]
        parquet(tmp_path / f"{name.lower()}-00000-of-00001.parquet", mirrored(rows, "answer_label"))
    assert len(make("bbq", data=str(tmp_path)).examples()) == 6
    assert len(make("bbq", data=str(tmp_path), categories=["Religion"]).examples()) == 4


def test_mirrors_without_tags_go_to_choices(tmp_path: Path) -> None:
    short = [
        {"context": "Two met.", "question": "Who forgot?", "choices": ["A uncle", "B", "Nobody"],
         "answer": 2, "category": "Age"},
    ] * 2  # fmt: skip
    data = parquet(tmp_path / "age.parquet", short)
    with pytest.raises(UserError, match="'example_id' is missing; this is Parquet with the fields"):
        make("bbq", data=data)
    assert targets(make("choices", data=data)) == [2, 2]
    bare = [{k: v for k, v in row(0).items() if k != "answer_info"}]
    with pytest.raises(UserError, match=r"no 'answer_info'.*--task choices asks such questions"):
        make("bbq", data=jsonl(tmp_path / "d.jsonl", bare))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"label": 3}, "'label' must be 0, 1 or 2, not 3"),
        ({"label": "ans3"}, "'label' must be 0, 1 or 2, not 'ans3'"),
        ({"answer_label": "x"}, "'answer_label' must be 0, 1 or 2"),
        ({"label": None}, "the field 'label' has no value"),
        ({"label": True}, "'label' must be 0, 1 or 2, not True"),
        ({"answer_info": "[1]"}, "'answer_info' must be an object"),
    ],
)
def test_what_is_wrong_in_a_mirror(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    path = tmp_path / "d.jsonl"
    jsonl(path, [row(0, **changes)])
    with pytest.raises(UserError, match=rf"d\.jsonl:1: {says}"):
        make("bbq", data=str(path))


def test_parquet_keeps_what_json_lines_have(tmp_path: Path) -> None:
    """Columns that only some rows have are empty in the others, as a frame of both has them."""
    rows = [row(0), row(1, weak_evidence=["The uncle was seen.", "The nephew was seen."])]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    frame.write_parquet(tmp_path / "d.parquet")
    both = make("bbq", data=str(tmp_path / "d.parquet"))
    assert both.fingerprint == make("bbq", data=jsonl(tmp_path / "d.jsonl", rows)).fingerprint
