"""``selfcorrect compare``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import selfcorrect as sc
from commands import refused
from selfcorrect.cli import app


def call(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    sc.run("planted:chain", "planted", rounds=2, limit=30, out=folder, progress=False)
    return folder


def test_table_page_and_json(out: Path, tmp_path: Path) -> None:
    names = ["planted-intrinsic", "planted-repeat", "planted-baseline"]
    done = call("compare", *names, "--out", out)
    assert done.exit_code == 0, done.output
    assert "Accuracy minus that of intrinsic" in done.output
    assert "compare.html" in done.output.replace("\n", "")
    page = (out / "compare.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    (out / "compare.html").unlink()
    done = call("compare", *names, "--out", out, "--json", "--reference", "planted-repeat")
    table = json.loads(done.stdout)
    assert table["reference"] == "repeat"
    assert [run["name"] for run in table["runs"]] == ["intrinsic", "repeat", "baseline"]
    assert not (out / "compare.html").exists()
    done = call("compare", *names, "--out", out, "--json", "--page", tmp_path / "mine.html")
    assert json.loads(done.stdout)["finding"]
    assert (tmp_path / "mine.html").exists()


def test_what_is_refused(out: Path) -> None:
    assert "two runs or more" in refused("compare", "planted-intrinsic", "--out", out)
    assert "no run in" in refused("compare", "planted-intrinsic", "planted-x", "--out", out)
    pair = ("planted-intrinsic", "planted-repeat")
    said = refused("compare", *pair, "--out", out, "--scorer", "profanity")
    assert "has no scores" in said
    said = refused("compare", *pair, "--out", out, "--reference", "planted-baseline")
    assert "is none of the runs" in said
    assert "is a folder" in refused("compare", *pair, "--out", out, "--page", out)
