"""A GGUF file's header, walked through before anybody believes it.

The format's own reader goes through every element that a list says it has, whether the file holds
it or not, so that a kilobyte can keep it busy for ever.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path

from selfcorrect.errors import UserError

#: Bytes of a value by its type; texts and lists say how long they are.
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _LIST = 8, 9
_MOST_DIMENSIONS = 8
#: Of whole numbers: how they are read, by type.
_WHOLE = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}
#: Settings that size what is made, by the end of their name, and the least that they can be.
_LEAST = {
    ".block_count": 1, ".embedding_length": 1, ".attention.head_count": 1, ".vocab_size": 1,
    ".context_length": 1, ".feed_forward_length": 0, ".attention.head_count_kv": 0,
    ".expert_count": 0, ".attention.key_length": 0, ".attention.value_length": 0,
    ".rope.dimension_count": 0, "general.alignment": 1,
}  # fmt: skip
#: No length is larger, and no block of a quantised tensor takes less than a bit for a number.
_LARGEST, _IN_A_BYTE = 2**31, 8


class _WrongError(Exception):
    """What is wrong, a phrase."""


def check_header(
    file: Path, *, keys: int = 10_000, elements: int = 10_000_000, tensors: int = 1_000_000
) -> None:
    """Check that a GGUF file holds all that its header speaks of, and no more than is stated here.

    Args:
        file: a regular one.
        keys: settings at most.
        elements: of all lists together at most.
        tensors: at most.

    Raises:
        UserError: it isn't so.
    """
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as m:
            _walk(m, keys, elements, tensors)
    except (struct.error, ValueError):  # an empty file can't be mapped
        raise UserError(f"{file} can't be read as GGUF: it ends too early.") from None
    except _WrongError as error:
        raise UserError(f"{file} can't be read as GGUF: {error}.") from None
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror or error}.") from None


def _walk(m: mmap.mmap, keys: int, elements: int, tensors: int) -> None:
    if m[:4] != b"GGUF":
        raise _WrongError("it doesn't begin as such a file does")
    (version,) = struct.unpack_from("<I", m, 4)
    order = "<" if version & 0xFFFF else ">"
    of_tensors, of_keys = struct.unpack_from(order + "QQ", m, 8)
    if of_keys > keys or of_tensors > tensors:
        raise _WrongError(f"it says that it has {of_keys:,} settings and {of_tensors:,} tensors")
    at, left = 24, elements
    sizes: dict[str, int] = {}
    for _ in range(of_keys):
        start, at = at + 8, _text(m, at, order)
        name = m[max(start, at - 80) : at].decode("utf-8", "replace")
        (kind,) = struct.unpack_from(order + "I", m, at)
        _sized(m, at + 4, name, order + _WHOLE.get(kind, ""), sizes)
        at, left = _value(m, at + 4, kind, order, left)
    for _ in range(of_tensors):
        at = _text(m, at, order)
        (dimensions,) = struct.unpack_from(order + "I", m, at)
        if dimensions > _MOST_DIMENSIONS:
            raise _WrongError(f"a tensor has {dimensions:,} dimensions")
        at = _within(m, at + 4 + 8 * dimensions + 12)
        sides = struct.unpack_from(f"{order}{dimensions}Q", m, at - 8 * dimensions - 12)
        (offset,) = struct.unpack_from(order + "Q", m, at - 8)
        if prod(sides) > _IN_A_BYTE * len(m) or offset > len(m):
            raise _WrongError(f"it has {len(m):,} bytes, too few for a tensor of {sides}")
    _together(sizes, of_tensors, len(m))


def _sized(m: mmap.mmap, at: int, name: str, form: str, sizes: dict[str, int]) -> None:
    """Check a setting that sizes something, and note it."""
    end = next((end for end in _LEAST if name.endswith(end)), None)
    if end is None or len(form) < 2:
        return
    (value,) = struct.unpack_from(form, m, at)
    if not _LEAST[end] <= value <= _LARGEST:
        raise _WrongError(f"it says {name} = {value:,}, which can't be")
    sizes[end] = value


def _together(sizes: Mapping[str, int], tensors: int, size: int) -> None:
    """Check that the file has room for what its settings say together."""
    blocks, width = sizes.get(".block_count", 1), sizes.get(".embedding_length", 1)
    if blocks > tensors:
        raise _WrongError(f"it says that it has {blocks:,} blocks, and has {tensors:,} tensors")
    for end in (".vocab_size", ".feed_forward_length"):
        each = blocks if end == ".feed_forward_length" else 1
        if sizes.get(end, 0) * width * each > _IN_A_BYTE * size:
            raise _WrongError(
                f"it says {end[1:]} = {sizes[end]:,} and embedding_length = {width:,}, and has "
                f"{size:,} bytes, too few for that"
            )
    heads = sizes.get(".attention.head_count", 1)
    if heads > width > 1:
        raise _WrongError(f"it says that it has {heads:,} heads of a width of {width:,}")


def _value(m: mmap.mmap, at: int, kind: int, order: str, left: int) -> tuple[int, int]:
    """Where the value ends, and how many elements lists may still have."""
    if kind == _TEXT:
        return _text(m, at, order), left
    if kind != _LIST:
        return _within(m, at + _size(kind)), left
    inner, count = struct.unpack_from(order + "IQ", m, at)
    if count > left:
        raise _WrongError(f"a list in it says that it has {count:,} elements")
    at += 12
    if inner != _TEXT:
        return _within(m, at + count * _size(inner)), left - count
    for _ in range(count):
        at = _text(m, at, order)
    return at, left - count


def _size(kind: int) -> int:
    if kind not in _SIZES:
        raise _WrongError(f"a value in it is of the type {kind}, which isn't known")
    return _SIZES[kind]


def _text(m: mmap.mmap, at: int, order: str) -> int:
    (length,) = struct.unpack_from(order + "Q", m, at)
    return _within(m, at + 8 + length)


def _within(m: mmap.mmap, at: int) -> int:
    if at > len(m):
        raise _WrongError("it ends too early")
    return at
