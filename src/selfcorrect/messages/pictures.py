"""Whether bytes are a picture, of what kind, and how large: told by its parts, without a decoder.

Sources: W3C PNG (third edition), ITU-T T.81 (JPEG), GIF89a, RFC 9649 (WebP).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable

#: No picture may have more pixels: whoever decodes it needs four bytes for each.
MOST_PIXELS = 100_000_000
#: No JPEG may have more scans: progressive ones have about ten.
MOST_SCANS = 100
#: A marker of a JPEG, but for those within a scan.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_PNG, _JPEG, _GIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"


class NoPictureError(Exception):
    """What is wrong, a phrase."""


def kind_of(data: bytes) -> str:
    """The kind of a picture, as ``image/png``.

    Raises:
        NoPictureError: it is none of the four kinds, is broken, or has more than
            :data:`MOST_PIXELS`.
    """
    return _known(data)[0]


def size_of(data: bytes) -> tuple[int, int]:
    """The width and height of a picture in pixels, as it is shown: turned as its EXIF says.

    Raises:
        NoPictureError: as :func:`kind_of`.
    """
    _, width, height = _known(data)
    return (height, width) if orientation_of(data) >= 5 else (width, height)


def orientation_of(data: bytes) -> int:
    """How a picture's rows and columns lie, 1 to 8 (JEITA CP-3451); 1 is upright, and 5 to 8 lie on
    their side. Broken EXIF says nothing.

    Whoever decodes a picture turns it by this, and not by what its decoder finds: a box's numbers
    are of the size that is told here.
    """
    kind = next((k for k, (begins, _) in _KINDS.items() if begins(data)), "")
    try:
        tiff = _EXIF[kind](data) if kind in _EXIF else b""
        found = _orientation(tiff.removeprefix(b"Exif\0\0")) if tiff else 1
    except (struct.error, IndexError):
        return 1
    return found if 1 <= found <= 8 else 1


def _known(data: bytes) -> tuple[str, int, int]:
    """Kind, width and height as stored."""
    found = next((k for k, (begins, _) in _KINDS.items() if begins(data)), None)
    if found is None:
        raise NoPictureError("is no PNG, JPEG, GIF or WebP image")
    try:
        width, height = _KINDS[found][1](data)
    except (struct.error, IndexError):
        raise NoPictureError(
            f"is a broken {found.partition('/')[2].upper()}: it ends too early"
        ) from None
    if not (width and height):
        raise NoPictureError(f"is a picture of {width:,} × {height:,} pixels")
    if width * height > MOST_PIXELS:
        raise NoPictureError(
            f"has {width:,} × {height:,} pixels, and at most {MOST_PIXELS:,} are shown: make it "
            "smaller"
        )
    return found, width, height


def _png(data: bytes) -> tuple[int, int]:
    """Every chunk to the last, with its checksum."""
    at, size, pixels = len(_PNG), (0, 0), False
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        (told,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(memoryview(data)[at + 4 : at + 8 + length]) != told:
            raise NoPictureError("is a broken PNG: a checksum in it is wrong")
        if at == len(_PNG):
            if kind != b"IHDR" or length != 13:
                raise NoPictureError("is a broken PNG: it doesn't say how large it is")
            size = struct.unpack_from(">II", data, at + 8)
        pixels = pixels or kind == b"IDAT"
        at += 12 + length
        if kind == b"IEND":
            break
    if not pixels:
        raise NoPictureError("is a broken PNG: it has no pixels")
    return size


def _jpeg(data: bytes) -> tuple[int, int]:
    """Every segment to the pixels, and an end."""
    at, size = 2, (0, 0)
    while True:
        if data[at] != 0xFF:
            raise NoPictureError("is a broken JPEG: a part of it is longer or shorter than it says")
        kind = data[at + 1]
        at += 2 if kind != 0xFF else 1
        if kind == 0xFF or kind == 0x01 or 0xD0 <= kind <= 0xD7:
            continue  # filling, or a marker without a length
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or kind == 0xD9:
            raise NoPictureError("is a broken JPEG: it has no pixels")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 3)
            size = width, height
        at += length
        if kind == 0xDA:
            break
    _scanned(data, at)
    return size


def _scanned(data: bytes, at: int) -> None:
    """Look through a JPEG from its first scan to its end, as decoders do: each scan goes through
    all pixels, and costs some bytes."""
    scans = 1
    while (found := _MARKER.search(data, at)) is not None:
        kind, at = data[found.end() - 1], found.end()
        if kind == 0xD9:
            return
        scans += kind == 0xDA
        if scans > MOST_SCANS:
            raise NoPictureError(
                f"is a JPEG of more than {MOST_SCANS} scans, each of which goes through all pixels"
            )
        if kind != 0x01:
            at += max(2, struct.unpack_from(">H", data, at)[0])
    raise NoPictureError("is a broken JPEG: it ends too early")


def _jpeg_exif(data: bytes) -> bytes:
    at = 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        if data[at + 1] == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return data[at + 10 : at + 2 + length]
        at += 2 + length
    return b""


def _png_exif(data: bytes) -> bytes:
    at = len(_PNG)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in (b"eXIf", b"IEND"):
            return data[at + 8 : at + 8 + length]
        at += 12 + length


def _webp_exif(data: bytes) -> bytes:
    at = 12
    while True:
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            return data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _orientation(tiff: bytes) -> int:
    order = "<" if tiff[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", tiff, 4)
    (entries,) = struct.unpack_from(f"{order}H", tiff, at)
    for entry in range(entries):
        tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * entry)
        if tag == 0x0112:
            return int(value)
    return 1


def _gif(data: bytes) -> tuple[int, int]:
    """Every block to the end; the size is that of the largest picture in it."""
    width, height, packed = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << ((packed & 7) + 1) if packed & 0x80 else 0)
    pictures = 0
    while at < len(data) and (block := data[at]) != 0x3B:  # some leave out the last byte
        if block == 0x2C:
            left, top, wide, high, packed = struct.unpack_from("<4HB", data, at + 1)
            width, height, pictures = max(width, left + wide), max(height, top + high), pictures + 1
            at += 11 + (3 << ((packed & 7) + 1) if packed & 0x80 else 0)
        elif block == 0x21:
            at += 2
        else:
            raise NoPictureError("is a broken GIF: a part of it is of no known kind")
        while data[at]:
            at += 1 + data[at]
        at += 1
    if not pictures:
        raise NoPictureError("is a broken GIF: it has no pixels")
    return width, height


def _webp(data: bytes) -> tuple[int, int]:
    (length,) = struct.unpack_from("<I", data, 4)
    kind = data[12:16]
    if length + 8 > len(data):
        raise NoPictureError("is a broken WEBP: it ends too early")
    if kind == b"VP8X":
        wide, high = (int.from_bytes(data[a : a + 3], "little") + 1 for a in (24, 27))
        return (wide, high) if len(data) >= 30 else (0, 0)
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        wide, high = struct.unpack_from("<HH", data, 26)
        return wide & 0x3FFF, high & 0x3FFF
    raise NoPictureError("is a broken WEBP: it has no pixels")


_KINDS: dict[str, tuple[Callable[[bytes], bool], Callable[[bytes], tuple[int, int]]]] = {
    "image/png": (lambda data: data.startswith(_PNG), _png),
    "image/jpeg": (lambda data: data.startswith(_JPEG), _jpeg),
    "image/gif": (lambda data: data.startswith(_GIF), _gif),
    "image/webp": (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", _webp),
}
#: Where the kinds have their EXIF.
_EXIF: dict[str, Callable[[bytes], bytes]] = {
    "image/png": _png_exif,
    "image/jpeg": _jpeg_exif,
    "image/webp": _webp_exif,
}
