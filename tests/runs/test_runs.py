"""Specs, the store and the folder, apart from any model."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcorrect import records, strategies
from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, make_spec, open_run, read_spec
from selfcorrect.runs.identity import Facts, ModelFacts, folder_name, spec_hash
from selfcorrect.runs.pieces import Piece, cut, gaps, piece_bytes, read_piece
from selfcorrect.runs.store import Store

# --- specs ---------------------------------------------------------------------------------------


def test_defaults_and_shorthand() -> None:
    assert make_spec({}) == RunSpec()
    spec = make_spec({"model": "m", "task": "t", "strategy": "s", "models": {"critic": "c"}})
    assert (spec.model.name, spec.task.name, spec.strategy.name) == ("m", "t", "s")
    assert spec.models["critic"].name == "c"


def test_a_file_with_overrides(tmp_path: Path) -> None:
    file = tmp_path / "spec.toml"
    file.write_text('model = "a"\nrounds = 3\n[task]\nname = "bbq"\ndata = "x"\n')
    spec = read_spec(
        file,
        [
            "model.dtype=float32",
            "rounds = 7",
            "task=sample",
            "task.categories=['Age', 'SES']",
            "task.data=../shared/data",
            "strategy.parameters.injected=[2, 4]",
            "system=Be brief. # really",
            "models.critic=b",
        ],
        {"limit": 9, "models.critic.dtype": "bfloat16"},
    )
    assert (spec.model.name, spec.model.dtype, spec.rounds, spec.limit) == ("a", "float32", 7, 9)
    assert (spec.task.name, spec.task.data) == ("sample", "../shared/data")
    assert spec.task.categories == ("Age", "SES")
    assert spec.strategy.parameters == {"injected": [2, 4]}
    assert spec.system == "Be brief. # really"
    assert (spec.models["critic"].name, spec.models["critic"].dtype) == ("b", "bfloat16")
    assert make_spec(spec.toml()) == spec


@pytest.mark.parametrize(
    ("text", "where", "parts"),
    [
        ("rounds = 0", ":1", ["rounds must be at least 1, not 0"]),
        ("seed = 1\nchunk = 5000", ":2", ["chunk must be at most 4096, not 5000"]),
        ("limit = 0", ":1", ["limit must be at least 1"]),
        ("[model]\ndtype = 'float64'", ":2", ["no dtype 'float64'", "'float16'"]),
        ("[model]\nname = 'x'\ndevice = 'tpu'", ":3", ["model.device must be", "'tpu'"]),
        ("model.dtpye = 'float32'", ":1", ["'model.dtpye'", "did you mean 'dtype'?"]),
        ("rouns = 3", ":1", ["'rouns'", "did you mean 'rounds'"]),
        ("\n[tsk]\nname = 'bbq'", ":2", ["'tsk'", "'task'"]),
        ("rounds = 'three'", ":1", ["rounds", "whole number", "'three'"]),
        ("[model]\nname = ''", ":2", ["model.name must not be empty"]),
        ("model = 3", ":1", ["model must be a table"]),
        ("rounds = ", ":1", ["not valid TOML"]),
        ("rounds = 1\nrounds = 2", ":2", ["not valid TOML"]),
        ("[models.critic]\ndtype = 'half'", ":2", ["no dtype 'half'", "models.critic.dtype"]),
        ("seed = 1\ntask = 'bqb'", ":2", ["no task 'bqb'", "did you mean 'bbq'?"]),
        ("[task]\ndata = 'x'\nname = 'bqb'", ":3", ["no task 'bqb'", "did you mean 'bbq'?"]),
        ("\nstrategy.name = 'negatoin'", ":2", ["'negatoin'", "did you mean 'negation'?"]),
        ("system = '''\n[task]\nname = 1\n'''\nrounds = 0", ":5", ["rounds must be at least 1"]),
        ("strategy = 'repeat'\nmodels = { critic = { name = '' } }", ":2", ["models.critic.name"]),
        ("[models.'a.b']\nname = 'x'\ndtype = 'half'", ":3", ["no dtype 'half'"]),
        ("[task]\noptions.x = [\n1]\ncategories = [\n1]", ":4", ["task.categories.0"]),
    ],
)
def test_a_bad_spec_is_told_with_its_line(
    tmp_path: Path, text: str, where: str, parts: list[str]
) -> None:
    file = tmp_path / "spec.toml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_spec(file)
    said = str(caught.value)
    assert said.startswith(f"{file}{where}: ")
    assert all(part in said for part in parts), said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("rounds=0", "rounds must be at least 1, not 0."),
        ("rounds", "an override is KEY=VALUE"),
        ("rounds.x=1", "rounds"),
        ("=1", "an override is KEY=VALUE"),
        ("model.dtype=float8", "there is no dtype 'float8'"),
    ],
)
def test_a_bad_override(override: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        read_spec(None, [override])


def test_a_missing_or_unreadable_spec(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no spec file"):
        read_spec(tmp_path / "no.toml")
    (tmp_path / "latin.toml").write_bytes(b"system = '\xe9'")
    with pytest.raises(UserError, match="UTF-8"):
        read_spec(tmp_path / "latin.toml")
    with pytest.raises(UserError, match="cannot read"):
        read_spec(tmp_path)


# --- what names a folder -------------------------------------------------------------------------

FACTS = Facts(ModelFacts("m", "f" * 16, "bfloat16", "cuda:0"), "d" * 16)


def a_hash(facts: Facts = FACTS, **changes: Any) -> str:
    spec = make_spec(changes)
    return spec_hash(spec, facts, strategies.load(spec.strategy.name, spec.strategy.parameters))


def test_the_hash_is_of_what_decides_the_records_only() -> None:
    same = [
        {"limit": 5},
        {"task": {"name": "sample", "data": "elsewhere"}},
        {"skip_bad": True},
        {"model": {"device": "cuda:1"}},
    ]
    written = [{"task": {"options": {"n": n, "shuffle": s}}} for n, s in ((9, True), ("9", "true"))]
    assert len({a_hash(**changes) for changes in written}) == 1
    assert {a_hash(**changes) for changes in same} == {a_hash()}
    assert a_hash(Facts(ModelFacts("m", "f" * 16, "bfloat16", "cuda:1"), "d" * 16)) == a_hash()
    others = [
        {"rounds": 4},
        {"seed": 1},
        {"system": ""},
        {"chunk": 32},
        {"strategy": "negation"},
        {"strategy": "injection"},
        {"strategy": {"name": "injection", "parameters": {"injected": [2]}}},
        {"task": "bbq"},
        {"task": {"options": {"shuffle": True}}},
    ]
    facts = [
        Facts(ModelFacts("m", "e" * 16, "bfloat16", "cuda:0"), "d" * 16),
        Facts(ModelFacts("m", "f" * 16, "float32", "cuda:0"), "d" * 16),
        Facts(ModelFacts("m", "f" * 16, "bfloat16", "cpu"), "d" * 16),
        Facts(FACTS.model, "c" * 16),
        Facts(FACTS.model, "d" * 16, {"critic": FACTS.model}),
    ]
    hashes = [a_hash(), *(a_hash(**changes) for changes in others), *(a_hash(f) for f in facts)]
    assert len(set(hashes)) == len(hashes)


def test_the_hash_of_a_strategy_is_of_its_steps_not_its_place(tmp_path: Path) -> None:
    text = (strategies.reading.FOLDER / "intrinsic.toml").read_text()
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder, lines in zip(folders, ("", "# a comment\n\n"), strict=True):
        folder.mkdir()
        (folder / "mine.toml").write_text(lines + text)
    hashes = {a_hash(strategy=str(folder / "mine.toml")) for folder in folders}
    (folders[0] / "mine.toml").write_text(text.replace("{review}", "{review}!"))
    assert len(hashes | {a_hash(strategy=str(folders[0] / "mine.toml"))}) == 2


def test_folder_names_are_plain() -> None:
    spec = make_spec({"model": "/data/My Model.gguf/", "task": "t/../x"})
    name = folder_name(spec, strategies.load("intrinsic"), "0123456789abcdef")
    assert name == "t-x-intrinsic-my-model-gguf-01234567"


# --- pieces --------------------------------------------------------------------------------------


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 70))
def test_pieces_cover_once_and_stay_in_their_chunk(start: int, length: int, chunk: int) -> None:
    pieces = cut(start, start + length, chunk)
    assert [p for piece in pieces for p in range(piece.start, piece.end)] == list(
        range(start, start + length)
    )
    assert all(piece.start // chunk == piece.chunk == (piece.end - 1) // chunk for piece in pieces)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), max_size=6),
    st.integers(0, 30),
    st.integers(0, 40),
)
def test_gaps_are_what_no_piece_holds(held: list[tuple[int, int]], start: int, length: int) -> None:
    pieces = [Piece(0, a, a + n) for a, n in held]
    covered = {p for piece in pieces for p in range(piece.start, piece.end)}
    found = [p for a, b in gaps(pieces, start, start + length) for p in range(a, b)]
    assert found == [p for p in range(start, start + length) if p not in covered]


# --- the store -----------------------------------------------------------------------------------


def test_put_never_overwrites_a_complete_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    assert store.list() == []
    assert store.put("records/a", b"1")
    assert not store.put("records/a", b"2")
    assert store.read("records/a") == b"1"
    assert store.put("records/a", b"3", replace=True)
    assert store.list("records") == ["records/a"]
    assert store.read("records/a") == b"3"
    with pytest.raises(UserError, match="missing"):
        store.read("records/b")


def test_an_interrupted_put_leaves_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    store = Store(tmp_path)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        store.put("a", b"1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permissions"),
        (errno.EIO, "'Input/output error': see to that, and run the same command again"),
        (errno.EFBIG, "allow more, and run the same command again"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(
    tmp_path: Path, monkeypatch: Any, code: int, said: str
) -> None:
    store = Store(tmp_path)
    store.put("kept", b"1")

    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UserError, match=said) as caught:
        store.put("a", b"1")
    assert str(tmp_path) in str(caught.value)
    assert store.list() == ["kept"]


def test_leftovers_are_not_listed_and_cleared_under_the_lock(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("records/a", b"1")
    left = tmp_path / "records" / "b.unfinished"
    left.write_bytes(b"half")
    assert store.list("records") == ["records/a"]
    with store.lock():
        assert not left.exists()
        assert store.list() == []
    assert store.read("records/a") == b"1"


def test_two_processes_cannot_hold_one_folder(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from selfcorrect.runs.store import Store\n"
        "with Store(Path(sys.argv[1])).lock():\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError) as caught, Store(tmp_path).lock():
            pass
        assert str(tmp_path) in str(caught.value)
        assert f"process {other.pid}" in str(caught.value)
        other.kill()
    with Store(tmp_path).lock():  # the system lifted it
        pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    store = Store(small_disk / "run")
    store.put("kept", b"1")
    with pytest.raises(UserError, match="the disk is full"):
        store.put("records/big", b"x" * 100_000)
    assert store.list("records") == []
    assert store.read("kept") == b"1"
    assert store.put("records/small", b"x")


def test_a_disk_that_is_really_read_only(small_disk: Path) -> None:
    store = Store(small_disk / "run")
    store.put("kept", b"1")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(UserError, match="read-only"), store.lock():
        pass
    with pytest.raises(UserError, match="read-only"):
        store.put("more", b"2")
    assert store.read("kept") == b"1"


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with (
        pytest.raises(UserError, match="part of its path is a file"),
        Store(tmp_path / "run" / "x").lock(),
    ):
        pass


# --- records on disk -----------------------------------------------------------------------------


def rows(n: int) -> list[dict[str, Any]]:
    blank: dict[str, Any] = {**dict.fromkeys(records.SCHEMA), "cluster": "c"}
    return [
        blank | {"example": f"e{i}", "round": t, "text": "x" * i, "notes": [], "steps": []}
        for i in range(n)
        for t in (1, 2)
    ]


def test_a_piece_is_read_as_written_and_its_bytes_are_stable(tmp_path: Path) -> None:
    piece = Piece(3, 192, 200)
    for name in ("a", "b"):
        Store(tmp_path / name).put(piece.name, piece_bytes(rows(8)))
    assert read_piece(Store(tmp_path / "a"), piece).equals(records.frame(rows(8)))
    assert Store(tmp_path / "a").read(piece.name) == Store(tmp_path / "b").read(piece.name)


@pytest.mark.parametrize("keep", [0, 3, 500, -9, -1])
def test_a_damaged_piece_is_told(tmp_path: Path, keep: int) -> None:
    store, piece = Store(tmp_path), Piece(0, 0, 50)
    store.put(piece.name, piece_bytes(rows(50)))
    file = tmp_path / piece.name
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"is damaged .*delete that file and run") as caught:
        read_piece(store, piece, ["round"])
    assert str(file) in str(caught.value)


def test_other_columns_are_damage_too(tmp_path: Path) -> None:
    store, piece = Store(tmp_path), Piece(0, 0, 1)
    (tmp_path / "records").mkdir()
    records.frame(rows(1)).drop("text").write_parquet(tmp_path / piece.name)
    with pytest.raises(UserError, match="is damaged"):
        read_piece(store, piece)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(UserError, match="is not the folder of a run"):
        open_run(tmp_path)
    (tmp_path / "some-run").mkdir()
    (tmp_path / "some-run" / "run.toml").write_text("damaged =")
    with pytest.raises(UserError, match=r"some-run/run\.toml is damaged"):
        open_run(tmp_path)
    with pytest.raises(UserError, match=r"run\.toml is damaged"):
        open_run(tmp_path / "some-run")
    with pytest.raises(UserError, match=r"run\.toml is damaged"):
        open_run(tmp_path / "some-run" / "run.toml")
