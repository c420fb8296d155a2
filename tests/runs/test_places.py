"""A run's folder may lie on any file system that fsspec knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from selfcorrect import runs
from selfcorrect.cli import main
from selfcorrect.errors import UserError
from selfcorrect.runs import ExecutorSettings, find_run, read_spec
from selfcorrect.runs.paths import folder_path
from selfcorrect.runs.store import Store

SPEC = read_spec(
    values={"model": "planted:chain", "task": "planted", "rounds": 2, "chunk": 16, "limit": 40}
)


@pytest.fixture
def bucket() -> Iterator[Any]:
    """Files in memory, of this test alone."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


def held(files: Any) -> dict[str, bytes]:
    return {n: files.cat_file(n) for n in files.find("/") if n.endswith(".parquet")}


@pytest.mark.parametrize(
    "executor", [ExecutorSettings(), ExecutorSettings(workers=2)], ids=["here", "two workers"]
)
def test_a_run_in_a_bucket_is_that_in_a_folder(
    bucket: Any, tmp_path: Path, executor: ExecutorSettings
) -> None:
    far = runs.run(SPEC, out="memory://some/runs", executor=executor)
    near = runs.run(SPEC, out=tmp_path)
    files = {"/some/runs/" + str(p.relative_to(tmp_path)): p for p in tmp_path.rglob("*.parquet")}
    assert held(bucket) == {name: path.read_bytes() for name, path in files.items()}
    assert far.records.equals(near.records)
    assert far.complete
    assert far.control("repeat") is not None
    assert far.report().read_text("utf-8").startswith("<!doctype html>")
    again = runs.run(SPEC, out="memory://some/runs")
    assert again.folder == far.folder


def test_it_goes_on_where_it_was_stopped(bucket: Any) -> None:
    runs.run(SPEC, out="memory://runs")
    whole = held(bucket)
    for name in list(whole)[::2]:
        bucket.rm_file(name)
    runs.run(SPEC, out="memory://runs")
    assert held(bucket) == whole


def test_it_is_found_and_shown(bucket: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert bucket is not None
    run = runs.run(SPEC, out="memory://runs")
    assert find_run(str(run.folder), Path("nowhere")).wanted == 40
    for command in (["show", str(run.folder)], ["show", "planted-intr", "--out", "memory://runs"]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 0
        assert "round accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"),
    [("nosuch://x/y", "can't hold runs"), ("gs://x/y", "can't be reached: .*install")],
)
def test_what_is_no_place_is_told(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        folder_path(name)


def test_this_machines_addresses_are_paths(tmp_path: Path) -> None:
    assert folder_path(f"file://{tmp_path}") == tmp_path
    assert folder_path(tmp_path) == tmp_path


def test_what_a_bucket_says_is_told(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise RuntimeError("no credentials were found")

    monkeypatch.setattr(type(bucket), "_open", refuses)
    with pytest.raises(UserError, match=r"cannot use the run folder memory://.*no credentials"):
        Store(folder_path("memory://x")).put("run.toml", b"")
