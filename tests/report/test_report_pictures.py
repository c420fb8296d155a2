"""Pictures and boxes of dialogues in the report's page."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import selfcorrect as sc
from browser import Chromium, opened, worked
from pictures import written
from selfcorrect.messages import image
from selfcorrect.outcome import BOX, GOLD
from selfcorrect.report.dialogues import choose, embed
from selfcorrect.report.page import page
from selfcorrect.report.pictures import BYTES, Pictures
from selfcorrect.runs import thumbnails
from selfcorrect.runs.report import write_report
from selfcorrect.scenes import SIDE, drawn, pointed
from selfcorrect.tasks import make
from summaries import frame, made_records, made_summary, no_charts, record, step

WORDS = {"question": "What is it?", "choices": ["a cat", "a dog"], "answer": "a cat"}
BOXES = {"kind": "grounding", "n": 6}


def with_boxes(*rounds: dict[str, float | None]) -> pl.DataFrame:
    rows = []
    for number, values in enumerate(rounds, 1):
        told = [{"name": name, "value": value and float(value)} for name, value in values.items()]
        rows.append({**record("a", number, None, [step("answer", "[…]")]), "values": told})
    return frame(rows)


def dialogues(found: dict[str, Any]) -> list[dict[str, Any]]:
    lines = gzip.decompress(base64.b64decode(found["data"])).decode().splitlines()
    return [json.loads(line) for line in lines]


def box(names: tuple[str, ...], *edges: float | None) -> dict[str, float | None]:
    return dict(zip(names, edges, strict=True))


def test_boxes_are_shares_within_the_picture() -> None:
    gold = box(GOLD, 0.1, 0.2, 0.3, 0.4)
    records = with_boxes(
        {**gold, **box(BOX, 0.12345, 0.2, 0.3, 0.4)},
        gold,
        {**gold, **box(BOX, -5, 0.2, 7, 0.1)},
        {**gold, **box(BOX, float("nan"), 0.2, 0.3, 0.4)},
        {**gold, **box(BOX, None, 0.2, 0.3, 0.4)},
    )
    (dialogue,) = dialogues(embed([records], choose(records)))
    assert dialogue["gold"] == [0.1, 0.2, 0.3, 0.4]
    boxes = [each["box"] for each in dialogue["rounds"]]
    assert boxes == [[0.1235, 0.2, 0.3, 0.4], None, [0, 0.2, 1, 0.2], None, None]
    without = made_records(2)
    assert all("gold" not in each for each in dialogues(embed([without], choose(without))))


def test_a_picture_can_bring_nothing_into_a_page_that_runs() -> None:
    name = "</script><script>alert(1)</script>"
    found = Pictures(["data:image/webp;base64,AAAA"], {name: {name: 0}})
    records = made_records(2)
    whole = page(no_charts(), embed([records], choose(records)), pictures=found)
    assert name not in whole
    assert "img-src data:" in whole
    assert "img-src" not in page(no_charts(), embed([records], choose(records)))


def run(folder: Path, **more: Any) -> Any:
    more = {"rounds": 2, "out": folder, "progress": False, "controls": False, **more}
    return sc.run("planted:eye", "shapes", "look-again", **more)


def shown(text: str) -> dict[str, Any]:
    told = re.search(r'id="pictures">(.*?)</script>', text)
    return json.loads(told[1]) if told else {}


def test_pictures_are_decoded_and_made_anew(tmp_path: Path) -> None:
    images = pytest.importorskip("PIL.Image")
    made = run(tmp_path, limit=6)
    text = Path(made.report()).read_text("utf-8")
    told = shown(text)
    assert len(told["pictures"]) == len(told["of"]) == 6
    for example in made.records["example"].unique():
        (number,) = told["of"][example].values()
        data = base64.b64decode(told["pictures"][number].partition(",")[2])
        with images.open(io.BytesIO(data)) as opened_one:
            assert opened_one.size == (SIDE, SIDE)
            assert opened_one.format in ("WEBP", "JPEG")


def test_what_does_not_fit_is_left_out_and_said(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    made = run(tmp_path, limit=8)
    names = embed(made.chunks(), choose(made.read(["example", "round", "key"])))["pictures"]
    every = thumbnails.thumbnails(made, names)
    assert every is not None
    assert every.about == ""
    size = sum(len(each) for each in every.addresses) * 3 // 4
    few = thumbnails.thumbnails(made, names, limit=size // 4)
    assert few is not None
    assert 0 < len(few.addresses) < 8
    assert sum(len(base64.b64decode(a.partition(",")[2])) for a in few.addresses) <= size // 4
    left = 8 - len(few.addresses)
    assert f"{left} of 8 pictures are left out" in few.about


def test_without_pillow_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(tmp_path, limit=2)
    for name in ("PIL", "PIL.Image"):
        monkeypatch.setitem(sys.modules, name, None)
    text = Path(made.report()).read_text("utf-8")
    assert "shown, as pillow, which makes them smaller" in text
    assert not shown(text)


def grounded(folder: Path) -> Any:
    """A run of boxes in files of its own."""
    folder.mkdir()
    rows = []
    for number in range(3):
        picture = pointed(number, 0)
        (folder / f"{number}.png").write_bytes(drawn(picture.shapes))
        expression, shape = picture.meant[0]
        rows.append({"image": f"{number}.png", "expression": expression, "box": list(shape.box),
                     "format": "xyxy"})  # fmt: skip
    return sc.run("planted:eye", "grounding", data=written(folder, *rows), rounds=2,
                  out=folder / "runs", progress=False, controls=False)  # fmt: skip


def test_of_a_received_run_no_picture_file_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PIL")
    made = grounded(tmp_path / "data")
    assert len(shown(Path(made.report()).read_text("utf-8"))["pictures"]) == 3
    (Path(made.folder) / ".made-here").unlink()
    received = sc.open_run(made.folder)
    assert received.received
    monkeypatch.setattr("selfcorrect.messages.images._read", lambda _: pytest.fail("opened"))
    to = tmp_path / "received.html"
    write_report(received, to=to)
    text = to.read_text("utf-8")
    assert not shown(text)
    assert "no place that it names is opened" in text


def test_boxes_are_drawn_over_the_picture(tmp_path: Path, started: Chromium) -> None:
    pytest.importorskip("PIL")
    made = run(tmp_path, task_options=BOXES, limit=6)
    file = Path(made.report())
    first = made.records.filter(pl.col("example") == made.records["example"][0])
    with opened(started, file) as it:
        it.page.locator("#search").fill(first["example"][0])
        it.wait_for("document.querySelectorAll('#list > li').length > 0")
        item = it.page.locator("#list > li").filter(has_text=first["example"][0]).first
        item.locator("summary").first.click()
        frame_ = item.locator(".frame")
        it.wait_for("[...document.querySelectorAll('.frame img')].every((i) => i.naturalWidth)")
        values = {v["name"]: v["value"] for v in first["values"][0]}
        gold = frame_.locator("rect.gold")
        width = 1000 * (values["gold_right"] - values["gold_left"])
        assert float(gold.get_attribute("x")) == pytest.approx(1000 * values["gold_left"], abs=0.1)
        assert float(gold.get_attribute("width")) == pytest.approx(width, abs=0.2)
        said = first["values"].to_list()
        boxes = {tuple(v["value"] for v in each if v["name"] in BOX) for each in said}
        assert frame_.locator("rect.said").count() == len(boxes - {()})
        assert "round 1: " in frame_.get_attribute("aria-label")
        assert item.locator("img.thumb").count() == 2  # look-again shows it in both rounds
        assert it.complaints == []
        assert all(each.startswith(("file:", "data:")) for each in it.requests)


_HOSTILE = "<img src=x onerror='window.planted = 1'>\"'><svg/onload=alert(2)>.png"


def test_hostile_pictures_boxes_and_names_do_nothing(tmp_path: Path, started: Chromium) -> None:
    """Names of files, what is to be found and what models say come from anywhere; boxes in a run
    that somebody sent are any numbers; pictures have any shape."""
    images = pytest.importorskip("PIL.Image")
    sizes = {"thin": (1, 900), "flat": (900, 1), "one": (1, 1), "turned": (60, 20)}
    held = {}
    for name, size in sizes.items():
        file = tmp_path / f"{name}.jpg"
        turned = images.Exif()
        turned[0x0112] = 6 if name == "turned" else 1
        images.new("RGB", size, "red").save(file, exif=turned)
        held[name] = image(file.name, tmp_path)
    addresses = [address for _, address in thumbnails.small([*held.values()], BYTES)]
    huge, inf, nan = 1e308, float("inf"), float("nan")
    edges = {"thin": (-huge, 0, huge, huge), "flat": (nan, 0, 1, 1),
             "one": (0.9, -inf, 0.1, 5e-324), "turned": (-0.0, 0.25, 0.5, 0.75)}  # fmt: skip
    rounds, of = [], {}
    for number, name in enumerate(sizes):
        example = f"{name} {_HOSTILE}"
        of[example] = {_HOSTILE: number}
        for at in (1, 2):
            asked = step(
                "say", f"Where is {_HOSTILE}?", images=[_HOSTILE, "https://e.invalid/x.png"]
            )
            told = {**box(GOLD, 0.1, 0.2, 0.3, 0.4), **box(BOX, *edges[name])}
            values = [
                {"name": key, "value": None if value is None else float(value)}
                for key, value in told.items()
            ]
            made = record(example, at, None, [asked, step("answer", _HOSTILE)])
            no_options = {f"option_{each}": [] for each in ("logp", "tokens", "p")}
            rounds.append({**made, **no_options, "choices": [], "values": values})
    records = frame(rounds)
    report = tmp_path / "report.html"
    report.write_text(
        page(made_summary(), embed([records], choose(records)), pictures=Pictures(addresses, of))
    )
    with opened(started, report, width=360) as it:
        items = it.page.locator("#list > li")
        for number in range(4):
            items.nth(number).locator("summary").first.click()
        it.wait_for("document.querySelectorAll('.frame img').length === 4")
        it.wait_for("[...document.images].every((i) => i.naturalWidth)")
        frames = it.page.locator(".frame")
        tall = frames.evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().height)")
        assert max(tall) < 500
        said = it.page.locator(".frame rect").evaluate_all(
            "(all) => all.map((e) => ['x', 'y', 'width', 'height'].map((a) => e.getAttribute(a)))"
        )
        assert all(0 <= float(edge) <= 1000 for each in said for edge in each)
        assert len(said) == 4 + 2  # none where an edge is no number, or none that is finite
        wide = it.page.locator(".thumb").evaluate_all(
            "(all) => all.map((e) => [e.naturalWidth, e.naturalHeight])"
        )
        assert [20, 60] in wide  # as its EXIF has it
        assert it.fits()
        assert it.page.evaluate("window.planted") is None
        assert it.complaints == []
        assert all(each.startswith(("file:", "data:")) for each in it.requests)


@pytest.mark.slow
def test_five_hundred_pictures_stay_small_and_open_quickly(
    tmp_path: Path, started: Chromium
) -> None:
    """Photographs are as hard to make small as noise that was smoothed; by what the page computes,
    as seconds are many where a machine is busy."""
    images = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(0)
    rows = []
    for number in range(500):
        rough = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        picture = images.fromarray(rough).resize((640, 480))
        noisy = np.asarray(picture).astype(int) + random.integers(-12, 13, (480, 640, 3))
        images.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / f"{number}.jpg")
        rows.append({**WORDS, "image": f"{number}.jpg", "id": str(number)})
    file = written(tmp_path, *rows)
    examples = make("choices", data=str(file)).examples()
    found: dict[str, dict[str, int]] = {}
    small = list(thumbnails.small([example.images[0] for example in examples], BYTES))
    assert len(small) == 500
    rounds = []
    for number, example in enumerate(examples):
        name = example.images[0].name
        found[example.id] = {name: number}
        for at in (1, 2, 3):
            asked = {**step("say", "What is it? " * 20), "images": [name]}
            rounds.append(record(example.id, at, at % 2, [asked, step("answer", "(a)")]))
    records = frame(rounds)
    text = page(
        made_summary(),
        embed([records], choose(records)),
        pictures=Pictures([address for _, address in small], found),
    )
    report = tmp_path / "report.html"
    report.write_text(text, encoding="utf-8")
    assert report.stat().st_size < 12e6
    before = worked(started)
    with opened(started, report) as it:
        after = worked(started)
        assert sum(after.values()) - sum(before.get(pid, 0.0) for pid in after) < 2
        it.page.locator("#list summary").first.click()
        it.wait_for("document.querySelector('img.thumb')?.naturalWidth > 0")
