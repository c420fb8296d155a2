"""The commands that planted:mixture is met with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from selfcorrect.cli import app


def test_run_shows_a_table_and_goes_on(tmp_path: Path) -> None:
    command = ["run", "--model", "planted:mixture", "--task", "planted-mixture", "--rounds", "2"]
    command += ["--limit", "8", "--out", str(tmp_path)]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    assert "accuracy" in first.output
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 0


def test_another_task_is_one_sentence(tmp_path: Path) -> None:
    command = ["run", "--model", "planted:mixture", "--task", "sample", "--limit", "2"]
    found = CliRunner().invoke(app, [*command, "--out", str(tmp_path)])
    assert found.exit_code != 0
    assert "answers the task 'planted-mixture' only" in " ".join(found.output.split())


def test_the_task_is_well() -> None:
    for options in (
        [],
        ["task.options.instructions=neutral"],
        ["task.options.answers=alike"],
    ):
        found = CliRunner().invoke(
            app, ["check-task", "planted-mixture", "task.options.n=40", *options]
        )
        assert found.exit_code == 0, found.output


def test_training_is_told_where_to() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "selfcorrect.models.planted.mixture"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode != 0
    assert "usage: python -m selfcorrect.models.planted.mixture FOLDER" in found.stderr
