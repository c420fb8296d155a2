"""A run that somebody sent is read as it is: nothing outside is opened, nothing in it written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import selfcorrect
from commands import printed, refused
from executed import a_spec
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.runs import find_run, open_run, run
from selfcorrect.runs import made_here as signing
from selfcorrect.runs.made_here import SIGNATURE
from selfcorrect.runs.store import Store

#: What is watched, while it is: every place that is opened, every connection, every process.
_seen: list[tuple[str, str]] = []
_watching = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event == "open" and isinstance(args[0], str | bytes):
        _seen.append((event, os.fsdecode(args[0])))
    elif event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.exec"):
        _seen.append((event, repr(args[1:])))


sys.addaudithook(_hook)


@pytest.fixture
def watch() -> Iterator[Callable[[], list[tuple[str, str]]]]:
    global _watching
    _seen.clear()
    _watching = True
    yield lambda: list(_seen)
    _watching = False


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs with their controls as somebody may send them: they name places that are there."""
    whole, out = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("sent")
    arms = [a_spec(strategy=each, rounds=6) for each in ("intrinsic", "negation", "anchor")]
    run(arms, out=whole)
    bait = tmp_path_factory.mktemp("bait")
    for name in ("data.jsonl", "concept.safetensors", "strategy.toml", "scorer.py", "config.json"):
        (bait / name).write_text("bait")
    for folder in whole.iterdir():
        shutil.copytree(folder, out / folder.name)
        file = out / folder.name / "run.toml"
        text = file.read_text().rsplit("# sha256", 1)[0]
        text = text.replace('name = "planted"\n', f'name = "bbq"\ndata = "{bait}/data.jsonl"\n', 1)
        text = re.sub(r"\[spec\.task\.options\][^\[]*", "", text)
        text = text.replace("figures = []", 'figures = ["bias score"]')
        extra = f'[spec.concepts]\nbiased = "{bait}/concept.safetensors"\n'
        extra += f'[spec.scorer]\nname = "python:{bait}/scorer.py:grade"\n'
        text = re.sub(r"\[spec\.scorer\][^\[]*", "", text)
        text = re.sub(r"\[spec\.concepts\][^\[]*", "", text)
        file.write_text(text + extra)
    return out


def _one(out: Path) -> Path:
    return next(p for p in out.iterdir() if "intrinsic" in p.name)


def _state(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}


COMMANDS = [
    ["show", "RUN"], ["show", "RUN", "--json"], ["show", "RUN", "--unread"],
    ["compare", "RUN", "OTHER", "--json"], ["advise", "RUN"], ["verify", "RUN"],
    ["audit", "RUN", "--simulations", "100"], ["plan", "--like", "RUN"], ["grade", "RUN"],
    pytest.param(["theory", "bridge", "RUN"], marks=pytest.mark.slow),
    pytest.param(["study", "transitions", "--of", "RUN"], marks=pytest.mark.slow),
    ["export", "RUN", "--jsonl", "OUT/x.jsonl"],
    ["report", "RUN", "--report-to", "OUT/report.html"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_nothing_outside_is_opened_and_nothing_in_it_written(
    sent: Path, tmp_path: Path, words: list[str], watch: Callable[[], Any]
) -> None:
    mine = _one(sent)
    other = next(p for p in sent.iterdir() if "repeat" in p.name)
    put = {"RUN": str(mine), "OTHER": str(other)}
    words = [put.get(word, word.replace("OUT", str(tmp_path))) for word in words]
    if words[0] in ("theory", "study"):
        words += ["--out", str(tmp_path)]
    before = _state(sent)
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    seen = watch()
    assert done.exit_code == (2 if words[0] == "grade" else 0), done.output
    assert not [each for each in seen if each[0] != "open"]
    ours = [sys.prefix, sys.base_prefix, str(Path(selfcorrect.__file__).parent), str(sent)]
    ours += [str(tmp_path), "/proc", "/sys", "/dev", "/usr", "/lib", "/etc"]
    ours += [str(Path(p).resolve()) for p in sys.path if p]
    state = str(signing.user_state_path("selfcorrect"))
    outside = {
        place
        for _, place in seen
        if not str(Path(place).absolute()).startswith((*ours, state)) and place != "."
    }
    assert not outside
    assert _state(sent) == before


def test_figures_that_need_the_data_are_left_out_with_a_word(sent: Path) -> None:
    notes = json.loads(printed("show", _one(sent), "--json"))["notes"]
    (note,) = [each for each in notes if "figures of the task bbq itself" in each]
    assert "wasn't made here" in note
    assert "--data PLACE says where its data lie" in note
    named = json.loads(printed("show", _one(sent), "--json", "--data", sent / "none.jsonl"))
    assert any("none.jsonl" in each for each in named["notes"])


def test_a_scorer_that_only_the_run_names_is_not_opened(sent: Path) -> None:
    assert "what a run's folder names is not opened by itself" in refused("grade", _one(sent))


def test_a_run_that_was_made_here_is_ones_own(whole: Path, tmp_path: Path) -> None:
    mine = _one(whole)
    assert (mine / SIGNATURE).is_file()
    found = open_run(mine)
    assert not found.received
    moved = Path(shutil.copytree(whole, tmp_path / "moved"))
    assert not open_run(_one(moved)).received
    file = _one(moved) / "run.toml"
    file.write_bytes(file.read_bytes() + b"\n")
    assert open_run(_one(moved)).received


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.unlink(),
        lambda file: file.write_text("0" * 64),
        lambda file: file.write_bytes(b"\xff" * 9),
        lambda file: (file.unlink(), file.mkdir()),
        lambda file: (file.unlink(), os.mkfifo(file)),
        lambda file: (file.unlink(), file.symlink_to("/dev/zero")),
    ],
    ids=["none", "another", "bytes", "folder", "pipe", "device"],
)
def test_without_a_signature_it_is_received(whole: Path, tmp_path: Path, change: Any) -> None:
    moved = Path(shutil.copytree(whole, tmp_path / "moved"))
    change(_one(moved) / SIGNATURE)
    assert open_run(_one(moved)).received


def test_another_user_has_another_key(whole: Path, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(signing, "user_state_path", lambda _: tmp_path / "elsewhere")
    assert open_run(_one(whole)).received
    assert not (tmp_path / "elsewhere").exists()
    signing.sign(Store(tmp_path), b"x")
    key = tmp_path / "elsewhere" / "made-here.key"
    assert key.stat().st_mode & 0o777 == 0o600
    again = key.read_bytes()
    signing.sign(Store(tmp_path), b"y")
    assert key.read_bytes() == again


def test_a_received_run_that_is_extended_names_what_the_user_has_named(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    mine = run(a_spec(limit=8), out=out, controls=False).folder
    file = mine / "run.toml"
    text = file.read_text()
    assert "max_failed = 0.05" in text
    file.write_text(text.replace("max_failed = 0.05", "max_failed = 0.5"))
    assert open_run(mine).received
    run(a_spec(limit=16), out=out, controls=False)
    found = open_run(mine)
    assert not found.received
    assert found.header.spec.max_failed == 0.05


@pytest.mark.parametrize("name", ["..", ".", ""])
def test_a_control_is_a_neighbour(whole: Path, tmp_path: Path, name: str) -> None:
    moved = Path(shutil.copytree(whole, tmp_path / "moved"))
    file = _one(moved) / "run.toml"
    file.write_text(re.sub(r'(\[controls\]\n\S+ = )"[^"]*"', rf'\1"{name}"', file.read_text()))
    assert f"{name!r} is no name" in refused("show", _one(moved))


LINKED = ["run.toml", "looks.json", "SHA256SUMS", "audit.json"]


@pytest.mark.parametrize("name", [*LINKED, "records", "PIECE"])
def test_a_link_out_of_the_folder_is_not_followed(whole: Path, tmp_path: Path, name: str) -> None:
    moved = Path(shutil.copytree(whole, tmp_path / "moved"))
    mine = _one(moved)
    if name == "PIECE":
        name = str(next(mine.glob("records/*")).relative_to(mine))
    there = tmp_path / "outside"
    if (mine / name).exists():
        shutil.move(mine / name, there)
    else:
        there.write_text("[]")
    (mine / name).symlink_to(there)
    done = CliRunner().invoke(app, ["show", str(mine)], catch_exceptions=False)
    assert done.exit_code == 2
    assert "is a link that leads out of the run's folder" in done.stderr


def test_a_link_within_the_folder_is_followed(whole: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(_one(whole), tmp_path / "mine"))
    (mine / "records").rename(mine / "kept")
    (mine / "records").symlink_to("kept")
    (tmp_path / "way").symlink_to(mine)
    assert printed("show", tmp_path / "way")


@pytest.mark.parametrize("name", ["x.json.unfinished", ".lock", ".lock-owner"])
def test_what_a_link_leads_to_is_never_written(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).symlink_to(precious)
    store = Store(folder)
    try:
        with store.lock():
            store.put("x.json", b"theirs", replace=True)
    except UserError as error:
        assert "system says" in str(error)  # noqa: PT017
    assert precious.read_text() == "mine"


def test_a_pipe_where_a_file_is_to_be_written_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json.unfinished")
    with pytest.raises(UserError, match=r"x\.json is in the way"):
        Store(tmp_path).put("x.json", b"x")


# -- a folder that can't be written to ------------------------------------------------------------


@pytest.fixture
def sealed(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run in a folder that can't be written to, by root either."""
    moved = Path(shutil.copytree(whole, tmp_path / "moved"))
    opened = os.open

    def refuse(path: Any, flags: int, *args: Any, **how: Any) -> int:
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and str(moved) in str(path):
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, flags, *args, **how)

    monkeypatch.setattr(os, "open", refuse)
    return moved


def test_a_complete_run_is_shown_where_nothing_can_be_written(sealed: Path, tmp_path: Path) -> None:
    assert "accuracy" in printed("show", _one(sealed))
    sentence = refused("report", _one(sealed))
    assert "read-only file system" in sentence
    assert "--report-to FILE" in sentence
    page = tmp_path / "page.html"
    assert str(page) in printed("report", _one(sealed), "--report-to", page)
    assert str(page) in printed("report", _one(sealed), "--report-to", page)
    (tmp_path / "own.txt").write_text("mine")
    assert "isn't a report" in refused("report", _one(sealed), "--report-to", tmp_path / "own.txt")


def test_run_shows_it_too_and_says_that_there_is_no_page(sealed: Path) -> None:
    spec = find_run(str(_one(sealed)), sealed).header.spec
    file = sealed.parent / "spec.toml"
    file.write_text(
        f"rounds = {spec.rounds}\nchunk = {spec.chunk}\nlimit = {spec.limit or 10**6}\n[task]\n"
        'name = "planted"\n[task.options]\n'
        + "".join(f"{k} = {v!r}\n" for k, v in spec.task.options.items())
        + f'[model]\nname = "{spec.model.name}"\n[strategy]\nname = "{spec.strategy.name}"\n'
    )
    words = ["run", str(file), "--out", str(sealed)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "accuracy" in done.stdout
    assert "the report wasn't written" in done.stderr
    assert "--report-to FILE" in done.stderr


@pytest.mark.slow
def test_a_user_who_may_not_write(whole: Path, tmp_path: Path) -> None:
    """The same by the system's own permissions, as nobody where the tests are root's."""
    moved = Path(shutil.copytree(whole, tmp_path / "moved"))
    for path in [*moved.rglob("*"), moved]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    how: dict[str, Any] = {"user": 65534} if os.getuid() == 0 else {}
    for up in (tmp_path, *tmp_path.parents[:3]):
        up.chmod(0o755)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "selfcorrect", "show", str(_one(moved))],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/nonexistent"},
            capture_output=True,
            text=True,
            timeout=100,
            **how,
        )
    except PermissionError:
        pytest.skip("nobody may not run this Python")
    assert done.returncode == 0, done.stderr[-500:]
    assert "accuracy" in done.stdout
