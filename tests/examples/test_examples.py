"""The scripts in examples/ do what they say, as a user runs them."""

from __future__ import annotations

import ast
import contextlib
import io
import runpy
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from selfcorrect.cli import app

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TASK = f"{EXAMPLES / 'own_task.py'}:make"


def script(name: str, *args: object) -> str:
    """What a script prints, run as Python would with its own name and arguments."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setattr(sys, "argv", [name, *map(str, args)])
        patch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return said.getvalue()


def loaded(name: str) -> dict[str, Any]:
    """A script's names, without its main."""
    path = EXAMPLES / name
    names: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
    exec(compile(path.read_text("utf-8"), str(path), "exec"), names)
    return names


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to be read."""
    run = sc.run(
        "planted:chain", "planted", rounds=3, limit=100, chunk=32, controls=False, progress=False,
        out=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip
    return Path(run.folder)


def test_every_example_is_tested_and_says_how_it_is_run() -> None:
    tested = Path(__file__).read_text("utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert path.name in tested
        text = path.read_text("utf-8")
        assert f"examples/{path.name}" in (ast.get_docstring(ast.parse(text)) or "")
        assert len(text.splitlines()) <= 80  # short enough to be copied


# -- own_task.py ----------------------------------------------------------------------------------


def test_own_task_is_well() -> None:
    found = sc.check_task(TASK)
    assert found.problems == ()
    assert (found.examples, found.clusters, found.outcome.name) == (32, 8, "coverage")
    assert sc.check_task(TASK, task_options={"words": 5}).problems == ()


def test_own_task_on_the_bundled_model(smollm2: Any, tmp_path: Path) -> None:
    run = sc.run(smollm2, TASK, rounds=2, limit=2, out=tmp_path, controls=False, progress=False)
    for text, outcome, example in run.records.select("text", "outcome", "example").rows():
        words = example.split("-")[1:]
        there = [word in text.casefold() for word in words]
        assert outcome <= sum(there) / len(there)  # a word in another word isn't one
    assert run.summary()["outcome"]["name"] == "coverage"
    assert "coverage" in run.summary()["verdict"].casefold()


@pytest.mark.slow
def test_own_task_as_its_first_lines_say(tmp_path: Path) -> None:
    words = ["run", "--task", TASK, "--limit", "16", "--rounds", "2", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "round coverage [95 %]" in done.stdout
    assert "accuracy" not in done.stdout


# -- the others -----------------------------------------------------------------------------------


def test_own_strategy(tmp_path: Path) -> None:
    said = script("own_strategy.py", "--out", tmp_path)
    assert "own_strategy" in said
    (own,) = tmp_path.glob("planted-own-strategy-*")
    records = sc.open_run(own).records
    for round in (2, 3):
        critiques = [
            step["text"]
            for steps in records.filter(pl.col("round") == round)["steps"].to_list()
            for step in steps
            if step["kind"] == "critique"
        ]
        assert len(critiques) == 64
        for word in ("yes", "no"):
            assert f"{word}" in said
            assert str(critiques.count(word)) in said


def test_several_arms(tmp_path: Path) -> None:
    said = script("several_arms.py", "--out", tmp_path)
    names = ("intrinsic", "negation", "injection", "anchor")
    found = {name: sc.open_run(*tmp_path.glob(f"planted-{name}-*")).records for name in names}
    assert len({tuple(sorted(set(records["example"]))) for records in found.values()}) == 1
    means = {
        name: records.filter(pl.col("round") == 3)["outcome"].mean()
        for name, records in found.items()
    }
    for name in names:
        assert f"{name}: " in said
        difference = f"{means[name] - means['intrinsic']:.6g}"
        assert name == "intrinsic" or difference in said
    # the controls are shared
    assert len(list(tmp_path.iterdir())) == len(names) + 2


def test_own_scorer(folder: Path) -> None:
    said = script("own_scorer.py", folder)
    names = loaded("own_scorer.py")
    table = names["scored"](sc.open_run(folder), names["Words"]())
    assert table["words"].to_list() == [len(text.split()) for text in table["text"]]
    assert table.height == 300
    assert names["Words"]().score(["", "a b"]) == [{"words": None}, {"words": 2.0}]
    assert "since round 1" in said


def test_read_records(folder: Path) -> None:
    assert "outcome_2" in script("read_records.py", folder)
    names = loaded("read_records.py")
    one, two = names["with_polars"](str(folder)), names["with_duckdb"](str(folder))
    assert one.cast(two.schema).equals(two)
    measured = [r["measures"]["accuracy"]["value"] for r in sc.open_run(folder).summary()["rounds"]]
    assert one["outcome"].to_list() == pytest.approx(measured)
    moved = names["changed"](str(folder))
    keys = sc.open_run(folder).records.sort("example", "round")["key"].to_list()
    pairs = zip(keys[0::3], keys[1::3], strict=True)
    assert moved.height == sum(first != second for first, second in pairs) > 0
