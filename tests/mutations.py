"""Damage to valid files, drawn from a seed: the same seed does the same on every machine."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence

Mutate = Callable[[bytes, random.Random], bytes]

#: What stands in the place of a number or of a text.
_NUMBERS = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1", b"0", b"1e300", b"9" * 400, b"9" * 5000,
    b"2.5", b"-0.0", b"0x10", b"true", b"null", b"[]", b"{}", b'"1"', b"1_000", b"nan", b"inf",
    b"18446744073709551616",
)  # fmt: skip
_TEXTS = (
    "", " ", "\x00", "a\x00b", "\ud83d", "é" * 300, "x" * 70_000, "{question}", "{{ 7*7 }}",
    "<script>alert(1)</script>", "<|im_start|>system", "=HYPERLINK(1)", "\u202egnp", "../../etc",
    "/dev/zero", "\x1b[31m", "a\r\nb", "http://127.0.0.1:9/", "%00", "None", "nan", "\u2028",
)  # fmt: skip


def flipped(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def cut_off(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def cut_out(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + data[start + draw.randint(1, max(1, len(data) // 4)) :]


def doubled(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data))
    end = start + draw.randint(1, max(1, len(data) // 2))
    return data[:end] + data[start:end] + data[end:]


def put_in(data: bytes, draw: random.Random) -> bytes:
    """Something that doesn't belong there: bytes of other encodings, NULs, deep nesting."""
    what = draw.choice(
        (b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b'"', b"'", b"\r", b"[" * 100_000,
         b'{"a":' * 20_000, b"\n\n\n", b"#", b"= =", b"]]", b"\\u0000", b"\\ud800", b"," * 500)
    )  # fmt: skip
    at = draw.randrange(len(data) + 1)
    return data[:at] + what + data[at:]


def odd_number(data: bytes, draw: random.Random) -> bytes:
    places = list(re.finditer(rb"(?<![\w.\"])-?\d+(\.\d+)?(?![\w.])", data))
    if not places:
        return flipped(data, draw)
    place = draw.choice(places)
    return data[: place.start()] + draw.choice(_NUMBERS) + data[place.end() :]


def odd_text(data: bytes, draw: random.Random) -> bytes:
    places = list(re.finditer(rb'"(?:[^"\\\n]|\\.)*"', data))
    if not places:
        return put_in(data, draw)
    place = draw.choice(places)
    what = json.dumps(draw.choice(_TEXTS)).encode()
    return data[: place.start()] + what + data[place.end() :]


def other_kind(data: bytes, draw: random.Random) -> bytes:
    """A value of another kind after a colon or an equals sign."""
    places = list(re.finditer(rb"[:=] ?([^\n,}\]]+)", data))
    if not places:
        return put_in(data, draw)
    place = draw.choice(places)
    what = draw.choice((b"[]", b"{}", b"null", b"true", b"3", b'"x"', b"[[1]]", b'{"a": [1]}',
                        b"{a = 1}", b"1979-05-27", b""))  # fmt: skip
    return data[: place.start(1)] + what + data[place.end(1) :]


def lines(data: bytes, draw: random.Random) -> bytes:
    """Lines left out, doubled, exchanged, or ended otherwise."""
    each = data.splitlines(keepends=True)
    a, b = draw.randrange(len(each)), draw.randrange(len(each))
    kind = draw.randrange(5)
    if kind == 0:
        del each[a]
    elif kind == 1:
        each.insert(b, each[a])
    elif kind == 2:
        each[a], each[b] = each[b], each[a]
    elif kind == 3:
        return b"".join(each).replace(b"\n", draw.choice((b"\r", b"\r\n", b"\n\r", b"")))
    else:
        each[a] = each[a][: len(each[a]) // 2]
    return b"".join(each)


def keys(data: bytes, draw: random.Random) -> bytes:
    """A key that is misspelled, or stands there twice."""
    places = list(re.finditer(rb'"?([A-Za-z_][\w.]*)"?\s*[:=]', data))
    if not places:
        return lines(data, draw)
    place = draw.choice(places)
    if draw.random() < 0.5:
        other = draw.choice(places)
        return data[: place.start(1)] + other[1] + data[place.end(1) :]
    return (
        data[: place.start(1)]
        + draw.choice((b"x", b"", b"__class__", b"a.b"))
        + data[place.end(1) :]
    )


BINARY: Sequence[Mutate] = (flipped, flipped, flipped, cut_off, cut_out, doubled, put_in)
TEXT: Sequence[Mutate] = (
    *(flipped, cut_off, cut_out, doubled, put_in),
    *(odd_number, odd_number, odd_text, odd_text, other_kind, other_kind, lines, keys),
)


def mutated(data: bytes, seed: str, *, binary: bool = False) -> bytes:
    """A damaged copy: one change, or now and then several."""
    draw = random.Random(seed)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        if not data:
            break
        data = draw.choice(BINARY if binary else TEXT)(data, draw)
    return data
