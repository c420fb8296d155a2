"""Many workers make the records that one makes, whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes."""
    out = tmp_path_factory.mktemp("one")
    runs.run(spec(), out=out)
    return out


def test_processes_make_the_same_records(tmp_path: Path, one: Path) -> None:
    seen: list[runs.Progress] = []
    executor = ExecutorSettings(workers=2)
    done = runs.run(spec(), out=tmp_path, executor=executor, progress=seen.append)
    assert records(tmp_path) == records(one)
    assert done.complete
    last = seen[-1]
    assert (last.dialogues, last.steps) == (80, last.all_steps)
    assert last.outcome is not None
    first = [r.header.transcript for r in (done, runs.open_run(one / done.folder.name))]
    assert first[0] == first[1] != ""


@pytest.mark.slow
def test_a_ray_cluster_of_two_workers_makes_the_same_records(tmp_path: Path, one: Path) -> None:
    pytest.importorskip("ray")
    executor = ExecutorSettings(workers=2, ray="local", cpus=0.5)
    runs.run(spec(), out=tmp_path, executor=executor)
    assert records(tmp_path) == records(one)


def test_a_ray_cluster_without_room_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0, "memory": 1e9})
    executor = ExecutorSettings(ray="local", cpus=4096)
    with pytest.raises(UserError, match="at local has no room for a worker of 4096 CPUs"):
        runs.run(spec(), out=tmp_path, executor=executor)


def test_a_larger_limit_is_continued_by_others(tmp_path: Path) -> None:
    runs.run(spec(limit=40), out=tmp_path / "many")
    runs.run(spec(limit=80), out=tmp_path / "many", executor=ExecutorSettings(workers=2))
    runs.run(spec(limit=40), out=tmp_path / "one")
    runs.run(spec(limit=80), out=tmp_path / "one")
    assert records(tmp_path / "many") == records(tmp_path / "one")


@pytest.mark.parametrize(
    ("executor", "said"),
    [
        (ExecutorSettings(workers=0), "workers must be at least 1, not 0"),
        (ExecutorSettings(ray="127.0.0.1:9"), "there is no Ray cluster at 127.0.0.1:9"),
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


LONG = {"limit": 1200, "chunk": 100}


def started(out: Path) -> subprocess.Popen[bytes]:
    given = [f"{name}={value}" for name, value in {**SPEC, **LONG}.items()]
    command = [sys.executable, "-m", "selfcorrect", "run", *given, "--workers", "2"]
    return subprocess.Popen(
        [*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The records of one process that nothing happens to."""
    out = tmp_path_factory.mktemp("undisturbed")
    runs.run(spec(**LONG), out=out)
    return records(out)


def workers_of(pid: int) -> list[int]:
    """The processes that hold a driver's models."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for file in children for child in file.read_text().split()]
    return [p for p in found if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


def until(what: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


pytest_linux = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")


@pytest_linux
def test_a_worker_that_is_killed_is_replaced(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    killed: list[int] = []

    def kill(progress: runs.Progress) -> None:
        if progress.dialogues and not killed:
            killed.append(workers_of(os.getpid())[0])
            os.kill(killed[0], signal.SIGKILL)

    executor = ExecutorSettings(workers=2)
    assert runs.run(spec(**LONG), out=tmp_path, executor=executor, progress=kill).complete
    assert killed
    assert records(tmp_path) == undisturbed
    assert not list(tmp_path.rglob("*.unfinished"))


@pytest_linux
def test_a_driver_that_is_killed_leaves_a_folder_to_go_on_from(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    process = started(tmp_path)
    until(lambda: len(workers_of(process.pid)) == 2)
    pids = workers_of(process.pid)
    until(lambda: list(tmp_path.rglob("*.parquet")))
    process.kill()
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert len(list(tmp_path.rglob("*.parquet"))) < 3 * 12  # it was in the middle
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))  # no orphans
    assert runs.run(spec(**LONG), out=tmp_path).complete
    assert records(tmp_path) == undisturbed
    assert not list(tmp_path.rglob("*.unfinished"))
