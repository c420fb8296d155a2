"""``selfcorrect theory``: what is printed, what is written, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from selfcorrect.cli import app
from selfcorrect.errors import UserError


def told(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["theory", *arguments], env={"COLUMNS": "80"})
    return done.exit_code, done.stdout, done.stderr


def test_a_command_prints_findings_tables_and_where_its_page_is(tmp_path: Path) -> None:
    """What ``--json`` prints is tested with each study."""
    arguments = ["--quick", "--n", "3", "--d", "2", "--steps", "1", "--out", str(tmp_path)]
    status, plain, error = told("construct", *arguments)
    assert (status, error) == (0, "")
    assert "It can: after 1 step" in plain
    assert "Bradley-Terry" not in plain.partition("It can")[0]
    status, printed, error = told("construct", *arguments, "--tables")
    assert (status, error) == (0, "")
    assert len(printed.splitlines()) > len(plain.splitlines()) + 5
    assert told("construct", *arguments, "--tables")[1] == printed  # the same again
    lines = printed.splitlines()
    assert lines[0] == "Constructions"
    assert any(line.startswith("It can: after 1 step") for line in lines)
    assert any("Bradley-Terry" in line and "2" in line for line in lines)
    assert printed.replace("\n", "").endswith(str(tmp_path / "construct.html"))
    page = (tmp_path / "construct.html").read_text("utf-8")
    assert "selfcorrect theory construct --n 3 --d 2 --steps 1 --seed 0 --quick<" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["construct", "--n", "1"], "at least 2"),
        (["construct", "--d", "0"], "at least 1"),
        (["concepts", "--rounds", "0"], "rounds must be"),
        (["bridge", "nosuch"], "nosuch"),
        (["bridge", "nosuch", "--folds", "1"], "--folds"),
        (["prove"], "prove"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments: list[str], said: str) -> None:
    status, printed, error = told(*arguments)
    assert status == 2
    assert not printed
    assert said in error
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("more", "says"), [([], True), (["--quick"], False), (["--preset", "formats"], False)]
)
def test_what_takes_long_says_so_once_it_has_begun(
    more: list[str], says: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(*_: Any, counted: Any, **__: Any) -> None:
        counted(0, 3)
        counted(1, 3)
        raise UserError("stopped here")

    monkeypatch.setattr("selfcorrect.studies.execute.execute", begun)
    _, _, error = told("train", *more, "--out", str(tmp_path))
    assert error.count("All of it takes about an hour on two processors") == says
    assert "takes about an hour" in " ".join(told("train", "--help")[1].split())
