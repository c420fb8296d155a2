"""Runs end to end on ``planted:chain``: found, continued, extended, killed, damaged, locked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from executed import a_spec, the_run
from selfcorrect import runs
from selfcorrect.errors import UserError
from selfcorrect.runs import Run, open_run, run
from tampered import put_records


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"strategy": "intrinsc"}, "did you mean 'intrinsic'"),
        ({"task": "plantd"}, "did you mean 'planted'"),
        ({"model": "planted:chan"}, "planted"),
        ({"strategy": {"name": "injection", "parameters": {"injectd": [2]}}}, "injected"),
        ({"task": {"name": "planted", "options": {"m": 3}}}, "'m'"),
    ],
)
def test_what_is_not_there(tmp_path: Path, changes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        run(a_spec(**changes), out=tmp_path)
    assert not list(tmp_path.iterdir())


CRITIC = """
about = "Another model looks at the answer."
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
[[again]]
say = "{question}"
from = "critic"
[[again]]
elicit = "answer"
"""


def test_a_users_strategy_may_not_pass_for_a_control(tmp_path: Path) -> None:
    from selfcorrect.strategies.reading import FOLDER

    file = tmp_path / "repeat.toml"
    file.write_bytes((FOLDER / "intrinsic.toml").read_bytes())
    with pytest.raises(UserError, match=r"repeat\.toml: repeat is the name of a control"):
        run(a_spec(strategy=str(file)), out=tmp_path / "out")
    file.write_bytes((FOLDER / "repeat.toml").read_bytes())
    assert run(a_spec(strategy=str(file)), out=tmp_path / "out").complete


def test_figures_of_changed_data_are_left_out(tmp_path: Path) -> None:
    """Numbers in the records (of categories, say) would stand for something else."""
    from selfcorrect.runs.task_at_hand import task_of_run

    whole = run(a_spec(limit=8), out=tmp_path)
    again = open_run(whole.folder)
    assert task_of_run(again)[1] == ""
    header = again.header
    prints = {**header.about["fingerprints"], "data": "0" * 16}
    changed = Run(again.folder, replace(header, about={**header.about, "fingerprints": prints}))
    assert task_of_run(changed)[0] is None
    assert any("changed since the run" in note for note in changed.summary()["notes"])


def test_a_model_that_is_not_bound(tmp_path: Path) -> None:
    file = tmp_path / "critic.toml"
    file.write_text(CRITIC)
    with pytest.raises(UserError, match=r"models\.critic=NAME"):
        run(a_spec(strategy=str(file)), out=tmp_path / "out")


def test_a_bound_model_speaks_and_is_in_the_name(tmp_path: Path) -> None:
    file = tmp_path / "critic.toml"
    file.write_text(CRITIC)
    folders = {
        run(
            a_spec(strategy=str(file), models={"critic": model}, limit=4),
            out=tmp_path / "out",
            controls=False,
        ).folder
        for model in ("planted:chain", "planted:chain?seed=3")
    }
    assert len(folders) == 2


def test_a_bound_model_that_is_never_asked_changes_nothing(tmp_path: Path, whole: Path) -> None:
    again = run(a_spec(models={"critic": "planted:chain?seed=3"}), out=tmp_path)
    assert again.folder.name == the_run(whole).folder.name
    assert again.spec.models == {}


def test_a_run_that_is_refused_before_its_first_dialogue_leaves_no_folder(tmp_path: Path) -> None:
    refused = a_spec(model="planted:eye", limit=4)
    with pytest.raises(UserError, match="answers the task 'shapes' only"):
        run(refused, out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_a_refused_run_found_in_its_folder_stays(tmp_path: Path) -> None:
    """A run that has begun, and whatever else lies in the folder that it would have had."""
    from selfcorrect.models.planted import load

    class Failing(type(load("planted:chain"))):  # type: ignore[misc]
        def open(self, _: int) -> Any:
            raise UserError("out of order")

    chain = load("planted:chain")
    broken = Failing(chain.name, chain.law)
    done = run(a_spec(limit=4), out=tmp_path, controls=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="out of order"):
        run(a_spec(limit=16), out=tmp_path, controls=False, model=broken)
    assert before.items() <= {p: p.read_bytes() for p in before}.items()
    assert open_run(done.folder).dialogues == 4
    other = tmp_path / "other" / done.folder.name
    other.mkdir(parents=True)
    (other / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="out of order"):
        run(a_spec(limit=16), out=tmp_path / "other", controls=False, model=broken)
    assert (other / "notes.txt").read_text() == "mine"


def test_a_damaged_control_does_not_hide_the_run(tmp_path: Path) -> None:
    done = run(a_spec(limit=8), out=tmp_path)
    (file,) = next(tmp_path.glob("planted-repeat-*")).glob("records/*.parquet")
    file.write_bytes(b"PAR1")
    summary = done.summary()
    assert set(summary["controls"]) == {"baseline"}
    assert any("control repeat is left out" in note for note in summary["notes"])


@pytest.mark.parametrize("name", ["example", "cluster", "round"])
def test_a_record_of_nothing_is_damage(tmp_path: Path, name: str) -> None:
    done = run(a_spec(limit=8), out=tmp_path, controls=False)
    (file,) = done.folder.glob("records/*.parquet")
    nulled = pl.when(pl.int_range(pl.len()) > 0).then(pl.col(name)).alias(name)
    put_records(file, pl.read_parquet(file).with_columns(nulled))
    with pytest.raises(UserError, match=rf"chunk-.* is damaged \(a record has no {name}\): delete"):
        done.summary()


def test_import_stays_light() -> None:
    code = "import selfcorrect.runs, sys; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert runs.CONTROLS == ("repeat", "baseline")
