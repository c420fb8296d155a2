"""The study of transitions from spec, or from a run that exists, to its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfcorrect import runs as running
from selfcorrect.errors import UserError
from selfcorrect.measures.looks import level
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
    with pytest.raises(UserError, match="answers that are right or wrong, and rating"):
        execute("transitions", {}, spec=spec, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_study_of_a_run_that_grew_says_that_it_was_looked_at_before(tmp_path: Path) -> None:
    """What it tests isn't made for that; what attribution tests is."""
    model = "planted:chain?accuracy=.4,cl=.9,cs=.3"
    for name, rounds in (("transitions", 4), ("attribution", 2)):
        for limit in (12, 20):
            spec = RunSpec.model_validate(
                {"model": model, "task": "planted", "rounds": rounds, "limit": limit}
            )
            done = execute(name, {}, spec=spec, out=tmp_path)
        assert done.result["looks"] == [12, 20]
        said = done.sheet.findings[-1]
        assert "made of these runs 2 times (n 12, 20)" in said
        if name == "attribution":
            assert done.result["level"] == pytest.approx(level([12, 20]))
            assert "its verdicts allow for that" in said
        else:
            assert "its tests are those of one look" in said


def test_a_run_that_uses_the_truth_says_so_first(tmp_path: Path) -> None:
    for strategy, said in (("checking-oracle", True), ("intrinsic", False)):
        spec = {"model": CHAIN.format(0), "task": "planted", "rounds": 5, "limit": 60}
        [run] = running.run(
            [RunSpec.model_validate({**spec, "strategy": strategy})], out=tmp_path, controls=False
        )
        done = execute("transitions", {}, runs={"run": run}, out=tmp_path, folder=run.folder)
        assert done.result["oracle"] is said
        assert ("uses the truth (oracle)" in done.sheet.findings[0]) is said
