"""Facts of layout: nothing overlaps, nothing is outside its box, everything can be read."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from browser import Chromium, Opened, opened
from summaries import embedded, made_records, made_summary, written_to

SCRIPT = Path(__file__).parents[2] / "scripts" / "gallery.py"
KINDS = sorted(runpy.run_path(str(SCRIPT))["KINDS"])

#: Of every chart that is shown: texts that overlap, and those that reach out of it.
LABELS = """() => {
  const found = [];
  for (const svg of document.querySelectorAll(".chart svg")) {
    const box = svg.getBoundingClientRect();
    if (!box.width) continue;
    const name = svg.closest("[data-chart]").dataset.chart;
    const all = [...svg.querySelectorAll("text")].map((e) => {
      const turned = (e.getAttribute("transform") ?? "").startsWith("rotate");
      return { said: e.textContent, at: e.getBoundingClientRect(), turned };
    });
    for (const { said, at } of all) {
      const [x, y] = [Math.max(box.left - at.left, at.right - box.right), box.top - at.top];
      const out = Math.max(x, y, at.bottom - box.bottom);
      if (out > 2) found.push(`${name}: "${said}" is ${out.toFixed(1)} outside`);
    }
    const flat = all.filter(({ turned, said }) => !turned && said.trim());
    flat.forEach((one, k) => {
      for (const other of flat.slice(k + 1)) {
        const x = Math.min(one.at.right, other.at.right) - Math.max(one.at.left, other.at.left);
        const y = Math.min(one.at.bottom, other.at.bottom) - Math.max(one.at.top, other.at.top);
        if (x > 1 && y > 3) found.push(`${name}: "${one.said}" and "${other.said}" overlap`);
      }
    });
  }
  return found;
}"""
#: Where the folded part begins, in pixels; 0 where nothing is folded.
FOLDED = "() => document.querySelector('.folds')?.getBoundingClientRect().top ?? 0"
#: Verdicts that are out of sight.
CUT = """() => [...document.querySelectorAll("td[data-head=verdict], .figures div")]
  .filter((e) => e.checkVisibility())
  .filter((e) => e.getBoundingClientRect().left < 0
    || e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map((e) => e.innerText)
"""
#: Parts that hide what doesn't fit into them, but for what is there for screen readers alone.
HIDING = """() => [...document.querySelectorAll("body *")]
  .filter((e) => e.checkVisibility() && !e.closest("svg") && e.clientWidth > 1)
  .filter((e) => ["hidden", "clip"].some((how) => getComputedStyle(e).overflow.includes(how)))
  .filter((e) => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 2)
  .map((e) => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 60)}`)
"""
#: What would look wrong on paper: captions louder than sentences, and columns, in which Chromium
#: may cut a line in half.
PRINTED = """() => {
  const size = (e) => parseFloat(getComputedStyle(e).fontSize);
  const said = size(document.querySelector(".said p:last-child"));
  const loud = [...document.querySelectorAll(".caption")].filter((e) => size(e) >= said + 0.1);
  const columns = [...document.querySelectorAll(".read")]
    .filter((e) => getComputedStyle(e).columnCount !== "auto");
  return [...loud, ...columns].map((e) => e.innerText.slice(0, 60));
}"""
#: Of every text that is shown: contrast with what lies behind it.
CONTRAST = """() => {
  const parse = (c) => (c.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map((v) => linear(v / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    const said = walk.currentNode.data.trim().slice(0, 30);
    if (!said || !e.getClientRects().length || e.closest("script, title, [disabled]")) continue;
    const ink = parse(getComputedStyle(e)[e.closest("svg") ? "fill" : "color"]);
    const [one, other] = [ink, behind(e)].map(light);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) found.add(`${e.tagName} "${said}": ${ratio.toFixed(2)}`);
  }
  return [...found];
}"""


def facts(it: Opened) -> list[str]:
    """What is wrong with a page as it is shown, all of it unfolded."""
    it.unfold()
    labels: list[str] = it.page.evaluate(LABELS)
    contrast: list[str] = it.page.evaluate(CONTRAST)
    sideways = [] if it.fits() else ["the page is wider than the screen"]
    hiding = [f"hides its end: {each}" for each in it.page.evaluate(HIDING)]
    return [*labels, *contrast, *sideways, *hiding, *it.complaints]


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (400, True)])
def test_a_report_can_be_read(tmp_path: Path, started: Chromium, width: int, dark: bool) -> None:
    file = written_to(tmp_path, made_summary() | {"chance": 1 / 3}, embedded(made_records(20)))
    with opened(started, file, width=width, dark=dark) as it:
        title, verdict = (
            float(it.page.locator(s).evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)"))
            for s in ("h1", ".verdict h2")
        )
        assert title < verdict
        folded = it.page.locator(".folds").evaluate("(e) => e.getBoundingClientRect().top")
        assert folded < 4 * 900 or width < 1400
        assert facts(it) == []
        stacked = it.page.locator("#numbers .stack").first.locator("td[data-head=verdict]").all()
        assert stacked
        for cell in stacked:  # no verdict is out of sight on a phone
            box = cell.bounding_box()
            assert box
            assert 0 <= box["x"] <= box["x"] + box["width"] <= width


def test_long_names_of_dialogues_are_whole_on_a_phone(tmp_path: Path, started: Chromium) -> None:
    name = pl.concat_str(pl.lit("Age/a/template/of/everything_that_it_is_about/"), "example")
    made = made_records(6).with_columns(
        name.alias("example"), pl.concat_str(name, name).alias("cluster")
    )
    with opened(started, written_to(tmp_path, made_summary(), embedded(made)), width=400) as it:
        shown = it.page.locator("#list summary .id, #list summary .cluster").all()
        assert len(shown) == 12
        assert facts(it) == []


def test_the_facts_tell_what_is_wrong(tmp_path: Path, started: Chromium) -> None:
    file = written_to(tmp_path, made_summary())
    with opened(started, file) as it:
        it.page.evaluate(
            """() => {
              const [one, other] = document.querySelectorAll(".curves svg.wide text");
              for (const name of ["x", "y"]) one.setAttribute(name, other.getAttribute(name));
              document.querySelector(".said").style.color = "#aaa";
              document.querySelector("h1").style = "height: 4px; overflow: hidden";
            }"""
        )
        told = json.dumps(facts(it))
    assert "overlap" in told
    assert ": 2.32" in told
    assert "hides its end: H1" in told


@pytest.fixture(scope="module")
def gallery() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_page_can_be_read(
    kind: str, tmp_path: Path, started: Chromium, gallery: dict[str, Any]
) -> None:
    file = tmp_path / f"{kind}.html"
    file.write_text(gallery["KINDS"][kind](tmp_path / "runs"), encoding="utf-8")
    for width, dark in ((1400, False), (1400, True), (400, False)):
        with opened(started, file, width=width, dark=dark) as it:
            folded = it.page.evaluate(FOLDED)
            assert width < 1400 or folded < 4 * 900
            assert facts(it) == [], (width, dark)
            assert it.page.evaluate(CUT) == [], (width, dark)
    with opened(started, file) as it:
        it.page.emulate_media(media="print")
        assert it.page.evaluate(PRINTED) == []
