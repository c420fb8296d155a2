"""Odd things at the names of a run's files, and where files are read: one sentence, no waiting."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import printed
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.runs import manifest, verify
from selfcorrect.runs.run import find_run
from selfcorrect.runs.store import Store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and sockets have names elsewhere")

ARGS = ("--model", "planted:scores", "--task", "planted-scores", "--rounds", "2", "--limit", "6",
        "--chunk", "4", "--no-controls")  # fmt: skip


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        there = os.getcwd()
        os.chdir(path.parent)  # names of sockets are short
        try:
            made.bind(path.name)
        finally:
            os.chdir(there)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


ODD: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": _socket,
    "device": _device,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    printed("run", *ARGS, "--out", out)
    [folder] = out.iterdir()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "out" / made.name)


NAMES = ("record", "run.toml", "SHA256SUMS", "looks.json", "set-aside.json", "report.html",
         "timing", ".lock", ".lock-owner", "run.toml.unfinished", "record.unfinished")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        pytest.param(name, odd, marks=() if odd == "pipe" or name == "record" else pytest.mark.slow)
        for name in NAMES
        for odd in ODD
    ],
)
def test_odd_things_at_a_name_of_a_run(name: str, odd: str, folder: Path) -> None:
    """Nothing waits for a pipe, and nothing is a traceback; what can't be written is said."""
    record = sorted((folder / "records").iterdir())[0].name
    timing = record.replace(".parquet", ".json")
    names = {"record": f"records/{record}", "timing": f"timing/{timing}",
             "record.unfinished": f"records/{record}.unfinished"}  # fmt: skip
    place = folder / names.get(name, name)
    if place.exists():
        place.unlink()
    ODD[odd](place)
    seen = ["report"] if name == "report.html" else ["show", "verify"]
    for words in (
        *([command, str(folder)] for command in seen),
        ["run", *ARGS, "--limit", "8", "--out", str(folder.parent)],
    ):
        done = CliRunner().invoke(app, words)
        assert done.exit_code in (0, 1, 2), done.output
        assert "Traceback" not in done.output
        if done.exit_code == 2:
            assert len(done.stderr.splitlines()) == 1, done.stderr
    if name == "record":
        why = "is a link that leads out" if odd == "device" else "is in the way"
        assert f"{place} {why}" in " ".join(done.stderr.split())
        assert done.exit_code == 2


def test_a_link_at_an_unfinished_files_name_is_not_written_through(folder: Path) -> None:
    other = folder.parent / "other.txt"
    other.write_text("mine")
    (folder / "looks.json.unfinished").symlink_to(other)
    with pytest.raises(UserError, match="is in the way"):
        Store(folder).put("looks.json", b"[]", replace=True)
    assert other.read_text() == "mine"


@pytest.mark.parametrize("odd", ODD)
def test_odd_things_where_a_file_is_read(odd: str, tmp_path: Path) -> None:
    """Data, specs, strategies, dialogues, functions, concepts: none is waited for."""
    for words in (
        ["run", "SPEC.toml"],
        ["run", "--task", "choices", "--data", "DATA.csv"],
        ["run", "--task", "choices", "--data", "DATA.jsonl"],
        ["run", "--task", "choices", "--data", "DATA.parquet"],
        ["run", "--strategy", "./MINE.toml"],
        ["run", "--task", "TASK.py:make"],
        ["run", "--concept", "./C.safetensors"],
        ["measure", "TALK.jsonl"],
        ["concept", "show", "./C.safetensors"],
        ["concept", "train", "--labelled", "L.jsonl", "--to", "new.safetensors"],
    ):
        place = tmp_path / next(
            w.removeprefix("./").partition(":")[0]
            for w in words
            if w.removeprefix("./")[:1].isupper()
        )
        if not os.path.lexists(place):
            ODD[odd](place)
        full = [w.replace(place.name, str(place)).replace("./", "") for w in words]
        done = CliRunner().invoke(
            app, [*full, *(["--out", str(tmp_path)] if "run" in full else [])]
        )
        assert done.exit_code == 2, (words, done.output)
        assert "Traceback" not in done.output
        assert len(done.stderr.splitlines()) <= 1 or "Usage" in done.stderr, done.stderr


def test_stray_files_in_a_journal_are_left_and_do_no_harm(folder: Path) -> None:
    journal = folder / "journal"
    journal.mkdir()
    (journal / "notes.txt").write_text("mine")
    (journal / "0000000-zzzzzzzz.json").write_text("{")
    os.mkfifo(journal / "0000001-00000000.json")
    (journal / "0000002-00000000.json").mkdir()
    printed("run", *ARGS, "--out", folder.parent)
    printed("run", *ARGS, "--limit", "8", "--out", folder.parent)
    assert len(list(journal.iterdir())) == 4


def test_journals_of_what_is_stored_are_cleared_on_the_next_open(folder: Path) -> None:
    """A kill between storing a piece and clearing its journal leaves both."""
    arms = hashlib.blake2b(folder.name.encode(), digest_size=4).hexdigest()
    journal = folder / "journal"
    journal.mkdir()
    for at in (0, 5, 6):  # the last isn't stored yet
        (journal / f"{at:07}-{arms}.json").write_text(json.dumps({"rows": {}, "encoded": 0}))
    printed("run", *ARGS, "--out", folder.parent)
    assert [path.name for path in journal.iterdir()] == [f"0000006-{arms}.json"]


def test_verify_takes_the_digest_of_each_piece_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = find_run(str(folder), Path())
    pieces = len(list((folder / "records").iterdir()))
    taken: list[int] = []

    class Counting:
        def __init__(self, data: bytes) -> None:
            taken.append(len(data))
            self._hash = hashlib.sha256(data)

        def hexdigest(self) -> str:
            return self._hash.hexdigest()

    class Hashes:
        sha256 = Counting

    monkeypatch.setattr(manifest, "hashlib", Hashes)
    assert not verify.verify(run).problems
    assert len(taken) == pieces


@pytest.mark.slow
@pytest.mark.parametrize("value", ["[1]", "3", "-1", '"text"', "{a = 1}", "true", "nan", "[[[]]]"])
def test_wrong_types_in_run_toml_are_one_sentence(value: str, folder: Path) -> None:
    """Each key in turn; what its value doesn't matter to is shown."""
    whole = (folder / "run.toml").read_text().splitlines()
    keys = [n for n, line in enumerate(whole) if " = " in line and line[0].isalpha()]
    for number in keys:
        name = whole[number].partition(" = ")[0]
        if whole[number].endswith(('"""', "[")):
            continue
        changed = [*whole]
        changed[number] = f"{name} = {value}"
        (folder / "run.toml").write_text("\n".join(changed))
        for command in ("show", "verify", "report"):
            done = CliRunner().invoke(app, [command, str(folder)])
            assert done.exit_code in (0, 1, 2), (command, name, value, done.output)
            assert "Traceback" not in done.output, (command, name, value, done.output)


@pytest.mark.parametrize("how", ["deleted", "moved", "another in its place"])
def test_a_folder_that_goes_while_it_is_locked_is_not_made_again(tmp_path: Path, how: str) -> None:
    store = Store(tmp_path / "run")
    with store.lock():
        store.put("records/a", b"1")
        if how == "deleted":
            shutil.rmtree(store.root)
        else:
            store.root.rename(tmp_path / "elsewhere")
        if how == "another in its place":
            store.root.mkdir()
            (store.root / ".lock").touch()
        with pytest.raises(UserError, match="it was moved or deleted meanwhile"):
            store.put("records/b", b"1")
    assert not (store.root / "records").exists()
    with store.lock():  # the next command begins anew
        assert store.put("records/b", b"1")


@pytest.mark.parametrize("name", ["run.toml", "records", "looks.json"])
def test_a_file_that_says_it_is_huge_is_not_read(tmp_path: Path, name: str) -> None:
    """Sparse ones cost whoever makes them nothing, and took all memory."""
    printed("run", *ARGS, "--out", tmp_path)
    [run] = [path for path in tmp_path.iterdir() if path.is_dir()]
    file = sorted((run / "records").iterdir())[0] if name == "records" else run / name
    file.write_bytes(file.read_bytes() if file.exists() else b"{}")
    os.truncate(file, 2**40)
    done = CliRunner().invoke(app, ["show", str(run)])
    assert done.exit_code == 2, done.output
    assert "larger than" in done.stderr
    assert file.name in done.stderr
