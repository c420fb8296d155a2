"""Control vectors in GGUF: written so that another reader finds the same, and read with care."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from made_concepts import made
from planted_states import HIDDEN, LAYERS, PlantedStates
from selfcorrect.concepts import activation
from selfcorrect.concepts.control_vectors import export, load
from selfcorrect.errors import UserError


def written(path: Path, tensors: dict[str, np.ndarray], kind: str = "controlvector") -> Path:
    """A file as repeng writes it."""
    writer = gguf.GGUFWriter(str(path), kind)
    writer.add_string("controlvector.model_hint", "llama")
    writer.add_uint32("controlvector.layer_count", len(tensors))
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def directions(layers: range = range(1, LAYERS), hidden: int = HIDDEN) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {f"direction.{n}": rng.standard_normal(hidden).astype(np.float32) for n in layers}


def test_another_reader_finds_the_directions(tmp_path: Path) -> None:
    concept = made(LAYERS, HIDDEN)
    assert export(concept, tmp_path / "x.gguf", "llama") == LAYERS - 1
    read = gguf.GGUFReader(tmp_path / "x.gguf")
    assert read.get_field("general.architecture").contents() == "controlvector"
    assert read.get_field("controlvector.model_hint").contents() == "llama"
    assert read.get_field("controlvector.layer_count").contents() == LAYERS - 1
    found = {t.name: np.array(t.data) for t in read.tensors}
    assert list(found) == [f"direction.{n}" for n in range(1, LAYERS)]  # llama.cpp has no layer 0
    for n in range(1, LAYERS):
        step = concept.directions[n] * concept.scale[n]
        assert found[f"direction.{n}"].dtype == np.float32
        assert np.allclose(found[f"direction.{n}"], step / np.linalg.norm(step), atol=1e-6)


def test_what_was_exported_is_imported(tmp_path: Path) -> None:
    concept = made(LAYERS, HIDDEN)
    export(concept, tmp_path / "x.gguf", "llama")
    model = PlantedStates()
    found = load(tmp_path / "x.gguf", "y", model)
    assert (found.kind, found.name, found.layer, found.there) == ("imported", "y", 2, (1, 2, 3))
    for n in found.there:
        assert np.allclose(found.vector(n), concept.vector(n), atol=1e-6)
    assert "neither of which weights" in found.figures["imported"]["unknown"]
    assert found.bound.fingerprint == model.fingerprint
    # its activation is the cosine of what a state is beyond the model's mean state
    states = model.states_of(["a text"], "residual", 9).numpy().astype(float)
    z = states[0, 2] - found.centre[2]
    wanted = z @ concept.vector(2) / np.linalg.norm(z)
    assert activation(states, found).cosine[0, 2] == pytest.approx(wanted, abs=1e-5)
    assert np.isnan(activation(states, found).cosine[0, 0])
    # as long as the model's states are
    lengths = np.linalg.norm(model.states_of(model.asked[:40], "residual", 9).numpy(), axis=-1)
    assert found.norms[1] == pytest.approx(np.median(lengths[:, 1]), rel=0.1)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (directions(hidden=HIDDEN + 4), "made for another model"),
        (directions(range(1, LAYERS + 1)), f"for layer {LAYERS}"),
        ({"direction.1": np.zeros(HIDDEN, np.float32)}, "all zero"),
        ({"direction.1": np.full(HIDDEN, np.nan, np.float32)}, "infinities or NaN"),
        ({"direction.1": np.ones(HIDDEN, np.float16)}, r"F16.*direction\.N in F32"),
        ({"blk.1.weight": np.ones(HIDDEN, np.float32)}, "'blk.1.weight'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tmp_path: Path, tensors: Any, said: str) -> None:
    path = written(tmp_path / "x.gguf", tensors)
    with pytest.raises(UserError, match=said):
        load(path, "y", PlantedStates())


def test_what_is_no_control_vector(tmp_path: Path) -> None:
    path = written(tmp_path / "x.gguf", directions(), "llama")
    with pytest.raises(UserError, match="GGUF file of 'llama' and no control vector"):
        load(path, "y", PlantedStates())
    (tmp_path / "y.gguf").write_bytes(b"hello")
    with pytest.raises(UserError, match="can't be read as GGUF"):
        load(tmp_path / "y.gguf", "y", PlantedStates())
    raw = path.read_bytes()
    (tmp_path / "z.gguf").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(UserError, match=r"can't be read as GGUF|no control vector"):
        load(tmp_path / "z.gguf", "y", PlantedStates())
    with pytest.raises(UserError, match="there is no file"):
        load(tmp_path / "none", "y", PlantedStates())
    with pytest.raises(UserError, match="no direction of layer 0: it has 3 from 1 to 3"):
        load(written(tmp_path / "w.gguf", directions()), "y", PlantedStates(), layer=0)


def test_what_can_not_be_exported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the mlp block's output"):
        export(made(site="mlp"), tmp_path / "x.gguf", "llama")
    (tmp_path / "x.gguf").write_bytes(b"mine")
    with pytest.raises(UserError, match="is there already"):
        export(made(), tmp_path / "x.gguf", "llama")
    assert (tmp_path / "x.gguf").read_bytes() == b"mine"
