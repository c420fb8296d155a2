"""Images of examples and of dialogues: read, sent, recorded, and refused by who can't see."""

from __future__ import annotations

import base64
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import selfcorrect as sc
from commands import refused
from selfcorrect.cli.export import to_jsonl
from selfcorrect.errors import UserError
from selfcorrect.messages import Image, Message, fold, image, joined, message
from selfcorrect.messages.images import MOST_BYTES
from selfcorrect.models.endpoint.wire import render
from selfcorrect.records import transcript
from selfcorrect.tasks import make
from servers.stub import CLOUD, LLAMA_CPP, TEXT, VLLM, Stub

WORDS = {"question": "What is it?", "choices": ["a cat", "a dog"], "answer": "a cat"}


def png(folder: Path, name: str, tone: int = 0) -> bytes:
    """A file of one pixel, written and given back."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return len(data).to_bytes(4, "big") + whole + zlib.crc32(whole).to_bytes(4, "big")

    size = (1).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    pixel = chunk(b"IDAT", zlib.compress(bytes([0, tone])))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + pixel + chunk(b"IEND", b"")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return data


def written(folder: Path, *rows: Any) -> Path:
    file = folder / "q.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture
def serve() -> Iterator[Callable[..., Stub]]:
    started: list[Stub] = []

    def start(able: Any) -> Stub:
        started.append(Stub(able))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def run(server: Stub, file: Path, folder: Path, strategy: Any = "intrinsic", **more: Any) -> Any:
    return sc.run(
        "openai:stub", more.pop("task", "choices"), strategy, rounds=2, data=file, out=folder,
        base_url=server.url, baseline=False, progress=False, **more,
    )  # fmt: skip


@pytest.mark.parametrize("able", [VLLM, LLAMA_CPP, CLOUD])
def test_an_examples_image_goes_with_its_question(
    able: Any, serve: Callable[..., Stub], tmp_path: Path
) -> None:
    server = serve(replace(able, images="yes"))
    data = png(tmp_path, "pictures/cat.png")
    elsewhere = "https://example.org/dog.png"
    file = written(
        tmp_path,
        {**WORDS, "image": "pictures/cat.png", "id": "one"},
        {**WORDS, "image": ["pictures/cat.png", elsewhere], "id": "two"},
        {**WORDS, "id": "none"},
    )
    found = run(server, file, tmp_path / "runs")
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    begun = {json.dumps(r["messages"][0]["content"]) for r in server.requests}
    parts = [{"type": "image_url", "image_url": {"url": place}} for place in (url, elsewhere)]
    for shown in ([parts[0]], parts):
        (content,) = (
            c for c in map(json.loads, begun)
            if c[:-1] == shown and not c[-1]["text"].endswith("exactly: The best answer is (")
        )  # fmt: skip
        assert content[-1]["text"].startswith("What is it?\n(a) a cat")
    steps = found.records.filter(pl.col("round") == 1).sort("example")["steps"].to_list()
    assert [mine[0]["images"] for mine in steps] == [
        [],
        ["pictures/cat.png"],
        ["pictures/cat.png", elsewhere],
    ]
    later = found.records.filter(pl.col("round") == 2)["steps"].to_list()
    assert all(step["images"] == [] for mine in later for step in mine)
    (last,) = found.records.filter(pl.col("example") == "one").sort("round")[-1:].rows(named=True)
    shown = transcript(found.records.filter(pl.col("example") == "one"))
    assert [part.name for part in shown[0].images] == ["pictures/cat.png"]
    assert last["steps"][-1]["text"] == shown[-1].text
    assert "cat.png" not in found.report().read_text("utf-8")  # it is packed


def test_answers_depend_on_the_image(serve: Callable[..., Stub], tmp_path: Path) -> None:
    server = serve(replace(VLLM, images="yes"))
    for tone in range(4):
        png(tmp_path, f"{tone}.png", tone)
    file = written(
        tmp_path, *({**WORDS, "image": f"{tone}.png", "id": str(tone)} for tone in range(4))
    )
    found = run(server, file, tmp_path / "runs").records.filter(pl.col("round") == 1)
    assert len({tuple(p) for p in found["option_p"].to_list()}) == 4


def test_the_image_decides_which_run_it_is_and_its_place_does_not(tmp_path: Path) -> None:
    def fingerprint(folder: str, tone: int) -> str:
        (tmp_path / folder).mkdir()
        png(tmp_path / folder, "a.png", tone)
        file = written(tmp_path / folder, {**WORDS, "image": "a.png"})
        task = make("choices", data=str(file))
        assert task.check() == []
        return task.fingerprint

    assert fingerprint("here", 0) == fingerprint("there", 0) != fingerprint("other", 1)


def test_a_dialogues_images_are_passed_on(serve: Callable[..., Stub], tmp_path: Path) -> None:
    server = serve(replace(VLLM, images="yes"))
    png(tmp_path, "cat.png")
    parts = [
        {"type": "image_url", "image_url": {"url": "cat.png"}},
        {"type": "text", "text": "What is it?"},
    ]
    again = [{"type": "input_text", "text": "And "}, {"type": "text", "text": "this? "}]
    again.append({"type": "input_image", "image_url": "http://example.org/x.jpg"})
    row = {
        "choices": ["a cat", "a dog"],
        "messages": [
            {"role": "user", "content": parts},
            {"role": "assistant", "content": "The answer is (b)."},
            {"role": "user", "content": again},
            {"role": "assistant", "content": "The answer is (a)."},
        ],
    }
    found = sc.measure(
        written(tmp_path, row), "openai:stub", base_url=server.url, out=tmp_path / "runs",
        progress=False,
    )  # fmt: skip
    one, two = found.records.sort("round").rows(named=True)
    assert (one["steps"][0]["images"], one["steps"][0]["text"]) == (["cat.png"], "What is it?")
    assert two["steps"][0]["images"] == ["http://example.org/x.jpg"]
    longest = max(server.requests, key=lambda r: len(r["messages"]))["messages"]
    kinds = [
        [p["type"] for p in m["content"]] for m in longest if not isinstance(m["content"], str)
    ]
    assert kinds == [["image_url", "text"], ["text", "image_url"]]
    file = tmp_path / "again.jsonl"
    assert to_jsonl(found, file, replace=False, dialogues=True) == 1
    (example,) = make("dialogues", data=str(file)).examples()
    (given,) = make("dialogues", data=str(tmp_path / "q.jsonl")).examples()
    images = [[m.parts[0] for m in e.turns[0].messages] for e in (example, given)]
    assert images[0] == images[1]


@pytest.mark.parametrize("able", [VLLM, replace(VLLM, images="ignored"), TEXT])
def test_a_server_that_cannot_see_is_told_apart(
    able: Any, serve: Callable[..., Stub], tmp_path: Path
) -> None:
    server = serve(able)
    png(tmp_path, "cat.png")
    with pytest.raises(UserError, match=r"takes no images, and it is to be shown cat\.png"):
        run(server, written(tmp_path, {**WORDS, "image": "cat.png"}), tmp_path / "runs")


def test_a_server_without_usage_is_believed(serve: Callable[..., Stub], tmp_path: Path) -> None:
    server = serve(replace(VLLM, images="yes", usage=False))
    png(tmp_path, "cat.png")
    found = run(server, written(tmp_path, {**WORDS, "image": "cat.png"}), tmp_path / "runs")
    assert found.records["prompt_tokens"].min() > 1000  # an estimate, the image in it


@pytest.mark.parametrize("model", ["smollm2", "planted:chain"])
def test_a_model_that_reads_text_only_says_so(model: str, tmp_path: Path) -> None:
    png(tmp_path, "cat.png")
    file = written(tmp_path, {**WORDS, "image": "cat.png"})
    words = ["--task", "choices", "--data", file, "--model", model, "--out", tmp_path / "runs"]
    for command in ("run", "preview"):
        assert "reads text only, and it is to be shown the image cat.png" in refused(
            command, *words
        )


def test_preview_names_the_image(serve: Callable[..., Stub], tmp_path: Path) -> None:
    from selfcorrect.preview import preview
    from selfcorrect.runs import read_spec

    server = serve(replace(VLLM, images="yes"))
    png(tmp_path, "cat.png")
    file = written(tmp_path, {**WORDS, "image": "cat.png"})
    values = {"task.name": "choices", "task.data": str(file), "model.name": "openai:stub"}
    spec = read_spec(values={**values, "model.base_url": server.url})
    shown = preview(spec)
    assert "[image: cat.png]\n\nWhat is it?" in shown.prompts[0].text
    first, second = shown.prompts[:2]
    assert first.tokens - 1024 == pytest.approx(len(first.text) / 4, abs=2)
    assert 1024 < second.tokens < 1024 + len(second.text)
    assert second.encoded < 1024  # the image is known from round 1


def test_the_budget_counts_images(serve: Callable[..., Stub], tmp_path: Path) -> None:
    server = serve(replace(VLLM, images="yes"))
    png(tmp_path, "cat.png")
    file = written(tmp_path, {**WORDS, "image": "cat.png"})
    options = ["--model", "openai:stub", "--base-url", server.url, "--out", tmp_path / "runs"]
    sentence = refused(
        "run", "--task", "choices", "--data", file, "--budget-tokens", "15000", *options
    )
    assert "budget" in sentence
    assert server.requests == [] or all(
        isinstance(m["content"], str) for r in server.requests for m in r["messages"]
    )


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


# a path never leads out of the data's folder


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
    begun = time.monotonic()
    with pytest.raises(UserError) as error:
        make(task, data=str(file))
    assert time.monotonic() - begun < 5
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


CAT, DOG = Image("cat", "1", "http://c"), Image("dog", "2", "http://d")


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
