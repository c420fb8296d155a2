"""The study of transitions from spec, or from a run that exists, to its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcorrect import runs as running
from selfcorrect.errors import UserError
from selfcorrect.measures.chains import Chain
from selfcorrect.measures.looks import level
from selfcorrect.runs import RunSpec
from selfcorrect.runs.looks import LOOKS
from selfcorrect.studies.execute import Done, execute
from selfcorrect.studies.transitions.analysis import following

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


def test_only_a_study_that_shows_something_was_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that its preflight refuses, for whatever reason, nor one that was stopped."""

    def made(model: str, task: str) -> tuple[Done, list[Path]]:
        spec = {"model": model, "task": task, "rounds": 4, "limit": 12}
        runs = running.run([RunSpec.model_validate(spec)], out=tmp_path, controls=False)
        done = execute("transitions", {}, runs={"run": runs[0]}, out=tmp_path)
        return done, [*tmp_path.rglob(LOOKS)]

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    refused, noted = made("planted:scores", "planted-scores")  # by what transitions itself needs
    assert not refused.result["able"]
    assert not noted
    chain = "planted:chain?accuracy=.4,cl=.9,cs=.3"
    with monkeypatch.context() as patch:
        patch.setattr("selfcorrect.studies.transitions.analysis.turning", stopped)
        with pytest.raises(KeyboardInterrupt):
            made(chain, "planted")
    assert not [*tmp_path.rglob(LOOKS)]
    done, noted = made(chain, "planted")
    assert (done.result["looks"], len(noted)) == ([12], 1)


def test_a_run_that_uses_the_truth_says_so_first(tmp_path: Path) -> None:
    for strategy, said in (("checking-oracle", True), ("intrinsic", False)):
        spec = {"model": CHAIN.format(0), "task": "planted", "rounds": 5, "limit": 60}
        [run] = running.run(
            [RunSpec.model_validate({**spec, "strategy": strategy})], out=tmp_path, controls=False
        )
        done = execute("transitions", {}, runs={"run": run}, out=tmp_path, folder=run.folder)
        assert done.result["oracle"] is said
        assert ("uses the truth (oracle)" in done.sheet.findings[0]) is said


def chain_of(seed: int, cs: list[float], cl: list[float], n: int = 240) -> Chain:
    """Half are right at first; the rates of each step are these."""
    rng = np.random.default_rng(seed)
    y = np.zeros((n, len(cs) + 1))
    y[:, 0] = rng.random(n) < 0.5
    for t, (mends, keeps) in enumerate(zip(cs, cl, strict=True)):
        y[:, t + 1] = rng.random(n) < np.where(y[:, t] == 1, keeps, mends)
    return Chain(y, np.arange(n) // 4, y.shape[1])


@pytest.mark.parametrize(
    ("cs", "cl"),
    [
        ([0.25, 0.25, 0.25, 0, 0, 0], [1.0] * 6),  # "more" in 97 % of runs
        ([0.25, 0.25, 0.25, 0, 0, 0], [0.9] * 3 + [1.0] * 3),  # in 99 %
        ([0.25] * 4 + [0.01], [1.0] * 5),  # in all
        ([0.3 * 0.5**t for t in range(6)], [1.0] * 6),  # dies out
        ([0.2] * 6, [0.85] * 6),  # where the chain has settled: a wrong side in 19 %
    ],
)
def test_no_further_round_is_said_to_bring_what_it_does_not(
    cs: list[float], cl: list[float]
) -> None:
    states = [following(chain_of(seed, cs, cl), 0.03)["state"] for seed in range(10)]
    assert sum(state in ("more", "less") for state in states) <= 1


def test_a_further_round_that_brings_or_costs_answers_is_said_to() -> None:
    for seed in range(3):
        assert following(chain_of(seed, [0.3] * 2, [0.99] * 2, 600), 0.03)["state"] == "more"
        assert following(chain_of(seed, [0.01] * 2, [0.7] * 2, 600), 0.03)["state"] == "less"
    still = following(chain_of(0, [0.002] * 5, [0.998] * 5, 4000), 0.03)
    assert still["state"] == "same"
    few = following(Chain(chain_of(0, [0.3] * 2, [0.9] * 2).right, np.arange(240) // 60, 3), 0.03)
    assert few["state"] == "few"


def test_a_run_that_goes_back_and_forth_says_so_first(tmp_path: Path) -> None:
    spec = {"model": "planted:chain?accuracy=.5,cl=0,cs=1", "task": "planted", "rounds": 6}
    [run] = running.run(
        [RunSpec.model_validate({**spec, "limit": 60})], out=tmp_path, controls=False
    )
    done = execute("transitions", {}, runs={"run": run}, out=tmp_path, folder=run.folder)
    assert done.result["alternating"]["value"] > 0.3
    assert "go back and forth between two answers" in done.sheet.findings[0]
