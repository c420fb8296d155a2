"""Pictures of every kind become upright RGB, within bounds."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL")

import PIL.Image
import PIL.ImageOps

import sighted
from selfcorrect.errors import UserError
from selfcorrect.messages import CONFINED, Allowed, Image, image
from selfcorrect.models.base import Request
from selfcorrect.models.local.vision import picture


def stored(folder: Path, name: str, pixels: Any, kind: str, **how: Any) -> Image:
    pixels.save(folder / name, kind, **how)
    return image(name, folder)


def test_exif_turns_a_picture(tmp_path: Path) -> None:
    upright = sighted.drawn(1, 8, 4)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # lies on its side: to be turned by 90 degrees clockwise
    lying = upright.transpose(PIL.Image.Transpose.ROTATE_90)
    found = picture.decoded(stored(tmp_path, "a.png", lying, "PNG", exif=exif)).pixels
    assert found.size == (8, 4)
    assert found.tobytes() == upright.tobytes()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_as_large_as_it_is_shown(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    how = {"lossless": True} if kind == "WEBP" else {}
    lying = stored(tmp_path, "a", sighted.drawn(1, 8, 4), kind, exif=exif, **how)
    found = picture.decoded(lying).pixels
    with PIL.Image.open(tmp_path / "a") as opened:
        upright = PIL.ImageOps.exif_transpose(opened).convert("RGB")
    assert lying.size == found.size == upright.size == ((4, 8) if 5 <= orientation <= 8 else (8, 4))
    assert found.tobytes() == upright.tobytes()


def test_a_picture_is_not_turned_by_what_its_size_does_not_go_by(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    lying = stored(tmp_path, "a", sighted.drawn(1, 8, 4), "JPEG", xmp=xmp)
    assert lying.size == picture.decoded(lying).pixels.size == (8, 4)


def _progressive(scans: int) -> bytes:
    """A JPEG whose last scan stands there again and again."""
    out = io.BytesIO()
    PIL.Image.new("L", (64, 64)).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    begins = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    comment = b"\xff\xfe\x00\x04\xff\xd9"  # what looks like an end is none within a part
    return data[:-2] + (comment + data[begins[-1] : -2]) * (scans - len(begins)) + b"\xff\xd9"


def test_a_picture_is_gone_through_a_hundred_times_at_most(tmp_path: Path) -> None:
    for scans, name in ((100, "a.jpg"), (101, "b.jpg")):
        (tmp_path / name).write_bytes(_progressive(scans))
    assert picture.decoded(image("a.jpg", tmp_path)).pixels.size == (64, 64)
    with pytest.raises(UserError, match=r"b\.jpg is a JPEG of more than 100 scans"):
        image("b.jpg", tmp_path)
    (tmp_path / "c.jpg").write_bytes(_progressive(50) + b"\xff\xda\x00\x04" * 500)  # a file's tail
    assert image("c.jpg", tmp_path).size == (64, 64)


def test_sixteen_bits_of_grey_keep_their_upper_eight(tmp_path: Path) -> None:
    grey = PIL.Image.new("I;16", (2, 1))
    grey.putpixel((0, 0), 256 * 200 + 77)
    grey.putpixel((1, 0), 256 * 3)
    found = picture.decoded(stored(tmp_path, "a.png", grey, "PNG")).pixels
    assert [found.getpixel((x, 0)) for x in (0, 1)] == [(200,) * 3, (3,) * 3]


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    clear = PIL.Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    clear.putpixel((1, 0), (0, 0, 255, 255))
    found = picture.decoded(stored(tmp_path, "a.png", clear, "PNG")).pixels
    assert [found.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0, 0, 255)]
    palette = PIL.Image.new("P", (1, 1), 0)
    palette.putpalette([9, 8, 7])
    half = stored(tmp_path, "b.png", palette, "PNG", transparency=0)
    assert picture.decoded(half).pixels.getpixel((0, 0)) == (255, 255, 255)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    ink = PIL.Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    found = picture.decoded(stored(tmp_path, "a.jpg", ink, "JPEG", quality=100)).pixels
    red, green, blue = found.getpixel((8, 8))
    assert found.mode == "RGB"
    assert red > 230
    assert green < 30
    assert blue < 30


def test_of_what_moves_the_first_frame_is_shown_and_the_record_says_so(tmp_path: Path) -> None:
    frames = [PIL.Image.new("RGB", (9, 9), c) for c in ((255, 0, 0), (0, 255, 0))]
    moving = stored(tmp_path, "a.gif", frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert picture.decoded(moving).pixels.getpixel((0, 0)) == (255, 0, 0)
    talk = sighted.model("llava").open(1)
    talk.restart([[sighted.asks("What is it?", moving)]])
    (reply,) = talk.elicit([Request(max_tokens=1)])
    assert reply.notes == ("the picture a.gif moves: only its first frame is shown",)


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (1, 200), (5000, 1)])
@pytest.mark.parametrize("family", ["llava", "smolvlm", "qwen2_5_vl", "gemma3", "internvl"])
def test_tiny_and_thin_pictures_are_shown_or_refused_in_a_sentence(
    family: str, size: tuple[int, int]
) -> None:
    tokens = sighted.tokenizer(family)
    placeholder = tokens.convert_tokens_to_ids(sighted.FAMILIES[family]["token"])
    made = sighted.Processor(family, sighted.processor(family, tokens), placeholder)
    thin = picture.Picture(sighted.drawn(1, *size))
    if family == "qwen2_5_vl" and max(size) > 200 * min(size):
        with pytest.raises(UserError, match=r"can't be shown the image thin\.png of \d+ × \d+"):
            made(thin, "thin.png")
    else:
        prepared = made(thin, "thin.png")
        assert prepared.tokens > 0
        assert prepared.inputs["pixel_values"].isfinite().all()


def test_more_pixels_than_fifty_million_are_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    size = struct.pack(">IIBBBBB", 8000, 7000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(8001 * 7000), 9)
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size)
    (tmp_path / "a.png").write_bytes(head + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    with pytest.raises(UserError, match="has 8,000 × 7,000 pixels, and a local model is shown at"):
        picture.decoded(image("a.png", tmp_path))


def test_pixels_that_cannot_be_decoded_are_one_sentence(tmp_path: Path) -> None:
    held = io.BytesIO()
    sighted.drawn(1).save(held, "JPEG")
    data = bytearray(held.getvalue())
    at = data.index(b"\xff\xc4") + 5  # a table of Huffman codes
    data[at : at + 16] = b"\xff" * 16
    (tmp_path / "a.jpg").write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"the image a\.jpg can't be decoded \(.*save it again"):
        picture.decoded(image("a.jpg", tmp_path))


def test_a_picture_that_changed_is_not_shown(tmp_path: Path) -> None:
    found = stored(tmp_path, "a.png", sighted.drawn(1), "PNG")
    sighted.drawn(2).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="has changed since the run began"):
        picture.decoded(found)


def test_an_address_is_not_fetched(tmp_path: Path) -> None:
    far = image("https://example.org/a.png", tmp_path, Allowed(None, remote=True))
    with pytest.raises(UserError, match="is an address, which only a server fetches"):
        picture.decoded(far)
    assert CONFINED.remote is False
