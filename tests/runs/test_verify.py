"""What ``verify`` notices of a folder that isn't as it was written, or never was a run's."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, find_run
from selfcorrect.runs import run as make
from selfcorrect.runs.manifest import MANIFEST
from selfcorrect.runs.verify import verify


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two pieces, with samples and the scores of what they mean."""
    spec = RunSpec.model_validate(
        {
            "model": "planted:scores",
            "task": "planted-scores",
            "rounds": 2,
            "limit": 6,
            "chunk": 4,
            "samples": 2,
        }
    )
    [done] = make([spec], out=tmp_path_factory.mktemp("runs"), controls=False)
    assert verify(done).noted == 4
    return done.folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / made.name)


def problems(folder: Path) -> list[str]:
    return list(verify(find_run(str(folder), Path())).problems)


def piece(folder: Path, number: int = 0) -> Path:
    return sorted((folder / "records").iterdir())[number]


def rewritten(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change records, and note the new digest, as whoever wants to deceive would."""
    buffer = io.BytesIO()
    change(pl.read_parquet(path)).write_parquet(buffer)
    path.write_bytes(buffer.getvalue())
    manifest = path.parents[1] / MANIFEST
    lines = [
        line if path.name not in line or "records" not in line
        else f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {line.partition('  ')[2]}"
        for line in manifest.read_text().splitlines()
    ]  # fmt: skip
    manifest.write_text("\n".join(lines) + "\n")


def test_nothing_is_wrong_with_what_was_written(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    found = verify(find_run(str(folder), Path()))
    assert (found.pieces, found.dialogues, found.records, found.scored) == (2, 6, 12, 2)
    assert not found.missing
    assert not found.problems
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    done = CliRunner().invoke(app, ["verify", str(folder), "--json"])
    assert json.loads(done.stdout) == found.table()


@pytest.mark.parametrize("flips", [20, pytest.param(400, marks=pytest.mark.slow)])
def test_every_flipped_bit_is_noticed(folder: Path, flips: int) -> None:
    rng = np.random.default_rng(0)
    files = [*folder.rglob("*.parquet"), folder / "run.toml"]
    for _ in range(flips):
        path = files[rng.integers(len(files))]
        whole = path.read_bytes()
        place, bit = int(rng.integers(len(whole))), 1 << int(rng.integers(8))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        found: list[str] = []
        with suppress(UserError):  # of run.toml: there is no run to look at
            found = problems(folder) or ["nothing"]
        assert found != ["nothing"], (path, place, bit)
        path.write_bytes(whole)
    assert not problems(folder)


@pytest.mark.parametrize("command", [["show"], ["report"], ["export", "--jsonl", "x.jsonl"]])
def test_no_number_is_shown_of_a_piece_that_is_not_what_was_written(
    folder: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    path = piece(folder)
    whole = pl.read_parquet(path)
    whole.with_columns(outcome=pl.lit(1.0)).write_parquet(path)
    done = CliRunner().invoke(app, [command[0], str(folder), *command[1:]])
    assert done.exit_code == 2
    assert "isn't what was written" in done.stderr
    assert "delete that file" in done.stderr


WRONG: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = {
    "range": (lambda f: f.with_columns(confidence=pl.lit(1.5)), "confidence goes from 1.5"),
    "outcome": (lambda f: f.with_columns(outcome=pl.lit(11.0)), "an outcome 11.0 is not within"),
    "not finite": (
        lambda f: f.with_columns(entropy=pl.lit(np.inf)), "a number of entropy isn't finite"),
    "deep": (
        lambda f: f.with_columns(
            samples=pl.col("samples").list.eval(
                pl.element().struct.with_fields(logp=pl.lit(np.nan)))),
        "a number of logp isn't finite"),
    "counts": (lambda f: f.with_columns(encoded=pl.lit(-1, pl.Int32)), "encoded goes from -1"),
    "rounds": (
        lambda f: f.with_columns(round=pl.col("round") + 1), "aren't 1, 2 and so on"),
    "more rounds": (
        lambda f: pl.concat([f, f.with_columns(round=pl.col("round") + 2)]), "has 4 rounds, of 2"),
    "fewer": (lambda f: f.filter(pl.col("example") != f["example"][0]), "holds 3 dialogues"),
    "column": (lambda f: f.drop("steps"), "has no column steps"),
    "type": (lambda f: f.with_columns(outcome=pl.lit("1")), "its column outcome is String"),
    "nobody's": (
        lambda f: f.with_columns(cluster=pl.lit(None, pl.String)), "a record has no cluster"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_no_record_can_hold(folder: Path, name: str) -> None:
    change, said = WRONG[name]
    rewritten(piece(folder), change)
    assert any(said in problem for problem in problems(folder))
    done = CliRunner().invoke(app, ["verify", str(folder)])
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_a_piece_in_the_place_of_another(folder: Path) -> None:
    first, second = piece(folder), piece(folder, 1)
    copy = first.with_name(first.name.replace("0000004", "0000002"))
    shutil.copy(first, copy)
    told = " ".join(problems(folder))
    assert "hold the same positions" in told
    assert "stands in another piece" in told
    copy.unlink()
    second.unlink()
    found = verify(find_run(str(folder), Path()))
    assert found.missing == 2
    assert ["belongs to records that aren't there" in each for each in found.problems] == [True]


def test_what_lies_where_pieces_do(folder: Path) -> None:
    (folder / "records" / "x.parquet").mkdir()
    os.mkfifo(folder / "records" / "chunk-00007.0000028-0000032.parquet")
    (folder / "looks.json").unlink(missing_ok=True)
    (folder / "looks.json").mkdir()
    told = " ".join(problems(folder))
    assert "records/x.parquet is no file" in told
    assert "records/chunk-00007.0000028-0000032.parquet is no file" in told
    assert "looks.json is no file" in told


def test_of_many_problems_some_are_printed(folder: Path) -> None:
    for k in range(3, 103):
        (folder / "records" / f"chunk-{k:05}.{k * 4:07}-{k * 4 + 4:07}.parquet").write_bytes(b"")
    done = CliRunner().invoke(app, ["verify", str(folder)])
    assert done.exit_code == 2
    assert len(done.stdout.splitlines()) < 50
    assert "further problems; --json has all of them" in done.stdout


@pytest.mark.parametrize("text", ["x", "00  records/x", f"{'0' * 64}  ../../etc/passwd x"])
def test_a_manifest_that_is_none(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(UserError, match=r"line 1 of .* isn't a digest and a file's name"):
        problems(folder)


def test_a_run_without_digests_is_shown_and_says_so(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    done = CliRunner().invoke(app, ["verify", str(folder)])
    assert done.exit_code == 0
    assert "4 pieces without a digest" in done.stdout
    assert CliRunner().invoke(app, ["show", str(folder)]).exit_code == 0


def test_a_deleted_piece_is_made_again_as_it_was(folder: Path) -> None:
    before = (folder / MANIFEST).read_bytes()
    piece(folder).unlink()
    run = find_run(str(folder), Path())
    make([run.header.spec], out=folder.parent, controls=False)
    assert not problems(folder)
    assert (folder / MANIFEST).read_bytes() == before
