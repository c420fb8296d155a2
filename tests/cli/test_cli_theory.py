"""``selfcorrect theory``: what is printed, what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from selfcorrect.cli import app


def told(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["theory", *arguments], env={"COLUMNS": "80"})
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("command", "key"), [("construct", "constructions"), ("concepts", "agreement")]
)
def test_a_command_prints_tables_or_json_and_writes_both(
    tmp_path: Path, command: str, key: str
) -> None:
    status, printed, _ = told(command, "--quick", "--json", "--out", str(tmp_path))
    assert status == 0
    assert key in json.loads(printed)
    assert json.loads((tmp_path / f"{command}.json").read_text("utf-8")) == json.loads(printed)
    assert f"selfcorrect theory {command}" in (tmp_path / f"{command}.html").read_text("utf-8")
    _, again, _ = told(command, "--quick", "--json", "--out", str(tmp_path))
    assert again == printed


def test_the_bridge_reads_three_runs(tmp_path: Path) -> None:
    for strategy in ("intrinsic", "negation", "anchor"):
        run = sc.run(
            model="planted:two-concept?rho=0.6",
            task="planted",
            strategy=strategy,
            rounds=6,
            limit=120,
            baseline=False,
            out=tmp_path,
        )
        if strategy == "intrinsic":
            of = run
            status, _, error = told("bridge", str(of.folder))
            assert status == 2
            assert "--strategy negation" in error
    status, printed, _ = told("bridge", str(of.folder))
    assert status == 0
    assert "better than persistence" in printed
    assert (of.folder / "bridge.html").exists()
    status, _, error = told("bridge", str(run.folder))
    assert status == 2
    assert "its own anchor" in error


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
