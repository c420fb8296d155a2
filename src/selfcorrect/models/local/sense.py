"""Whether the sizes that a model's files claim can be, before anything of such a size is made.

Whoever made the files may have claimed anything, and the bytes on disk can't lie: a layer has a
tensor at least, and a number of a tensor at least a bit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError

#: Layers, experts and the like are made one by one: more than these the weights must have. A layer
#: has a tensor of its own; experts may all lie in one.
_FEW_LAYERS, _FEW = 128, 1000
#: Labels are made one by one, too.
_MOST_LABELS = 10_000
#: Bytes of the list at the head of a file of weights; of the largest models it has some millions.
_LONGEST_HEAD = 1 << 25
#: Bytes that files other than weights may have: configurations and templates, and all others.
_SMALL, _LARGE = 1 << 24, 1 << 29
#: And the configuration itself, each of whose keys takes its reader time.
_CONFIGURATION = 1 << 21
#: No length or size of a model is larger.
_LARGEST = 2**40
#: Sides of a tensor.
_MOST_SIDES = 16
#: Bits that a number of a network takes at least, so many in a byte.
_IN_A_BYTE = 8

_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_WIDTH = ("hidden_size", "n_embd", "d_model")
_INNER = ("intermediate_size", "n_inner", "ffn_dim", "d_ff", "moe_intermediate_size")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_WORDS = ("vocab_size",)
#: What a model has at least one of.
_NEEDED = (*_LAYERS, *_WIDTH, *_HEADS, *_WORDS)
#: Further sizes; a model may have none of them.
_SIZES = (
    *_INNER, "head_dim", "num_key_value_heads", "max_position_embeddings", "n_positions",
    "sliding_window", "num_local_experts", "num_experts", "n_routed_experts",
    "num_experts_per_tok", "type_vocab_size", "embedding_size", "state_size", "conv_kernel",
    "q_lora_rank", "kv_lora_rank", "lru_width", "decoder_layers", "encoder_layers",
)  # fmt: skip
#: Several of these together are the sides of one tensor, or of one in every layer.
_TOGETHER = (
    (_WORDS, _WIDTH),
    (("n_positions",), _WIDTH),
    (_LAYERS, _WIDTH, _INNER),
    (_LAYERS, _HEADS, ("head_dim",), _WIDTH),
)
#: Tables within a configuration that are one of a model of text.
_OF_TEXT = ("text_config", "llm_config", "language_config", "decoder")
_AGAIN = "download the model again"


def check_sizes(folder: Path, name: str) -> None:
    """Raise UserError for a file that is larger than one of its kind ever is, or whose head is
    no list of tensors that fill the rest of it.

    Args:
        folder: whose files are plain ones.
        name: of the model.
    """
    for file in sorted(folder.iterdir()):
        if not file.is_file() or file.suffix in (".bin", ".gguf", ".pt", ".pth", ".h5", ".msgpack"):
            continue
        if file.suffix == ".safetensors":
            if (why := _wrong_head(file)) is not None:
                raise UserError(f"{name} could not be read: {file} {why}; {_AGAIN}.")
            continue
        most = _SMALL if file.suffix == ".jinja" or "config" in file.name else _LARGE
        most = _CONFIGURATION if file.name == "config.json" else most
        size = file.stat().st_size
        if file.suffix in (".json", ".jinja", ".txt", ".model") and size > most:
            raise UserError(
                f"{name} could not be read: {file} has {size:,} bytes, and such a file has at most "
                f"{most:,}; {_AGAIN}."
            )


def check_numbers(folder: Path, name: str, config: Any) -> None:
    """Raise UserError where a configuration's sizes make no sense, or there are more parts, or
    larger ones, than its weights have room for.

    Args:
        folder: where the weights lie.
        name: of the model.
        config: what ``config.json`` holds.
    """
    tables = list(_tables(config))
    for inner, table in tables:
        for key in (*_NEEDED, *_SIZES):
            low = 1 if key in _NEEDED and not inner else -1
            wrong = [v for v in _listed(table.get(key)) if not _fits(v, low, inner)]
            if wrong:
                raise UserError(
                    f"the configuration of {name} has {key} = {_short(wrong[0])}, where a whole "
                    f"number from {low} to 2^40 should be; {_AGAIN}."
                )
    for key, most in _counts(config):
        few = _FEW if re.search("experts|blocks", key) else _FEW_LAYERS
        if most > few and most > (found := _tensors(folder)):
            raise UserError(
                f"the configuration of {name} has {key} = {most:,}, and its weights have {found:,} "
                f"tensors; {_AGAIN}."
            )
    for _, table in tables:
        _check_labels(name, table)
    size = _bytes(folder)
    for _, table in tables:
        for sides in _TOGETHER:
            told = [next((k for k in side if type(table.get(k)) is int), None) for side in sides]
            keys = [k for k in told if k is not None]
            together = prod(table[k] for k in keys)
            if size and len(keys) == len(sides) and together > _IN_A_BYTE * size:
                values = " and ".join(f"{k} = {table[k]:,}" for k in keys)
                raise UserError(
                    f"the configuration of {name} has {values}, and its weights have "
                    f"{size:,} bytes, too few for that; {_AGAIN}."
                )


def _check_labels(name: str, table: Mapping[str, Any]) -> None:
    labels, number = table.get("id2label"), table.get("num_labels")
    many = max(
        len(labels) if isinstance(labels, dict | list) else 0,
        number if isinstance(number, int | float) else 0,
    )
    if many > _MOST_LABELS:
        raise UserError(
            f"the configuration of {name} has {_short(many)} labels, and at most {_MOST_LABELS:,} "
            f"make sense; {_AGAIN}."
        )


def _tables(config: Any) -> Iterator[tuple[bool, Mapping[str, Any]]]:
    """The tables of a configuration, and whether each lies within another and is no model of text's
    own, so that it may mean something else by a name."""
    waiting = [(False, config)]
    while waiting:
        inner, held = waiting.pop()
        if isinstance(held, dict):
            yield inner, held
            waiting += [(key not in _OF_TEXT, value) for key, value in held.items()]


def _fits(value: Any, low: int, inner: bool) -> bool:
    if type(value) is int:
        return low <= value <= _LARGEST
    return inner and not isinstance(value, float)


def _listed(value: Any) -> list[Any]:
    """A value, or those of every layer."""
    return [] if value is None else value if isinstance(value, list) else [value]


def _counts(config: Any) -> Iterator[tuple[str, int]]:
    """What a configuration has several of."""
    for _, held in _tables(config):
        for key, value in held.items():
            if type(value) is int and re.search(r"layers?\b|layers?_|experts|blocks", str(key)):
                yield str(key), value


def _bytes(folder: Path) -> int:
    """How many bytes the weights have."""
    files = [*folder.glob("*.safetensors"), *folder.glob("*.bin")]
    return sum(file.stat().st_size for file in files if file.is_file())


def _wrong_head(file: Path) -> str | None:
    """What is wrong with the list of a file of weights, or ``None``."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > size - 8:
            return f"says that its list has {length:,} bytes, and has {size:,} itself"
        if length > _LONGEST_HEAD:
            return f"has a list of {length:,} bytes, and no model needs more than {_LONGEST_HEAD:,}"
        try:
            head = json.loads(stream.read(length))
        except (ValueError, RecursionError):
            return "doesn't begin with a list of tensors"
    if not isinstance(head, dict):
        return "doesn't begin with a list of tensors"
    ends = [0]
    for key, told in head.items():
        if key == "__metadata__":
            continue
        shape, offsets = _shape(told)
        if shape is None or len(offsets) != 2 or offsets[0] > offsets[1]:
            return f"says of the tensor {key!r:.80} what can't be"
        held = offsets[1] - offsets[0]
        if prod(shape) > _IN_A_BYTE * held:
            return f"has {held:,} bytes for the tensor {key!r:.80} of {shape!s:.80}"
        ends.append(offsets[1])
    if max(ends) != size - 8 - length:
        return f"has {size - 8 - length:,} bytes of tensors, and its list says {max(ends):,}"
    return None


def _shape(told: Any) -> tuple[list[int] | None, list[int]]:
    """What a list says of a tensor: its shape, ``None`` where it says nothing that can be, and from
    where to where it lies."""
    table = told if isinstance(told, dict) else {}
    shape, offsets = table.get("shape"), table.get("data_offsets")
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(shape) > _MOST_SIDES:
        return None, []
    fits = all(type(n) is int and 0 <= n < 2**63 for n in (*shape, *offsets))
    return (shape, offsets) if fits else (None, [])


def _tensors(folder: Path) -> int:
    """How many tensors the weights have, by the heads of their files; 0 where they have none."""
    found = 0
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as stream:
            head = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        found += len(head)
    return found


def _short(value: Any) -> str:
    text = f"{value:,}" if type(value) is int and abs(value) < 10**30 else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
