"""Images of examples and of dialogues: read, sent, recorded, and refused by who can't see."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands import refused
from pictures import WORDS, png, run, written
from selfcorrect.errors import UserError
from selfcorrect.messages import Image, Message, fold, image, joined, message
from selfcorrect.messages.images import MOST_BYTES
from selfcorrect.models.endpoint.wire import render
from selfcorrect.tasks import make
from servers.stub import VLLM, Stub
from timing import within


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("none.png", "none.png can't be read: no such file"),
        ("q.jsonl", "q.jsonl is no PNG, JPEG, GIF or WebP image"),
        (3, "the image must be a path or an address, not 3"),
        ([""], "the image must be a path or an address"),
        ("data:text/plain;base64,AAAA", "must be data:image/…;base64"),
        ("data:image/png;base64,AA A", "must be data:image/…;base64"),
        ("data:image/png;base64,", "must be data:image/…;base64"),
        ("a\x00b.png", "can't be read"),
        (".", "can't be read: is a directory"),
    ],
)
def test_a_bad_image(given: Any, says: str, tmp_path: Path) -> None:
    file = written(tmp_path, {**WORDS}, {**WORDS, "image": given})
    sentence = refused(
        "run", "--task", "choices", "--data", file, "--model", "planted:chain", "--out", tmp_path
    )
    assert sentence.startswith(f"{file}:2: ")
    assert says in sentence


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The data's folder, with ways out of it; every file that they lead to is a good image."""
    data = tmp_path / "data"
    data.mkdir()
    png(data, "in.png")
    png(data, "sub/in.png")
    png(tmp_path, "out.png")
    png(tmp_path, "elsewhere/out.png")
    png(tmp_path, "data-too/out.png")
    (data / "link.png").symlink_to(tmp_path / "out.png")
    (data / "relative.png").symlink_to("../out.png")
    (data / "twice.png").symlink_to("link.png")
    (data / "linked").symlink_to(tmp_path / "elsewhere")
    (data / "dangling.png").symlink_to(tmp_path / "none.png")
    (data / "loop.png").symlink_to("loop.png")
    (data / "zero.png").symlink_to("/dev/zero")
    (data / "kept.png").symlink_to("sub/in.png")
    (data / "a%2Fb.png").write_bytes((data / "in.png").read_bytes())
    os.mkfifo(data / "pipe.png")
    with (data / "huge.png").open("wb") as file:
        file.write((data / "in.png").read_bytes())
        file.truncate(MOST_BYTES + 1)
    return data


OUTSIDE = "lies outside of the data's folder"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("../out.png", OUTSIDE),
        ("sub/../../out.png", OUTSIDE),
        ("../data-too/out.png", OUTSIDE),
        ("{top}/out.png", OUTSIDE),
        ("{top}/data/../out.png", OUTSIDE),
        ("/dev/zero", OUTSIDE),
        ("/etc/hostname", OUTSIDE),
        ("link.png", OUTSIDE),
        ("relative.png", OUTSIDE),
        ("twice.png", OUTSIDE),
        ("linked/out.png", OUTSIDE),
        ("dangling.png", OUTSIDE),
        ("zero.png", OUTSIDE),
        ("~/out.png", "begins with ~, which isn't expanded"),
        ("~root/out.png", "begins with ~, which isn't expanded"),
        ("file://{top}/out.png", "is an address of another kind"),
        ("FILE:{top}/out.png", "is an address of another kind"),
        ("file:in.png", "is an address of another kind"),
        ("ftp://example.org/x.png", "is an address of another kind"),
        ("%2e%2e/out.png", "can't be read: no such file"),
        ("..%2fout.png", "can't be read: no such file"),
        ("sub%2Fin.png", "can't be read: no such file"),
        ("loop.png", "can't be read: "),
        ("pipe.png", "can't be read: it is no regular file"),
        ("sub", "can't be read: is a directory"),
        ("huge.png", "huge.png is larger than 20 MiB"),
        ("x" * 5000, "can't be read: "),
    ],
)
@pytest.mark.parametrize("task", ["choices", "dialogues"])
def test_a_path_out_of_the_datas_folder(task: str, given: str, says: str, house: Path) -> None:
    given = given.replace("{top}", str(house.parent))
    url = {"type": "image_url", "image_url": {"url": given}}
    spoken = [{"role": "user", "content": [url]}, {"role": "assistant", "content": "(a)"}]
    row = {"choices": ["a cat", "a dog"], "messages": spoken}
    file = written(house, {**WORDS, "image": given} if task == "choices" else row)
    with within(5), pytest.raises(UserError) as error:
        make(task, data=str(file))
    assert str(error.value).startswith(f"{file}:1: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "given",
    ["in.png", "sub/in.png", "./sub/../in.png", "kept.png", "{top}/data/in.png", "a%2Fb.png"],
)
def test_a_path_within_the_datas_folder(
    given: str, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = image(given.replace("{top}", str(house.parent)), house)
    assert found.url().endswith(base64.b64encode((house / "in.png").read_bytes()).decode())
    monkeypatch.chdir(house.parent)
    assert image("in.png", Path("data")).url() == found.url()
    (house.parent / "way").symlink_to(house)
    assert image("in.png", house.parent / "way").url() == found.url()


CAT, DOG = Image("cat", "1", "http://c"), Image("dog", "2", "http://d")


def test_an_image_that_becomes_a_way_out_is_not_sent(house: Path) -> None:
    """Checked once more when it is sent: the bytes by their digest, the file by its kind."""
    for number, swap in enumerate(("link", "pipe")):
        png(house, f"{number}.png")
        found = image(f"{number}.png", house)
        (house / f"{number}.png").unlink()
        (house / f"{swap}.png").rename(house / f"{number}.png")
        with pytest.raises(UserError, match=r"can't be read"):
            found.url()


def test_a_data_url_is_bounded(tmp_path: Path) -> None:
    large = base64.b64encode(b"x" * (MOST_BYTES + 1)).decode()
    with pytest.raises(UserError, match=r"a data: URL is larger than 20 MiB"):
        image(f"data:image/png;base64,{large}", tmp_path)


def test_an_assistants_image_is_refused(tmp_path: Path) -> None:
    png(tmp_path, "cat.png")
    row = {
        "choices": ["a cat", "a dog"],
        "messages": [
            {"role": "user", "content": "Draw a cat."},
            {"role": "assistant", "content": [{"type": "image_url", "image_url": "cat.png"}]},
        ],
    }
    sentence = refused("measure", written(tmp_path, row), "--model", "planted:chain")
    assert sentence.endswith("message 2 holds 'image_url': its content must be text")


def test_an_image_that_changes_under_way_is_noticed(tmp_path: Path) -> None:
    png(tmp_path, "cat.png")
    found = image("cat.png", tmp_path)
    assert found.url().startswith("data:image/png;base64,")
    png(tmp_path, "cat.png", 9)
    with pytest.raises(UserError, match="has changed since the run began"):
        found.url()


def test_data_urls(serve: Callable[..., Stub], tmp_path: Path) -> None:
    server = serve(replace(VLLM, images="yes"))
    data = base64.b64encode(png(tmp_path, "cat.png")).decode()
    file = written(tmp_path, {**WORDS, "image": f"data:image/png;base64,{data}"})
    found = run(server, file, tmp_path / "runs")
    (name,) = found.records.sort("round")["steps"].to_list()[0][0]["images"]
    assert name == f"image/png:{image('cat.png', tmp_path).digest}"
    sentence = refused("export", found.folder, "--jsonl", tmp_path / "x.jsonl", "--dialogues")
    assert "holds an image that the data gave as a data: URL" in sentence


def test_messages_that_are_joined_keep_their_images() -> None:
    one, two = Message("user", (CAT, "what?")), Message("user", ("and", DOG))
    assert joined("user", [one, two]).parts == (CAT, "what?\n\nand", DOG)
    assert joined("user", [two, one]).parts == ("and", DOG, "\n\n", CAT, "what?")
    briefed = [message("system", "Be brief."), one, two]
    folded, roles = fold(briefed, lambda _, each: each.role == "system")
    assert [m.parts for m in folded] == [("Be brief.\n\n", CAT, "what?\n\nand", DOG)]
    assert roles == ["system"]
    assert render([one], None) == "User: [image: cat]\n\nwhat?"
    with pytest.raises(UserError, match="reads text only, and it is to be shown the image cat"):
        _ = one.text
