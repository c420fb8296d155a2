"""A concept's file: what goes in comes out, and what isn't one is one sentence."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from made_concepts import made
from selfcorrect.concepts import Concept, read, write
from selfcorrect.concepts.binding import check_fits
from selfcorrect.errors import UserError


def test_what_was_written_is_read(tmp_path: Path) -> None:
    concept = made()
    write(made(seed=1), tmp_path / "x.safetensors")
    write(concept, tmp_path / "x.safetensors")
    found = read(tmp_path / "x.safetensors")
    assert found.fingerprint == concept.fingerprint
    assert found.bound == concept.bound
    assert found.figures == {"seen": 3}
    assert (found.name, found.kind, found.site, found.layer) == ("x", "mean", "residual", 1)
    for name in ("directions", "centre", "scale", "bias", "norms"):
        assert np.array_equal(getattr(found, name), getattr(concept, name))
    assert [each.name for each in tmp_path.iterdir()] == ["x.safetensors"]


def test_the_fingerprint_is_of_what_is_read_with_it() -> None:
    concept = made()
    other = replace(concept, bias=concept.bias + 1)
    assert other.fingerprint != concept.fingerprint
    assert replace(concept, layer=0).fingerprint != concept.fingerprint
    assert replace(concept, figures={}, place="y").fingerprint == concept.fingerprint


def test_another_library_reads_the_file(tmp_path: Path) -> None:
    concept = made()
    write(concept, tmp_path / "x.safetensors")
    raw = (tmp_path / "x.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    head = json.loads(raw[8 : 8 + size])
    assert head["__metadata__"]["name"] == "x"
    start, end = head["directions"]["data_offsets"]
    body = raw[8 + size :][start:end]
    assert np.array_equal(np.frombuffer(body, "<f4").reshape(2, 3), concept.directions)


def _changed(path: Path, head: dict[str, str | None], arrays: dict[str, Any]) -> None:
    """A file with other parts of the header and other arrays."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        told: dict[str, Any] = {**file.metadata(), **head}
    every = {**load_file(path), **arrays}
    save_file(
        {k: v for k, v in every.items() if v is not None},
        path,
        {k: v for k, v in told.items() if v is not None},
    )


def bound(**changed: Any) -> dict[str, str | None]:
    return {"bound": json.dumps({**asdict(made().bound), **changed})}


@pytest.mark.parametrize(
    ("head", "arrays", "said"),
    [
        ({"format": None}, {}, "no concept"),
        ({"kind": "magic"}, {}, "kind that isn't known, 'magic'"),
        ({"site": "head"}, {}, "kind that isn't known, 'head'"),
        ({"layer": "2"}, {}, "its layer is '2', and it has 0 to 1"),
        ({"layer": "-1"}, {}, "its layer is '-1'"),
        ({"layer": "9" * 5000}, {}, "its layer is"),
        ({"name": "../x"}, {}, "a concept's name"),
        ({"name": None}, {}, "a concept's name"),
        ({"layer": "\u0661"}, {}, "its layer is"),
        ({"bound": "{}"}, {}, "to what it is bound"),
        (bound(model="x" * 900_000), {}, "model in its header is 'xx"),
        (bound(hook="elsewhere"), {}, "hook being 'elsewhere' and not 'output of the layer'"),
        (bound(norm="layernormed"), {}, "norm being 'layernormed'"),
        (bound(shown="zzz"), {}, "shown being 'zzz' and not 'text' or 'message'"),
        ({"bound": "[" * 100_000}, {}, "bound in its header is no JSON"),
        ({"figures": '{"x": NaN}'}, {}, "figures in its header is no JSON"),
        ({"figures": '{"x": 1e999}'}, {}, "figures in its header is no JSON"),
        ({"figures": "[1]"}, {}, "figures in its header is no table"),
        ({"figures": "x" * (1 << 21)}, {}, "longer than any"),
        ({}, {"directions": np.full((2, 3), np.nan, np.float32)}, "directions holds infinities"),
        ({}, {"bias": np.array([0, np.inf], np.float32)}, "bias holds infinities"),
        ({}, {"scale": np.zeros((2, 3), np.float32)}, "not above 0"),
        ({}, {"norms": -np.ones(2, np.float32)}, "below 0"),
        ({}, {"centre": np.zeros((2, 4), np.float32)}, "centre has the shape"),
        ({}, {"directions": np.zeros((0, 3), np.float32)}, "the shape"),
        ({}, {"directions": np.zeros((2, 3), np.float32)}, "no direction in its own layer"),
        ({}, {"norms": np.ones(2, np.float64)}, "norms in F64"),
        ({}, {"norms": None}, "lacks 'norms'"),
        ({}, {"more": np.ones(2, np.float32)}, "holds something else, 'more'"),
        ({}, {"bias": np.ones(1 << 18, np.float32)}, "no model's states"),
        ({}, {"centre": np.ones((1 << 12, (1 << 12) + 1), np.float32)}, "no model's states"),
    ],
)
def test_what_is_no_concept_is_one_sentence(
    tmp_path: Path, head: dict[str, str | None], arrays: dict[str, Any], said: str
) -> None:
    path = tmp_path / "x.safetensors"
    write(made(), path)
    _changed(path, head, arrays)
    with pytest.raises(UserError, match=said) as raised:
        read(path)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        struct.pack("<Q", 1 << 62) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 8) + b"[[[[[[[[",
        struct.pack("<Q", 70)
        + b'{"a":{"dtype":"F32","shape":[4,4],"data_offsets":[0,9999]}}'.ljust(70),
    ],
)
def test_what_is_no_file_of_safetensors_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"safetensors|can't be read"):
        read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, "a\0b"):
        with pytest.raises(UserError):
            read(path)


def test_a_concept_of_another_model_is_refused() -> None:
    concept: Concept = made()
    of = concept.bound
    check_fits(concept, "m", of.fingerprint)
    check_fits(concept, "m", of.fingerprint, (of.tokenizer, of.template, of.bos))
    with pytest.raises(UserError, match=r"was made for tiny .*: its template is another"):
        check_fits(concept, "m", "0" * 16, (of.tokenizer, "other", of.bos))
    for known, part in (
        (("other", of.template, of.bos), "tokenizer"),
        ((of.tokenizer, "other", of.bos), "template"),
        ((of.tokenizer, of.template, not of.bos), r"token before a text \(BOS\)"),
    ):
        with pytest.raises(UserError, match=rf"bound to m, but to another {part} than that has"):
            check_fits(concept, "m", of.fingerprint, known)


def test_what_a_file_says_twice_it_says_alike(tmp_path: Path) -> None:
    write(made(figures={"layer": 0}), tmp_path / "x.safetensors")
    with pytest.raises(UserError, match="its figures chose layer 0, and it has 1"):
        read(tmp_path / "x.safetensors")


def test_a_vector_is_the_step_seen_from_outside() -> None:
    concept = made()
    step = concept.directions[1] * concept.scale[1]
    assert np.allclose(concept.vector(1), step / np.sqrt((step**2).sum()), atol=1e-6)
    with pytest.raises(UserError, match="no direction in layer 2: it has layers 0 to 1"):
        concept.vector(2)
