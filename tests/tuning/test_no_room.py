"""A disk that is full, or a folder that isn't to be written to: every writer has one sentence, and
leaves no half of a file. The system itself refuses here, by a limit on the size of files."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import made_concepts
import tiny
from selfcorrect import runs
from selfcorrect.cli.export import to_jsonl
from selfcorrect.concepts.control_vectors import export
from selfcorrect.concepts.file import write
from selfcorrect.errors import UserError
from selfcorrect.places import put
from selfcorrect.runs.report import write_pages
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning import chosen
from selfcorrect.tuning.choose import Asked
from selfcorrect.tuning.fit import Settings, fit
from selfcorrect.tuning.made import stored
from selfcorrect.tuning.tune import tune

TEXTS = [Text(f"t{n}", f"the grandfather and the grandson of {n}", f"c{n}") for n in range(6)]
SETTINGS = Settings(steps=2, batch=2)


@contextmanager
def no_room(bytes_: int = 100) -> Iterator[None]:
    """Files can't be larger than this: as on a full disk a part is written, and then none."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _export(place: Path) -> Any:
    export(made_concepts.made(hidden=64), place / "c.gguf", "llama")


def _kept(place: Path) -> Any:
    rows = [[1, *range(5 + n, 12 + n)] for n in range(4)]
    fit(tiny.network("gpt2", 300), rows, SETTINGS, keep=place, every=1)


@pytest.mark.parametrize(
    "writes",
    [
        lambda place: put(place / "x.html", b"x" * 1000),
        lambda place: write(made_concepts.made(hidden=64), place / "c.safetensors"),
        _export,
        _kept,
    ],
    ids=["a page", "a concept", "a control vector", "a state of tuning"],
)
def test_a_full_disk_is_a_sentence(tmp_path: Path, writes: Callable[[Path], Any]) -> None:
    with no_room(), pytest.raises(UserError, match=r"can't be written \(.*[Ff]ile too large.*\): "):
        writes(tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file() and not p.name.endswith(".new")] == []
    writes(tmp_path)
    assert any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    values = {"model": "planted:chain", "task": "planted", "rounds": 2, "limit": 8}
    return runs.run(runs.read_spec(values=values), out=tmp_path_factory.mktemp("runs"))


def test_what_was_there_stays(run: Any, tmp_path: Path) -> None:
    for name, writes in (
        ("lines.jsonl", lambda place: to_jsonl(run, place, replace=True)),
        ("page.html", lambda place: write_pages([run], place)),
    ):
        writes(tmp_path / name)
        before = (tmp_path / name).read_bytes()
        with no_room(), pytest.raises(UserError, match="can't be written"):
            writes(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    assert len([*tmp_path.iterdir()]) == 2


def test_a_tuned_model_that_finds_no_room_can_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.model("llama")
    model.engine.network.save_pretrained(tmp_path / "parent")
    model.vocabulary.tokenizer.save_pretrained(tmp_path / "parent")
    parent, out = str(tmp_path / "parent"), tmp_path / "out"
    weights = (tmp_path / "parent" / "model.safetensors").stat().st_size
    # its state, of which nothing is kept here, would be larger than the weights
    with no_room(weights // 2), pytest.raises(UserError, match=r"out can't be written"):
        tune(parent, TEXTS, out, SETTINGS, every=100)
    assert not out.exists()
    with monkeypatch.context() as patch:  # where it is known beforehand no step is done in vain
        patch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=weights // 2))
        with pytest.raises(UserError, match="make room, or give an --out elsewhere"):
            tune(parent, TEXTS, out, SETTINGS, told=lambda *_: pytest.fail("a step was done"))
    assert tune(parent, TEXTS, out, SETTINGS) == out
    modes = {file.stat().st_mode for file in out.iterdir()}
    assert len(modes) == 1  # weights, too, may be read by whom all else may be read by


def test_subsets_are_there_all_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any
) -> None:
    rng = np.random.default_rng(0)
    asked = Asked(TEXTS, rng.random(6), rng.random(6), np.ones(6), rng.random(6), np.ones(6), 5)
    picked = {"uncertain": [0, 1], "random": [2, 3]}
    monkeypatch.setattr("selfcorrect.tuning.made.user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setattr(chosen, "choose", lambda made, *_: made(run.spec) and (asked, picked))
    monkeypatch.setattr(chosen, "run_specs", lambda *_, **__: run)
    spec = runs.read_spec(values={"model": "planted:chain"})
    stored(None, 6, 0, swap=False)
    # lines of texts.jsonl don't fit, those of the subsets do
    with no_room(400), pytest.raises(UserError, match="allow more, and run the same command again"):
        chosen.choose_to(spec, None, 2, tmp_path / "to", limit=6)
    assert not (tmp_path / "to").exists()
    found = chosen.choose_to(spec, None, 2, tmp_path / "to", limit=6)
    assert set(found.files) == set(picked)
    assert all(len(file.read_text().splitlines()) == 2 for file in found.files.values())


def test_a_folder_made_while_the_model_was_asked_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any
) -> None:
    asked = Asked(TEXTS, np.zeros(6), np.ones(6), np.ones(6), np.ones(6), np.ones(6), 5)
    mine = tmp_path / "to" / "mine.txt"

    def meanwhile(made: Any, *_: object) -> Any:
        made(run.spec)
        mine.parent.mkdir()
        mine.write_text("mine")
        return asked, {"random": [0]}

    monkeypatch.setattr("selfcorrect.tuning.made.user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.setattr(chosen, "choose", meanwhile)
    monkeypatch.setattr(chosen, "run_specs", lambda *_, **__: run)
    spec = runs.read_spec(values={"model": "planted:chain"})
    with pytest.raises(UserError, match="is there already"):
        chosen.choose_to(spec, None, 1, mine.parent, limit=6)
    assert [mine] == [*mine.parent.iterdir()]


def test_a_cache_that_is_no_folder_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("mine")
    monkeypatch.setattr("selfcorrect.tuning.made.user_cache_path", lambda _: tmp_path / "cache")
    with pytest.raises(UserError, match=r"can't be written \(Not a directory\)"):
        stored(None, 6, 0, swap=False)
