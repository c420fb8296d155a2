"""Many workers make the records that one makes, whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfcorrect import runs
from selfcorrect.errors import UserError
from selfcorrect.models.planted import load as planted
from selfcorrect.runs import ExecutorSettings, RunSpec, read_spec

SPEC = {"model": "planted:chain", "task": "planted", "rounds": 3, "chunk": 16, "limit": 80}


def spec(**more: object) -> RunSpec:
    return read_spec(values={**SPEC, **more})


def records(folder: Path) -> dict[str, bytes]:
    """Every file of records below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.parquet")}


def alone(out: Path, **more: object) -> dict[str, bytes]:
    runs.run(spec(**more), out=out)
    return records(out)


@pytest.mark.parametrize(
    "executor", [ExecutorSettings(workers=2), ExecutorSettings(workers=3)], ids=str
)
def test_processes_make_the_same_records(tmp_path: Path, executor: ExecutorSettings) -> None:
    seen: list[runs.Progress] = []
    done = runs.run(spec(), out=tmp_path / "many", executor=executor, progress=seen.append)
    assert records(tmp_path / "many") == alone(tmp_path / "one")
    assert done.complete
    last = seen[-1]
    assert (last.dialogues, last.steps) == (80, last.all_steps)
    assert last.outcome is not None
    first = [
        r.header.transcript for r in (done, runs.open_run(tmp_path / "one" / done.folder.name))
    ]
    assert first[0] == first[1] != ""


def test_a_ray_cluster_of_two_workers_makes_the_same_records(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    executor = ExecutorSettings(workers=2, ray="local", cpus=0.5)
    runs.run(spec(), out=tmp_path / "many", executor=executor)
    assert records(tmp_path / "many") == alone(tmp_path / "one")


def test_a_larger_limit_is_continued_by_others(tmp_path: Path) -> None:
    runs.run(spec(limit=40), out=tmp_path / "many", executor=ExecutorSettings(workers=2))
    runs.run(spec(limit=80), out=tmp_path / "many", executor=ExecutorSettings(workers=2))
    runs.run(spec(limit=40), out=tmp_path / "one")
    assert records(tmp_path / "many") == alone(tmp_path / "one")


@pytest.mark.parametrize(
    ("executor", "said"),
    [
        (ExecutorSettings(workers=0), "workers must be at least 1, not 0"),
        (ExecutorSettings(ray="127.0.0.1:9"), "there is no Ray cluster at 127.0.0.1:9"),
        (ExecutorSettings(ray="local", cpus=4096), "no room for a worker of 4096 CPUs"),
    ],
)
def test_what_can_not_be_is_said(tmp_path: Path, executor: ExecutorSettings, said: str) -> None:
    if executor.ray:
        pytest.importorskip("ray")
    with pytest.raises(UserError, match=said):
        runs.run(spec(), out=tmp_path, executor=executor)


def test_an_open_model_can_not_be_shared(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give its name, not an open one"):
        runs.run(
            spec(),
            out=tmp_path,
            model=planted("planted:chain"),
            executor=ExecutorSettings(workers=2),
        )


def test_what_a_worker_refuses_is_told(tmp_path: Path) -> None:
    table = spec(**{"model.name": "planted:two-concept", "task": "sample"})
    with pytest.raises(UserError) as alone_said:
        runs.run(table, out=tmp_path / "one")
    with pytest.raises(UserError) as said:
        runs.run(table, out=tmp_path / "many", executor=ExecutorSettings(workers=2))
    assert str(said.value) == str(alone_said.value)


def started(out: Path, *more: str) -> subprocess.Popen[bytes]:
    given = ["--model", "planted:chain", "--task", "planted", "--rounds", "3", "--limit", "6000"]
    command = [sys.executable, "-m", "selfcorrect", "run", *given, "--chunk", "500"]
    return subprocess.Popen(
        [*command, "--out", str(out), *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def workers_of(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes that hold its models."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    found = [int(pid) for pid in children.read_text().split()]
    return [p for p in found if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


def until(what: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


pytest_linux = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")


@pytest_linux
@pytest.mark.parametrize("killed", ["a worker", "the driver"])
def test_kill_9_costs_a_chunk_of_time_and_nothing_else(tmp_path: Path, killed: str) -> None:
    many = tmp_path / "many"
    process = started(many, "--workers", "2")
    until(lambda: len(workers_of(process)) == 2)
    pids = workers_of(process)
    until(lambda: list(many.rglob("*.parquet")))
    os.kill(pids[0] if killed == "a worker" else process.pid, signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    if killed == "a worker":
        assert process.returncode == 0, said.decode()
    else:
        assert process.returncode == -signal.SIGKILL
        assert len(list(many.rglob("*.parquet"))) < 3 * 12  # it was in the middle
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))  # no orphans
        again = started(many, "--workers", "2")
        _, said = again.communicate(timeout=120)
        assert again.returncode == 0, said.decode()
    one = started(tmp_path / "one")
    one.communicate(timeout=120)
    assert records(many) == records(tmp_path / "one")
    assert not list(many.rglob("*.unfinished"))
