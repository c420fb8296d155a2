"""Folders with records of version 3, as the program of that version wrote and showed them.

``version_3/`` holds an unfinished run with one of its controls, and what was then shown of it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from commands import refused
from selfcorrect import records
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.preview import preview
from selfcorrect.runs import find_run, make_spec, open_run, run

HELD = Path(__file__).parent / "version_3"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HELD, tmp_path / "runs"))


def stored() -> list[dict[str, Any]]:
    """The run's records as they lie there."""
    (file,) = HELD.glob("planted-stops-*/records/*.parquet")
    return pl.read_parquet(file).to_dicts()


def test_its_records_are_read_as_those_of_today() -> None:
    rows = open_run(next(HELD.glob("planted-stops-*"))).records
    assert rows.schema == pl.Schema(records.SCHEMA)
    assert rows.height == 8 * 4
    for row, old in zip(rows.iter_rows(named=True), stored(), strict=True):
        assert row["outcome"] == (1.0 if old["correct"] else 0.0)
        assert row["key"] == "abc"[old["choice"]]
        assert row["cut"] == any(
            step["finish"] == "length" for step in old["steps"] if step["kind"] == "answer"
        )
        assert [note["text"] for note in row["notes"]] == old["notes"]
        assert {note["code"] for note in row["notes"]} <= {"settled"}
        same = set(old) - {"correct", "notes"}
        assert {name: row[name] for name in same} == {name: old[name] for name in same}
    assert rows["notes"].list.len().sum() > 0


def test_some_columns_are_read_alone() -> None:
    held = open_run(next(HELD.glob("planted-stops-*")))
    for columns in (["key"], ["outcome", "cut"], ["round"], ["notes", "choice", "key"]):
        assert held.read(columns).equals(held.records.select(columns))


def test_it_is_shown_as_it_was(out: Path) -> None:
    summary = find_run("planted", out).summary()
    then = json.loads((HELD / "shown.json").read_text())
    # numbers are as they were; intervals are made in another way since
    assert summary["verdict"].split("[")[0] == then["verdict"].split("[")[0]
    for now, old in zip(summary["rounds"], then["rounds"], strict=True):
        assert (now["n"], now["clusters"]) == (old["n"], old["clusters"])
        for name, numbers in old["measures"].items():
            measure = now["measures"][name]
            if name in ("ece_expected", "ece_excess"):
                continue  # of draws that are made in another way since
            assert measure["value"] == numbers[0], name
            if measure.get("low") is not None:
                assert measure["low"] - 1e-9 <= numbers[0] <= measure["high"] + 1e-9, name
    assert set(summary["controls"]) == {"baseline"}


def test_the_commands_that_only_read_take_it(out: Path) -> None:
    for command in (
        ["show", "planted", "--out", out],
        ["report", "planted", "--out", out],
        ["export", "planted", "--jsonl", out / "all.jsonl", "--out", out],
    ):
        done = CliRunner().invoke(app, [str(word) for word in command], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        if command[0] == "show":
            said = " ".join(done.stdout.split())
            assert "8 of 12 dialogues; its records are of version 3, which isn't added to" in said
    lines = (out / "all.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["outcome"] in (0.0, 1.0)
    spec = make_spec({"model": "planted:chain", "task": "planted", "limit": 2})
    assert preview(spec, out=out).prompts  # such a neighbour is no obstacle


def test_it_is_not_gone_on_with(tmp_path: Path) -> None:
    spec = {"model": "planted:chain", "task": "planted", "limit": 4, "rounds": 2}
    done = run(make_spec(spec), out=tmp_path, controls=False)
    file = done.folder / "run.toml"
    text = file.read_text().replace("record_version = 4", "record_version = 3")
    file.write_text(text)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for limit in (4, 8):
        with pytest.raises(UserError, match=r"has records of version 3, .* not added to"):
            run(make_spec({**spec, "limit": limit}), out=tmp_path, controls=False)
    assert {path: path.read_bytes() for path in before} == before
    file.write_text(text.replace("record_version = 3", "record_version = 2"))
    assert "records of version 2, here 4" in refused("show", done.folder)


def test_a_damaged_file_is_told(out: Path) -> None:
    (file,) = out.glob("planted-stops-*/records/*.parquet")
    file.write_bytes(file.read_bytes()[:-20])
    sentence = refused("show", "planted-stops", "--out", out)
    assert f"{file.name} is damaged" in sentence
    assert "can't be made again" in sentence
