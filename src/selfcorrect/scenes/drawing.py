"""Shapes as pixels of a PNG file, and found in the pixels of one again.

A file of ours has one byte a pixel, an index into a palette, which is quickly written and read
without an imaging library; and numpy draws four forms as well as one would.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Pixels of a picture's side.
SIDE = 224
#: The colours by name, as red, green and blue; their place, from 1, is their index in a palette.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 39, 40),
    "blue": (31, 90, 200),
    "green": (44, 150, 60),
    "yellow": (240, 200, 20),
    "purple": (130, 60, 170),
    "black": (20, 20, 20),
}
_GROUND = (240, 238, 232)
FORMS = ("circle", "square", "triangle", "cross")
_BEGINS = b"\x89PNG\r\n\x1a\n"
_TYPE = bytes([8, 3, 0, 0, 0])  # 8 bits, a palette, nothing unusual


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a picture.

    Attributes:
        colour, form: of :data:`COLOURS` and :data:`FORMS`.
        box: its left, top, right and bottom edge in pixels; the last two are the first pixels that
            it doesn't have.
    """

    colour: str
    form: str
    box: tuple[int, int, int, int]

    @property
    def name(self) -> str:
        """As a question calls it: ``red circle``."""
        return f"{self.colour} {self.form}"

    @property
    def centre(self) -> tuple[float, float]:
        """In pixels from the left and from the top."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @property
    def size(self) -> int:
        """Of its side, in pixels."""
        return self.box[2] - self.box[0]


def drawn(shapes: Sequence[Shape]) -> bytes:
    """A PNG file of shapes that don't overlap, :data:`SIDE` pixels wide and high."""
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    for shape in shapes:
        left, top, right, bottom = shape.box
        part = pixels[top:bottom, left:right]
        part[_mask(shape.form, shape.size)] = 1 + list(COLOURS).index(shape.colour)
    rows = np.zeros((SIDE, SIDE + 1), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels
    palette = bytes(value for colour in (_GROUND, *COLOURS.values()) for value in colour)
    return b"".join(
        (
            _BEGINS,
            _chunk(b"IHDR", struct.pack(">II", SIDE, SIDE) + _TYPE),
            _chunk(b"PLTE", palette),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def seen(data: bytes) -> list[Shape] | None:
    """The shapes of a picture of ours, by their pixels, from left to right; ``None`` for any other
    file."""
    from scipy import ndimage

    pixels = _pixels(data)
    if pixels is None:
        return None
    shapes = []
    for index, colour in enumerate(COLOURS, 1):
        parts, _ = ndimage.label(pixels == index)
        for number, (rows, columns) in enumerate(ndimage.find_objects(parts), 1):
            part = parts[rows, columns] == number
            box = (columns.start, rows.start, columns.stop, rows.stop)
            shapes.append(Shape(colour, _form(part), box))
    return sorted(shapes, key=lambda shape: shape.box)


def _mask(form: str, size: int) -> NDArray[np.bool_]:
    """Which pixels of a square of this side a form has: [size, size]. It touches all four edges."""
    y, x = np.mgrid[:size, :size] + 0.5
    if form == "circle":
        # a disc of the square's own radius leaves its outermost pixels out
        inside = (x - size / 2) ** 2 + (y - size / 2) ** 2 <= (size / 2) ** 2
    elif form == "triangle":
        inside = abs(x - size / 2) <= np.maximum(y / 2, 1)
    elif form == "cross":
        third = size / 3
        inside = (abs(x - size / 2) <= third / 2) | (abs(y - size / 2) <= third / 2)
    else:
        inside = np.ones((size, size), bool)
    return np.asarray(inside)


def _form(part: NDArray[np.bool_]) -> str:
    """Which form a shape's pixels are, by how much of its box it fills and by its two ends."""
    filled = part.mean()
    if filled > 0.9:
        return "square"
    if filled > 0.68:
        return "circle"
    return "triangle" if part[0].sum() < part[-1].sum() / 2 else "cross"


def _chunk(kind: bytes, data: bytes) -> bytes:
    whole = kind + data
    return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))


def _pixels(data: bytes) -> NDArray[np.uint8] | None:
    """The palette's indices, [SIDE, SIDE], of a file that :func:`drawn` could have written."""
    head = _BEGINS + _chunk(b"IHDR", struct.pack(">II", SIDE, SIDE) + _TYPE)
    if not data.startswith(head):
        return None
    at, packed = len(head), b""
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += 12 + length
    size = SIDE * (SIDE + 1)
    try:
        rows = zlib.decompressobj().decompress(packed, size)
    except zlib.error:
        return None
    if len(rows) < size:
        return None
    pixels = np.frombuffer(rows, np.uint8).reshape(SIDE, SIDE + 1)
    return None if pixels[:, 0].any() else pixels[:, 1:]
