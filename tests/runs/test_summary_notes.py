"""What a summary says of its records beside their numbers."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from selfcorrect.converse import ENDED, STOPPED
from selfcorrect.errors import UserError
from selfcorrect.records import SCHEMA
from selfcorrect.runs import open_run
from selfcorrect.runs.of_records import read_notes, without_controls

COLUMNS = ("round", "notes", "cut", "problem", "choices")


def row(
    number: int, *codes: str, cut: bool = False, problem: str | None = None, options: int = 0
) -> Any:
    notes = [{"code": code, "text": f"something of {code}"} for code in codes]
    choices = [str(k) for k in range(options)]
    return {"round": number, "notes": notes, "cut": cut, "problem": problem, "choices": choices}


def said(*pieces: Sequence[Any]) -> list[str]:
    schema = {name: SCHEMA[name] for name in COLUMNS}
    frames = [pl.DataFrame(rows, schema=schema) for rows in pieces]
    run: Any = SimpleNamespace(chunks=lambda names: (f.select(names) for f in frames), dialogues=4)
    return read_notes(run).notes


def test_dialogues_that_were_over_are_counted_in_the_last_round() -> None:
    one = [row(1), row(2, ENDED.code), row(3, ENDED.code)]
    two = [row(1), row(2), row(3, STOPPED.code), row(3, ENDED.code)]
    assert said(one, two) == [
        "2 of 4 dialogues ended before round 3: in the rounds after that, their last answer "
        "stands.",
        "1 of 4 dialogues stopped, their answers having settled, before round 3: in the rounds "
        "after that, their last answer stands.",
    ]


def test_a_control_that_was_left_behind_is_named(tmp_path: Path) -> None:
    header = SimpleNamespace(controls={"repeat": "a-repeat-b", "baseline": "a-baseline-b"})
    run: Any = SimpleNamespace(folder=tmp_path / "a-intrinsic-b", header=header)
    (tmp_path / "a-baseline-b").mkdir()
    assert without_controls(run) == [
        "The control repeat isn't beside this run: put its folder, a-repeat-b, there to compare "
        "with it."
    ]


def test_answers_that_were_cut_off_are_counted_where_that_matters() -> None:
    free = [row(1, cut=True), row(2)]
    lettered = [row(1, cut=True, options=3), row(2, cut=True, problem="no option", options=3)]
    (told,) = said(free, lettered)
    assert told.startswith("In 2 of 4 records the answer was cut off before it was complete")
    assert said(lettered[:1]) == []


def test_what_models_did_otherwise_is_counted_and_what_the_loop_did_is_not() -> None:
    assert said([row(1, "model"), row(2, "model", "kept")]) == [
        "In 2 of 2 records something of model."
    ]


@pytest.mark.parametrize("lines", ["7", "{ a = 1 }", "[7]"])
def test_what_was_skipped_is_sentences(lines: str, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(next(whole.glob("planted-intrinsic-*")), folder)
    text = (folder / "run.toml").read_text("utf-8")
    assert "[skipped]\nlines = []" in text
    text = text.replace("[skipped]\nlines = []", f"[skipped]\nlines = {lines}")
    (folder / "run.toml").write_text(text, "utf-8")
    with pytest.raises(UserError, match=r"run\.toml is damaged \((skipped\.lines is|7 is no text)"):
        open_run(folder)
