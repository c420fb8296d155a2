"""The study of transitions from spec, or from a run that exists, to its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from commands import refused
from selfcorrect.cli import app
from selfcorrect.runs import RunSpec
from selfcorrect.studies.execute import execute

CHAIN = "planted:chain?accuracy=.3,cl=.9,cs=.3,stay={}"


def told(tmp_path: Path, stay: float) -> dict[str, Any]:
    spec = RunSpec.model_validate(
        {
            "model": CHAIN.format(stay),
            "task": {"name": "planted", "options": {"n": 240}},
            "rounds": 8,
        }
    )
    done = execute("transitions", {}, spec=spec, out=tmp_path)
    assert done.page.read_text("utf-8").startswith("<!doctype html>")
    return {**done.result, "told": " ".join(done.sheet.findings)}


def test_stayers_are_flagged_and_a_chain_is_not(tmp_path: Path) -> None:
    found = told(tmp_path / "stay", 0.7)
    assert "aren't a simple chain" in found["told"]
    assert found["against"]["unchanged"] < 0.05
    plain = told(tmp_path / "plain", 0.0)
    assert "Nothing is shown to speak against a simple chain" in plain["told"]
    assert plain["rates"]["cl"]["low"] < 0.9 < plain["rates"]["cl"]["high"]
    assert plain["rates"]["cs"]["low"] < 0.3 < plain["rates"]["cs"]["high"]


def test_any_run_will_do_and_is_taken_as_it_is(tmp_path: Path) -> None:
    out, runner = ["--out", str(tmp_path)], CliRunner()
    model = ["--model", CHAIN.format(0), "--task", "planted", "--limit", "60"]
    run = ["run", *model, "--rounds", "5", "--no-controls", *out]
    assert runner.invoke(app, run).exit_code == 0
    [folder] = [each.name for each in tmp_path.iterdir() if each.is_dir()]
    done = runner.invoke(app, ["study", "transitions", "--of", folder[:14], *out])
    assert done.exit_code == 0, done.output
    assert (tmp_path / folder / "transitions.html").is_file()
    for more, said in (
        (["--model", "planted:chain"], "'model.name' is about how one is made"),
        (["--quick"], "'quick' is about how one is made"),
        (["--fit", "5"], "has 5 rounds, and the first 5 are to be fitted"),
    ):
        assert said in refused("study", "transitions", "--of", folder, *more, *out)


def test_an_outcome_that_is_a_number_is_told(tmp_path: Path) -> None:
    spec = RunSpec.model_validate(
        {"model": "planted:scores", "task": "planted-scores", "rounds": 5, "limit": 40}
    )
    done = execute("transitions", {}, spec=spec, out=tmp_path)
    assert not done.result["able"]
    assert "aren't right or wrong" in " ".join(done.sheet.findings)
