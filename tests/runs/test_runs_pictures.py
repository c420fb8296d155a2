"""Which picture is shown when, by what records and a server saw; how boxes are written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import selfcorrect as sc
from pictures import WORDS, png, written
from pictures import run as served
from selfcorrect.errors import UserError
from selfcorrect.models.box_formats import box_format
from selfcorrect.models.local import files
from selfcorrect.scenes import drawn
from selfcorrect.strategies import load
from selfcorrect.tasks import make
from servers.stub import VLLM, Stub

OWN = """
about = "Shows what it says."
[[first]]
say = "{question}"
%s
[[first]]
elicit = "answer"
prefill = "{answer_prefill}"
[[again]]
say = "{review}"
%s
[[again]]
elicit = "answer"
prefill = "{answer_prefill}"
"""


def run(folder: Path, strategy: Any = "intrinsic", **more: Any) -> Any:
    more = {"rounds": 2, "limit": 4, "out": folder, "progress": False, "controls": False, **more}
    return sc.run("planted:eye", "shapes", strategy, **more)


def shown(made: Any) -> list[tuple[str, int, str]]:
    """Of every message of a strategy that shows one: example, round, picture."""
    rows = made.records.select("example", "round", "steps").iter_rows()
    return [
        (example, number, name)
        for example, number, steps in rows
        for step in steps
        if step["kind"] == "say"
        for name in step["images"]
    ]


@pytest.mark.parametrize(
    ("first", "again", "rounds"),
    [
        ("", "", [1]),
        ("", "image = true", [1, 2]),
        ("image = true", "image = false", [1]),
        ("image = false", "", []),
        ("image = false", "image = true", [2]),
    ],
)
def test_a_step_says_whether_the_picture_is_shown(
    tmp_path: Path, first: str, again: str, rounds: list[int]
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN % (first, again))
    made = run(tmp_path, file)
    pictures = {e.id: e.images[0].name for e in made_task().examples()}
    found = shown(made)
    assert {number for _, number, _ in found} == set(rounds)
    assert all(name == pictures[example] for example, _, name in found)
    assert len(found) == 4 * len(rounds)


def made_task() -> Any:
    return make("shapes")


def test_the_other_picture_is_that_of_the_pair(tmp_path: Path) -> None:
    found = shown(run(tmp_path, "other-picture"))
    others = {e.id: e.others[0].name for e in made_task().examples()}
    assert len(found) == 4
    assert all(name == others[example] for example, _, name in found)


@pytest.mark.parametrize(("again", "times"), [(True, 2), (False, 1)])
def test_looking_again_with_and_without_the_picture(
    tmp_path: Path, again: bool, times: int
) -> None:
    made = run(tmp_path, "look-again", strategy_parameters={"shown": again})
    assert len(shown(made)) == 4 * times
    said = [s["text"] for row in made.records["steps"].to_list() for s in row if s["kind"] == "say"]
    assert sum("Look at the picture once more" in text for text in said) == 4


def test_a_run_on_pictures_has_controls_of_its_own(tmp_path: Path) -> None:
    made = run(tmp_path, controls=True, limit=2)
    assert set(made.header.controls) == {"repeat", "baseline", "blind", "other-picture"}
    assert shown(made.control("blind")) == []
    boxes = run(tmp_path, controls=True, limit=2, task_options={"kind": "grounding"})
    assert set(boxes.header.controls) == {"repeat", "baseline", "blind"}
    assert boxes.header.spec.task.options["box_format"] == "per-mille"
    text = sc.run("planted:chain", "planted", rounds=1, limit=2, out=tmp_path, progress=False)
    assert set(text.header.controls) == {"baseline"}


def test_controls_show_no_truth() -> None:
    assert not any(load(name).oracle for name in ("blind", "other-picture", "look-again"))


@pytest.mark.parametrize(
    ("strategy", "task", "wanted"),
    [
        ("blind", "planted", r"blind\.toml:5: .* examples of the task 'planted' have none"),
        ("other-picture", "grounding", r"other-picture\.toml:5: .* 'grounding' are no pairs"),
    ],
)
def test_a_strategy_of_pictures_needs_some(
    tmp_path: Path, strategy: str, task: str, wanted: str
) -> None:
    (tmp_path / "1.png").write_bytes(drawn([]))
    row = {"image": "1.png", "expression": "the red circle", "box": [1, 1, 9, 9], "format": "xyxy"}
    data = written(tmp_path, row) if task == "grounding" else None
    model = "planted:eye" if task == "grounding" else "planted:chain"
    with pytest.raises(UserError, match=wanted):
        sc.run(model, task, strategy, data=data, out=tmp_path / "runs", progress=False)


def test_a_misspelt_picture_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN % ('image = "both"', ""))
    with pytest.raises(UserError, match=r"own\.toml:5: image must be true, false or \"other\""):
        load(file)


def test_a_server_gets_the_picture_wherever_it_is_shown(tmp_path: Path) -> None:
    png(tmp_path, "a.png")
    file = written(tmp_path, {**WORDS, "image": "a.png"})
    server = Stub(replace(VLLM, images="yes"))
    try:
        served(server, file, tmp_path / "runs", "look-again")
    finally:
        server.stop()
    longest = max(server.requests, key=lambda request: len(request["messages"]))["messages"]
    users = [message["content"] for message in longest if message["role"] == "user"]
    kinds = [[part["type"] for part in parts] for parts in users]
    assert kinds == [["image_url", "text"], ["image_url", "text"]]
    assert "Look at the picture once more" in users[1][1]["text"]


def family(folder: Path, kind: str, **settings: Any) -> str:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    if settings:
        (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return str(folder)


def test_how_a_family_writes_boxes_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Found:
        def __init__(self, name: str) -> None:
            self.folder = Path(name)

    monkeypatch.setattr(files, "locate", lambda name, trust=False: Found(name))  # noqa: ARG005
    plain = {
        kind: box_format(family(tmp_path / kind, kind))
        for kind in ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", "paligemma", "llava")
    }
    assert plain == {
        "qwen2_vl": "per-mille", "qwen2_5_vl": "resized", "qwen3_vl": "per-mille",
        "internvl": "per-mille", "paligemma": "paligemma", "llava": "",
    }  # fmt: skip
    limits = family(tmp_path / "limits", "qwen2_5_vl", min_pixels=3136, max_pixels=12845056)
    assert box_format(limits) == "resized:3136:12845056"
    sizes = {"shortest_edge": 784, "longest_edge": 7840}
    assert box_format(family(tmp_path / "s", "qwen2_5_vl", size=sizes)) == "resized:784:7840"
    odd = family(tmp_path / "odd", "qwen2_5_vl", min_pixels="many", max_pixels=-1)
    assert box_format(odd) == "resized"
    # what isn't said is the usual; the usual needs no word
    most = family(tmp_path / "most", "qwen2_5_vl", max_pixels=50_176)
    assert box_format(most) == "resized:3136:50176"
    usual = family(tmp_path / "usual", "qwen2_5_vl", min_pixels=3136, patch_size=14)
    assert box_format(usual) == "resized"
    parts = family(tmp_path / "parts", "qwen2_5_vl", size=sizes, patch_size=4, merge_size=2)
    assert box_format(parts) == "resized:784:7840:8"
    # as transformers saves a processor by now, and which file it goes by where there are two
    for kind, apart in (("one", {}), ("both", {"max_pixels": 99_999})):
        folder = Path(family(tmp_path / kind, "qwen2_5_vl", **apart))
        told = {"image_processor": {"size": sizes}, "processor_class": "Qwen2_5_VLProcessor"}
        (folder / "processor_config.json").write_text(json.dumps(told))
        assert box_format(str(folder)) == "resized:784:7840"
    assert box_format("openai:Qwen/Qwen3-VL") == ""  # what runs behind a server nobody can see


def test_nobody_guesses_how_a_server_writes_boxes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nobody has said: name one of pixels, unit, per-mille"):
        sc.run("openai:x", "shapes", task_options={"kind": "grounding"}, out=tmp_path,
               base_url="http://127.0.0.1:9", progress=False)  # fmt: skip


def test_a_user_may_name_another_way(tmp_path: Path) -> None:
    made = run(tmp_path, task_options={"kind": "grounding"}, box_format="unit")
    # thousandths read as shares lie outside of the picture, and nothing makes up for it
    values = made.records.explode("values").unnest("values").filter(pl.col("name") == "outside")
    assert values["value"].to_list() == [1] * len(values)
    assert made.records["outcome"].to_list() == [0] * 8
