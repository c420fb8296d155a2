"""Images of examples and of dialogues: read, sent, recorded, and refused by who can't see."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import selfcorrect as sc
from commands import refused
from pictures import WORDS, png, run, written
from selfcorrect.cli.export import to_jsonl
from selfcorrect.errors import UserError
from selfcorrect.records import transcript
from selfcorrect.tasks import make
from servers.stub import CLOUD, LLAMA_CPP, TEXT, VLLM, Stub


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
    found = run(server, file, tmp_path / "runs", remote_images=True)
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
    page = found.report().read_text("utf-8")
    assert url not in page  # its pixels are encoded anew, and small
    assert elsewhere not in page  # an address: nothing is fetched


@pytest.mark.parametrize("column", ["image", "images"])
def test_both_names_of_the_column_show_pictures(column: str, tmp_path: Path) -> None:
    """A list under the second was not shown, and a note said so."""
    for name in ("a.png", "b.png"):
        png(tmp_path, name)
    task = make("choices", data=str(written(tmp_path, {**WORDS, column: ["a.png", "b.png"]})))
    assert [each.name for each in task.examples()[0].images] == ["a.png", "b.png"]


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
        progress=False, remote_images=True,
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
    remote = {"remote_images": True}
    (example,) = make("dialogues", data=str(file), options=remote).examples()
    (given,) = make("dialogues", data=str(tmp_path / "q.jsonl"), options=remote).examples()
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
    assert first.tokens - 1024 == pytest.approx(len(first.text) / 4 + 4, abs=2)
    assert 1024 < second.tokens < 1024 + len(second.text)
    assert second.encoded >= second.tokens  # a request sends all, whatever its server still has


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


def test_columns_that_hold_images_whatever_they_are_called(tmp_path: Path) -> None:
    """A question was asked without its picture, as that stood in another column."""
    png(tmp_path, "1.png")
    png(tmp_path, "2.png", tone=9)
    for column in ("image", "images", "image_path", "Image Path", "img", "picture"):
        task = make("choices", data=written(tmp_path, {**WORDS, column: "1.png"}))
        assert [image.name for image in task.examples()[0].images] == ["1.png"]
    both = written(tmp_path, {**WORDS, "image": "1.png", "img": "2.png"})
    with pytest.raises(UserError, match="'image' and 'img' could all be its images: say which"):
        make("choices", data=both)
    named = make("choices", data=both, options={"field": {"image": "img"}})
    assert [image.name for image in named.examples()[0].images] == ["2.png"]
    empty = written(tmp_path, {**WORDS, "image": None, "images": ["1.png", "2.png"], "img": ""})
    assert len(make("choices", data=empty).examples()[0].images) == 2
