"""Control vectors in GGUF, the format of llama.cpp and repeng: a direction a layer, and no more.

A tensor ``direction.N`` [H] in float32 is the direction of layer N, counted from 0; llama.cpp knows
none of layer 0. Nothing in such a file says of which weights, texts or kind the directions are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from selfcorrect.concepts.data import bundled
from selfcorrect.concepts.file import Concept
from selfcorrect.concepts.names import check_name
from selfcorrect.concepts.states import ReadsTexts, bound_to, states_of
from selfcorrect.errors import UserError
from selfcorrect.models.base import Model
from selfcorrect.models.local.gguf_header import check_header
from selfcorrect.places import new_file, unfinished

ARCHITECTURE = "controlvector"
#: What a control vector may hold: few settings, short lists, a tensor a layer.
_MOST_KEYS, _MOST_ELEMENTS, _MOST_LAYERS = 100, 10_000, 4_096
_MOST_BYTES = 1 << 28
_DIRECTION = re.compile(r"direction\.(\d{1,5})")
#: The texts that tell where the states of a model lie, and how long they are.
_REFERENCE = "correct"
#: What an imported file can't tell.
UNKNOWN = (
    "the file says neither of which weights nor of which texts it was made: only its layers and "
    "the size of its directions were compared with the model's"
)


def export(concept: Concept, path: Path, hint: str) -> int:
    """Write the directions of a concept as a control vector; returns how many.

    Args:
        concept: one of the residual stream.
        path: of the file, which must not be there yet.
        hint: what kind of model it is for (``llama``), as its configuration says.

    Raises:
        UserError: it is of another site, has no layer but the first, or can't be written.
    """
    import gguf

    if concept.site != "residual":
        raise UserError(
            f"the concept {concept.name} is of the {concept.site} block's output, and control "
            "vectors are of the residual stream: train it with --site residual."
        )
    there = [layer for layer in concept.there if layer > 0]
    if not there:
        raise UserError(f"the concept {concept.name} has no direction beyond layer 0.")
    place = new_file(path, "a control vector")
    with unfinished(place) as part:
        writer = gguf.GGUFWriter(str(part), ARCHITECTURE)
        writer.add_string(f"{ARCHITECTURE}.model_hint", hint)
        writer.add_uint32(f"{ARCHITECTURE}.layer_count", len(there))
        for layer in there:
            writer.add_tensor(f"direction.{layer}", concept.vector(layer))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return len(there)


def load(path: str | Path, name: str, model: Model, layer: int | None = None) -> Concept:
    """A control vector as a concept of a model.

    The model tells what the file doesn't: where its states lie (their mean over the package's own
    statements), and how long they are.

    Args:
        path: of the file.
        name: of the concept.
        model: an open model with as many layers, and states of as many numbers.
        layer: the one that counts as chosen; by default that in the middle of those there are.

    Raises:
        UserError: it is no such file, or doesn't fit the model.
    """
    check_name(name)
    path = Path(path).expanduser()
    if not path.is_file():
        raise UserError(f"there is no file {path}; give a control vector in GGUF.")
    if path.stat().st_size > _MOST_BYTES:
        raise UserError(f"{path} is too large to be a control vector.")
    found, hint = _read(path)
    model.check_states()
    if not isinstance(model, ReadsTexts):
        raise UserError(
            f"a control vector can't be imported for {model.name}, which doesn't tell its layers: "
            "use a local model."
        )
    known = model.identity
    for number, direction in found.items():
        if direction.shape != (known.hidden,) or number >= known.layers:
            raise UserError(
                f"{path} has a direction of {direction.size:,} numbers for layer {number}, and "
                f"{model.name} has layers 0 to {known.layers - 1} with states of {known.hidden:,}: "
                "it was made for another model."
            )
    there = sorted(found)
    chosen = there[len(there) // 2] if layer is None else layer
    if chosen not in found:
        raise UserError(f"{path} has no direction of layer {chosen}: it has {_told(there)}.")
    texts = bundled(_REFERENCE)
    said = [item.text for item in texts.items]
    states = states_of(model, said, "residual", "text").astype(np.float64)
    directions = np.zeros((known.layers, known.hidden), np.float32)
    for number, direction in found.items():
        directions[number] = direction / np.linalg.norm(direction)
    return Concept(
        name=name,
        kind="imported",
        site="residual",
        layer=chosen,
        directions=directions,
        centre=states.mean(0).astype(np.float32),
        scale=np.ones_like(directions),
        bias=np.zeros(known.layers, np.float32),
        norms=np.median(np.linalg.norm(states, axis=-1), axis=0).astype(np.float32),
        bound=bound_to(model, "residual", texts.fingerprint, 0, "text"),
        figures={"imported": {"file": path.name, "model_hint": hint, "unknown": UNKNOWN}},
    )


def _told(layers: list[int]) -> str:
    return f"{len(layers)} from {layers[0]} to {layers[-1]}"


def _read(path: Path) -> tuple[dict[int, Any], str]:
    """The directions by layer, and the model's hint."""
    import gguf

    check_header(path, keys=_MOST_KEYS, elements=_MOST_ELEMENTS, tensors=_MOST_LAYERS)
    try:
        read = gguf.GGUFReader(path)
        kind = _text(read, "general.architecture")
        hint = _text(read, f"{ARCHITECTURE}.model_hint")
        tensors = [(t.name, t.tensor_type, t.data) for t in read.tensors]
    except Exception as error:  # its reader fails on damaged files in many ways
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path} can't be read as GGUF ({said:.120}); download it again.") from None
    if kind != ARCHITECTURE:
        raise UserError(
            f"{path} is a GGUF file of {kind or 'nothing'!r:.40} and no control vector "
            f"({ARCHITECTURE!r}); give the file that repeng or llama.cpp wrote."
        )
    found: dict[int, Any] = {}
    for name, dtype, data in tensors:
        match = _DIRECTION.fullmatch(name)
        if match is None or dtype != gguf.GGMLQuantizationType.F32 or int(match[1]) in found:
            raise UserError(
                f"{path} holds {name!r:.40} ({dtype.name}), where direction.N in F32 was expected."
            )
        direction = np.array(data, np.float32).reshape(-1)
        if not np.isfinite(direction).all() or not np.any(direction):
            raise UserError(f"{path}: {name} is all zero, or holds infinities or NaN.")
        found[int(match[1])] = direction
    if not found:
        raise UserError(f"{path} holds no direction.")
    return found, hint


def _text(read: Any, name: str) -> str:
    field = read.get_field(name)
    return "" if field is None else str(field.contents())[:200]
