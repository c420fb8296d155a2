"""Where images may lie, when an address may be named, and what is a picture at all."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import printed, refused
from pictures import WORDS, png, written
from selfcorrect.errors import UserError
from selfcorrect.messages import Allowed, image
from selfcorrect.messages.pictures import MOST_PIXELS, NoPictureError, kind_of
from selfcorrect.runs import make_spec
from selfcorrect.runs.identity import Facts, ModelFacts, spec_hash
from selfcorrect.strategies import load as strategy
from selfcorrect.tasks import make

REMOTE = "https://example.org/cat.png"


def _spoken(place: str) -> dict[str, Any]:
    parts = [{"type": "image_url", "image_url": {"url": place}}]
    said = [{"role": "user", "content": parts}, {"role": "assistant", "content": "(a)"}]
    return {"choices": ["a cat", "a dog"], "messages": said}


@pytest.mark.parametrize("task", ["choices", "dialogues", "blind-spot"])
@pytest.mark.parametrize("place", [REMOTE, "HTTP://169.254.169.254/latest/meta-data", "http://x"])
def test_an_address_needs_the_users_word(task: str, place: str, tmp_path: Path) -> None:
    file = written(tmp_path, _spoken(place) if task == "dialogues" else {**WORDS, "image": place})
    more = {"of": "choices"} if task == "blind-spot" else {}
    with pytest.raises(UserError, match="the server would fetch") as caught:
        make(task, data=str(file), options=more)
    assert str(caught.value).startswith(f"{file}:1: ")
    assert "--remote-images" in str(caught.value)
    (example, *_) = make(task, data=str(file), options={**more, "remote_images": True}).examples()
    (found,) = set(example.all_images)
    assert found.url() == place


def test_images_from_another_folder(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "pictures"
    data.mkdir()
    png(other, "in.png")
    png(tmp_path, "out.png")
    png(data, "own.png")
    (other / "link.png").symlink_to(tmp_path / "out.png")
    allowed = Allowed(other)
    whole = base64.b64encode((other / "in.png").read_bytes()).decode()
    assert image("in.png", data, allowed).url().endswith(whole)
    for place in ("../out.png", "link.png", str(tmp_path / "out.png"), "../data/own.png"):
        with pytest.raises(UserError, match="lies outside of the folder of images"):
            image(place, data, allowed)
    with pytest.raises(UserError, match="--images-from"):
        image("../pictures/in.png", data)


def test_the_options_of_the_command_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    png(tmp_path / "pictures", "cat.png")
    file = written(data, {**WORDS, "image": "cat.png"}, {**WORDS, "id": "b", "image": REMOTE})
    words = ["preview", "--task", "choices", "--data", file, "--model", "planted:chain"]
    assert "no such file" in refused(*words)
    assert "there is no folder of images" in refused(*words, "--images-from", tmp_path / "none")
    words += ["--images-from", tmp_path / "pictures"]
    assert "--remote-images" in refused(*words)
    sentence = refused(*words, "--remote-images")
    assert "this model reads text only" in sentence  # the data were read
    checked = ["check-task", "choices", "--data", file, "--images-from", tmp_path / "pictures"]
    assert "--remote-images" in refused(*checked)
    assert printed(*checked, "--remote-images")


def test_where_images_lie_decides_no_run() -> None:
    def hashed(**options: Any) -> str:
        spec = make_spec({"task": {"name": "choices", "options": options}})
        return spec_hash(spec, Facts(ModelFacts("m", "f", "float32", "cpu"), "d"), plain)

    plain = strategy("intrinsic", {})
    assert hashed() == hashed(images_from="/here", remote_images=True) != hashed(answers="text")


# -- pictures -------------------------------------------------------------------------------------


def _chunk(kind: bytes, data: bytes) -> bytes:
    whole = kind + data
    return len(data).to_bytes(4, "big") + whole + zlib.crc32(whole).to_bytes(4, "big")


def _png(width: int, height: int, pixels: bytes = b"x") -> bytes:
    size = struct.pack(">II5B", width, height, 8, 0, 0, 0, 0)
    begun = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size)
    return begun + (_chunk(b"IDAT", pixels) if pixels else b"") + _chunk(b"IEND", b"")


def _jpeg(width: int, height: int) -> bytes:
    frame = struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    scan = struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x3f\x00"
    begun = b"\xff\xd8\xff\xe0\x00\x04ab"
    return begun + b"\xff\xff\xc0" + frame + b"\xff\xda" + scan + b"pixels\xff\xd9"


def _gif(width: int, height: int, *, drawn: bool = True) -> bytes:
    size = struct.pack("<HH", width, height)
    comment = b"\x21\xfe\x03abc\x00"
    picture = b"\x2c" + bytes(4) + size + b"\x00\x02\x01x\x00" if drawn else b""
    return b"GIF89a" + size + b"\x80\x00\x00" + bytes(6) + comment + picture + b";"


def _webp(kind: bytes, body: bytes) -> bytes:
    chunk = kind + len(body).to_bytes(4, "little") + body
    return b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"WEBP" + chunk


def _lossless(width: int, height: int) -> bytes:
    return _webp(b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | (height - 1) << 14) + b"x")


def _extended(width: int, height: int) -> bytes:
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
    return _webp(b"VP8X", bytes(4) + sides)


GOOD = {
    "image/png": _png(3, 4),
    "image/jpeg": _jpeg(3, 4),
    "image/gif": _gif(3, 4),
    "image/webp": _lossless(3, 4),
}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_a_picture_of_each_kind(kind: str) -> None:
    assert kind_of(GOOD[kind]) == kind


def test_the_other_kinds_of_webp() -> None:
    lossy = b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 3, 4)
    assert kind_of(_webp(b"VP8 ", lossy)) == kind_of(_extended(3, 4)) == "image/webp"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is no PNG, JPEG, GIF or WebP image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no PNG"),
        (b"RIFF\x04\x00\x00\x00WAVE", "is no PNG"),
        (GOOD["image/png"][:-13], "is a broken PNG: it ends too early"),
        (b"\x89PNG\r\n\x1a\n" + b"root:x:0:0:" * 9, "is a broken PNG"),
        (GOOD["image/png"].replace(b"IDATx", b"IDATy"), "a checksum in it is wrong"),
        (_png(3, 4, b""), "it has no pixels"),
        (_png(0, 4), "is a picture of 0 × 4 pixels"),
        (_png(2**31, 2**31), "2,147,483,648 × 2,147,483,648 pixels, and at most 100,000,000"),
        (_png(10_001, 10_000), "10,001 × 10,000 pixels"),
        (_jpeg(65_535, 65_535), "65,535 × 65,535 pixels"),
        (GOOD["image/jpeg"][:-2], "is a broken JPEG: it ends too early"),
        (b"\xff\xd8\xff\xd9", "is a broken JPEG"),
        (b"\xff\xd8\xff" + b"secret" * 9, "is a broken JPEG"),
        (_gif(3, 4, drawn=False), "is a broken GIF: it has no pixels"),
        (_gif(65_535, 65_535), "65,535 × 65,535 pixels"),
        (GOOD["image/gif"][:-3], "is a broken GIF: it ends too early"),
        (b"GIF89a" + bytes(7) + b"secret", "is a broken GIF"),
        (_extended(2**24, 2**24), "16,777,216 × 16,777,216 pixels"),
        (_lossless(2**14, 2**14), "16,384 × 16,384 pixels"),
        (GOOD["image/webp"][:-1], "is a broken WEBP: it ends too early"),
        (_webp(b"ABCD", bytes(20)), "is a broken WEBP: it has no pixels"),
    ],
)
def test_what_is_no_picture(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(UserError) as caught:
        image("x.png", tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    if data:
        with pytest.raises(UserError, match=r"a data: URL (is|has)"):
            image(f"data:image/png;base64,{base64.b64encode(data).decode()}", tmp_path)


def test_a_gif_without_its_last_byte() -> None:
    assert kind_of(GOOD["image/gif"][:-1]) == "image/gif"


def test_as_many_pixels_as_may_be() -> None:
    assert kind_of(_png(10_000, MOST_PIXELS // 10_000)) == "image/png"


@given(st.sampled_from(sorted(GOOD)), st.integers(0, 80), st.binary(max_size=4))
def test_any_change_is_a_picture_or_a_phrase(kind: str, at: int, new: bytes) -> None:
    whole = GOOD[kind]
    changed = whole[:at] + new + whole[at + len(new) :]
    for data in (changed, whole[:at]):
        try:
            assert kind_of(data).startswith("image/")
        except NoPictureError as error:
            said = str(error)
            assert json.dumps(said)


def test_base64_without_an_address_is_told_and_not_shown_whole(tmp_path: Path) -> None:
    """A path of a hundred thousand characters was printed whole."""
    for kind in sorted(GOOD):
        held = base64.b64encode(GOOD[kind] + b"." * 90_000).decode()
        with pytest.raises(UserError, match="must be a data: URL") as caught:
            image(held, tmp_path)
        assert len(str(caught.value)) < 200
