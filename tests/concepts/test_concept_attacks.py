"""Files and places given by mistake, or on purpose: one sentence, soon, and nothing is lost."""

from __future__ import annotations

import copy
import json
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from commands import refused
from made_concepts import made
from planted_states import PlantedStates
from selfcorrect.cli import app
from selfcorrect.concepts import read, write
from selfcorrect.concepts.control_vectors import export, load
from selfcorrect.concepts.data import from_file
from selfcorrect.concepts.make import make
from selfcorrect.concepts.words import read_words
from selfcorrect.errors import UserError
from selfcorrect.places import new_file

AREA = {"auroc": 0.8, "low": 0.7, "high": 0.9, "n": 20, "clusters": 10}
CHANGE = {"value": 0.1, "low": 0.0, "high": 0.2, "n": 20, "clusters": 10}
FIGURES: dict[str, Any] = {
    "n": 20,
    "clusters": 10,
    "layers": [
        {"layer": n, "auroc": 0.8, "low": 0.7, "high": 0.9, "shuffled": 0.5, "masked": None}
        for n in (0, 1)
    ],
    "nested": {**AREA, "layers": [0, 1]},
    "layer": 1,
    "text_only": AREA,
    "words": ["good", "bad"],
    "in_place": "thing",
    "words_given": False,
    "data": {"about": "x", "fingerprint": "d" * 16, "texts": 20, "clusters": 10, "left_out": 0,
             "why_left_out": ""},
    "shuffles": 3,
}  # fmt: skip


def _shown(path: Path) -> list[str]:
    return [
        CliRunner().invoke(app, ["concept", "show", str(path), *more], catch_exceptions=False)
        .output
        for more in ([], ["--json"])
    ]  # fmt: skip


ALTERED: list[Any] = [
    *((("layers",), value) for value in (None, 3, "abc", [{}], [], [[]])),
    *((("layers", 0, "layer"), value) for value in ("[/bold]", 7, -1, None, 0.5)),
    *((("layers", 0, "auroc"), value) for value in ("high", 2, -1, [1])),
    *((("n",), value) for value in ("12", None, -1, 1.5, True, [])),
    *((("nested",), value) for value in ("x", None, {}, {**AREA, "layers": "x"})),
    (("nested", "auroc"), "x"),
    (("text_only", "low"), "x"),
    *((("data",), value) for value in ([1], "x", {}, None)),
    (("data", "fingerprint"), "e" * 16),
    (("layer",), 0),
    *((("chosen",), value) for value in ("x", 2)),
    *((("beyond_words",), value) for value in ("x", {}, {**CHANGE, "value": "x"})),
    (("when_masked",), {**CHANGE, "low": -3}),
    (("prefill",), 3),
    *((("words",), value) for value in ([1, 2], "x", {}, [["a"]])),
    (("in_place",), 3),
    (("shuffles",), "3"),
    *((("imported",), value) for value in ({}, "x", None, {"file": 1})),
]


@pytest.mark.parametrize(("where", "value"), ALTERED)
def test_figures_that_no_training_writes(
    tmp_path: Path, where: tuple[Any, ...], value: Any
) -> None:
    figures = copy.deepcopy(FIGURES)
    inner = figures
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    write(made(figures=figures), tmp_path / "x.safetensors")
    said = refused("concept", "show", tmp_path / "x.safetensors")
    assert "figures" in said
    assert len(said) < 400


@pytest.mark.parametrize("gone", [key for key in FIGURES if key != "layer"])
def test_figures_of_which_a_part_is_missing(tmp_path: Path, gone: str) -> None:
    figures = {key: value for key, value in FIGURES.items() if key != gone}
    write(made(figures=figures), tmp_path / "x.safetensors")
    assert gone in refused("concept", "show", tmp_path / "x.safetensors")


def test_figures_as_they_are_written_are_shown(tmp_path: Path) -> None:
    write(made(figures=FIGURES), tmp_path / "x.safetensors")
    text, table = _shown(tmp_path / "x.safetensors")
    assert "layers are counted from 0 to 1" in text
    assert json.loads(table)["nested"]["auroc"] == 0.8


def test_a_sparse_file_is_refused_by_what_it_says(tmp_path: Path) -> None:
    layers, hidden = 1 << 12, 1 << 17
    at, head = 0, {"__metadata__": {"format": "selfcorrect concept 1"}}
    for name in ("directions", "centre", "scale", "bias", "norms"):
        shape = [layers] if name in ("bias", "norms") else [layers, hidden]
        size = 4 * layers * (hidden if len(shape) > 1 else 1)
        told: Any = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        head[name], at = told, at + size
    text = json.dumps(head).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    os.truncate(path, 8 + len(text) + at)
    with pytest.raises(UserError, match="too large to be a concept"):
        read(path)


def _gguf(*settings: bytes, of_keys: int | None = None, tensors: int = 0) -> bytes:
    count = len(settings) if of_keys is None else of_keys
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, count) + b"".join(settings)


def _key(name: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", kind) + value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_gguf(_key("a", 9, struct.pack("<IQ", 4, 1 << 40)) + b"\0" * 1000), "1,099,511,627,776"),
        (_gguf(_key("a", 9, struct.pack("<IQ", 8, 1 << 40)) + b"\0" * 1000), "1,099,511,627,776"),
        (_gguf(_key("a", 9, struct.pack("<IQ", 0, 9_999)) + b"\0" * 9), "ends too early"),
        (_gguf(_key("a", 9, struct.pack("<IQ", 0, 20_000)) + b"\0" * 20_000), "20,000 elements"),
        (_gguf(_key("a", 9, struct.pack("<IQIQ", 9, 1, 0, 1)) + b"\0"), "of the type 9"),
        (_gguf(_key("a", 8, struct.pack("<Q", 1 << 62))), "ends too early"),
        (_gguf(_key("a", 77, b"\0" * 8)), "of the type 77"),
        (_gguf(of_keys=300_000), "300,000 settings"),
        (_gguf(tensors=1 << 40), "1,099,511,627,776 tensors"),
        (_gguf() + b"\0" * 7, "can't be read as GGUF|GGUF file of 'nothing'"),
        (b"", "ends too early"),
        (b"GGUF", "ends too early"),
    ],
)
def test_a_gguf_file_that_claims_what_it_has_not(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        load(path, "y", PlantedStates())


def test_a_model_in_gguf_is_looked_at_alike(tmp_path: Path) -> None:
    from selfcorrect.models.local.gguf import convert

    path = tmp_path / "x.gguf"
    path.write_bytes(_gguf(_key("a", 9, struct.pack("<IQ", 8, 1 << 40)) + b"\0" * 1000))
    with pytest.raises(UserError, match="elements"):
        convert(path, tmp_path)


def test_lists_of_words_are_files_and_short(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none", "a\0b"):
        with pytest.raises(UserError):
            read_words(path)
    (tmp_path / "many").write_text("\n".join(map(str, range(2_001))))
    (tmp_path / "long").write_text("x" * 100_001)
    for name in ("many", "long"):
        with pytest.raises(UserError, match="at most 2,000 words in 100,000 bytes"):
            read_words(tmp_path / name)


def _data(folder: Path, labels: Callable[[int], Any] = lambda n: n % 2) -> Path:
    rows = [{"text": f"{'good' if n % 2 else 'bad'} {n}", "label": labels(n)} for n in range(40)]
    path = folder / "data.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_what_is_there_is_not_lost(tmp_path: Path) -> None:
    data = _data(tmp_path)
    before = data.read_bytes()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    unopened: Any = None  # nothing is asked of the model before the place is known to be well
    for out, said in [
        (data, "isn't a concept's"),
        (tmp_path / "link", "isn't a concept's"),
        (tmp_path / "pipe", "a device or a pipe"),
        (tmp_path / "loop", "can't be a file's place|there is no"),
        (tmp_path, "is a folder"),
        (".", "is a folder"),
        (tmp_path / "none" / "dir" / "x", "there is no folder"),
        ("a\0b", "can't be a file's place"),
    ]:
        with pytest.raises(UserError, match=said):
            make("x", unopened, data=data, out=out)
        if said != "there is no folder":
            with pytest.raises(UserError, match=said):
                write(made(), out)
        if out != data:
            with pytest.raises(UserError, match=f"{said}|is there already"):
                export(made(), Path(out), "llama")
    assert data.read_bytes() == before
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "pipe").is_fifo()
    assert not (tmp_path / "none").exists()
    assert {each.name for each in tmp_path.iterdir()} == {"data.jsonl", "pipe", "link", "loop"}


def test_a_link_to_a_concept_stays_one(tmp_path: Path) -> None:
    write(made(), tmp_path / "x.safetensors")
    (tmp_path / "link").symlink_to(tmp_path / "x.safetensors")
    write(replace(made(seed=1), name="y"), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert read(tmp_path / "x.safetensors").name == "y"


def test_other_commands_lose_nothing_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "mine.html").write_text("<!doctype html><title>mine</title>")
    from selfcorrect.report.sheet import Sheet, is_page, page

    with pytest.raises(UserError, match="isn't a page of ours"):
        new_file(tmp_path / "mine.html", "a page of ours", is_page)
    (tmp_path / "ours.html").write_text(page(Sheet("t", "q", [], [])))
    assert new_file(tmp_path / "ours.html", "a page of ours", is_page).is_file()
    with pytest.raises(UserError, match="a device or a pipe"):
        new_file(tmp_path / "pipe", "a new file", lambda _: True)


def test_texts_that_have_both_labels(tmp_path: Path) -> None:
    rows = [{"text": f"text {n // 2}", "label": n % 2} for n in range(40)]
    path = tmp_path / "both.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError, match="all 40 texts have both labels"):
        from_file(path, "x")
    more = [{"text": f"other {n}", "label": n % 2} for n in range(20)]
    path.write_text("\n".join(map(json.dumps, [*rows, *more])))
    found = from_file(path, "x")
    assert len(found.items) == 20
    assert (found.left_out, found.why) == (40, "40 of them as their text has both labels")


def test_texts_that_no_layer_tells_apart_are_no_concept(tmp_path: Path) -> None:
    class Deaf(PlantedStates):
        def states_of(self, texts: Any, kind: Any, most: int) -> Any:
            return 0 * super().states_of(texts, kind, most) + 1

    data = _data(tmp_path)
    with pytest.raises(UserError, match=r"no layer of .* tells the texts from each other"):
        make("x", Deaf(), data=data, kind="mean", out=tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()


def test_labels_as_other_programs_write_them(tmp_path: Path) -> None:
    data = _data(tmp_path, lambda n: float(n % 2))
    assert sum(item.label for item in from_file(data, "x").items) == 20


def test_the_planted_language_is_masked_by_a_word_of_its_own(tmp_path: Path) -> None:
    every = [json.loads(line) for line in _planted().read_text("utf-8").splitlines()]
    rows = [row for side in (0, 1) for row in [r for r in every if int(r["label"]) == side][:12]]
    data = tmp_path / "mine.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    train = ("concept", "train", "plus", "--model", "planted:mixture", "--data", str(data),
             "--kind", "mean")  # fmt: skip
    out = tmp_path / "plus.safetensors"
    done = CliRunner().invoke(app, [*train, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert read(out).figures["in_place"] == "table"
    said = refused(*train, "--in-place", "zebra", "--out", tmp_path / "no.safetensors")
    assert "zebra" in said


def _planted() -> Path:
    import selfcorrect.concepts

    return Path(selfcorrect.concepts.__file__).with_name("texts") / "planted.jsonl"
