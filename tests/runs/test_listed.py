"""The list of runs; a folder of one run and its controls."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import selfcorrect as sc
from commands import printed, refused
from selfcorrect.runs import Run
from selfcorrect.runs.listed import list_runs


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return sc.run("planted:chain", task="planted", rounds=2, limit=8, out=tmp_path, progress=False)


def test_a_run_is_listed_once_with_its_controls_and_what_it_came_to(
    run: Run, tmp_path: Path
) -> None:
    (told,) = list_runs(tmp_path)
    assert (told.name, told.controls) == (run.folder.name, ("repeat", "baseline"))
    assert told.headline == run.summary()["headline"]
    assert told.tokens == run.summary()["cost"]["arms"]["intrinsic"]["alone"]
    (line,) = json.loads(printed("runs", "--out", tmp_path, "--json"))
    assert line["name"] == run.folder.name
    text = printed("runs", "--out", tmp_path)
    assert text == printed("runs", tmp_path)
    assert run.folder.name in text  # whole, so that it can be copied
    assert "repeat" not in text


def test_a_folder_of_one_run_and_its_controls_is_that_run(run: Run, tmp_path: Path) -> None:
    assert sc.open_run(tmp_path).folder == run.folder
    assert "round" in printed("show", tmp_path)
    sc.run("planted:chain", task="planted", rounds=3, limit=8, out=tmp_path, progress=False)
    assert "did you mean one of the runs in it" in refused("show", tmp_path)


def test_a_damaged_run_is_named_and_the_others_are_listed(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(run.folder, broken)
    (broken / "run.toml").write_text("x = [", "utf-8")
    found = list(list_runs(tmp_path))
    assert [bool(each.problem) for each in found] == [False, True]
    assert "broken:" in printed("runs", "--out", tmp_path)


def test_nowhere_and_nothing(tmp_path: Path) -> None:
    assert "There are no runs" in printed("runs", "--out", tmp_path)
    assert "there is no folder" in refused("runs", "--out", tmp_path / "no")
