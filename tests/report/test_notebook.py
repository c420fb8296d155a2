"""What a notebook's cell shows, where nothing but plain HTML may."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from browser import Chromium
from selfcorrect.report.notebook import MOST, curve, of_run, of_sheet
from selfcorrect.report.sheet import Section, Sheet, Table
from summaries import in_words, made_summary, no_dialogue

#: What JupyterLab's and GitHub's sanitizers leave of a cell that isn't trusted.
TAGS = {"div", "p", "b", "small", "a", "img", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"href", "src", "alt", "width"}


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.sources: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [str(value) for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.words += data


def hostile() -> dict[str, Any]:
    summary = made_summary(3)
    text = "<script>planted = 1</script>\u202e" + "x" * 100_000
    summary["folder"] = "runs/" + text.replace("/", "")
    for key in ("model", "task", "strategy"):
        summary["spec"][key]["name"] = text
    return summary | {"verdict": text}


CASES = {
    "usual": made_summary(),
    "one round": made_summary(1),
    "sixty rounds": in_words(made_summary(60)),
    "nothing": no_dialogue(),
    "hostile": hostile(),
}


@pytest.mark.parametrize("name", CASES)
def test_a_cell_is_small_plain_html_with_its_picture_in_it(name: str) -> None:
    summary = CASES[name]
    shown = of_run(summary, Path("runs/a b/report.html"))
    found = Parsed(shown)
    assert len(shown) <= MOST == 80_000
    assert found.tags <= TAGS
    assert found.attributes <= ATTRIBUTES
    assert "\u202e" not in shown
    assert summary["verdict"].splitlines()[0][:500] in found.words or name == "hostile"
    assert bool(found.sources) is bool(summary["rounds"])
    for source in found.sources:
        svg = base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")).decode()
        root = ElementTree.fromstring(svg)
        assert {e.tag.rpartition("}")[2] for e in root.iter()} <= {
            "svg", "g", "path", "rect", "text", "title", "defs", "pattern"
        }  # fmt: skip
        assert "var(" not in svg


def test_it_shows_in_a_page_that_allows_neither_scripts_nor_styles(
    tmp_path: Path, started: Chromium
) -> None:
    file = tmp_path / "cell.html"
    policy = "default-src 'none'; img-src data:"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    file.write_text(f"<!doctype html><meta charset=utf-8>{meta}" + of_run(made_summary()), "utf-8")
    context = started.browser.new_context(
        java_script_enabled=False, viewport={"width": 900, "height": 900}
    )
    with started.watched():
        tab = context.new_page()
        tab.goto(file.as_uri())
        box = tab.locator("img").bounding_box()
        assert box is not None
        assert box["width"] == 700
        assert box["height"] > 300  # a picture that can't be shown is as high as a line
        assert tab.locator("table").last.inner_text().startswith("round")
        context.close()


def test_a_chart_is_a_file_of_its_own() -> None:
    svg = curve(made_summary())
    assert svg is not None
    root = ElementTree.fromstring(svg)
    assert "smollm2 on bbq, intrinsic" in "".join(root.itertext())
    assert not re.search(r"(href|url\()=?['\"]?http", svg.replace("http://www.w3.org/2000/svg", ""))
    assert curve(no_dialogue()) is None


def test_a_sheet_shows_its_findings_and_what_there_is_room_for() -> None:
    rows = [[f"row {k}", "1"] for k in range(1_000)]
    tables = [Table(f"t {k}", ["", "n"], rows) for k in range(9)]
    shown = of_sheet(Sheet("A", "b?", ["found <i>"], [Section("s", [], tables)]), Path("p.html"))
    assert Parsed(shown).tags <= TAGS
    assert "found &lt;i&gt;" in shown
    assert "and 988 more on the page" in shown
    assert len(shown) < MOST
