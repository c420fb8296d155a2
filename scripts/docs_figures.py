"""Draw the charts of committed results as SVG, for the docs.

    python scripts/docs_figures.py                   # of every result there is
    python scripts/docs_figures.py construct bridge  # of these

A result is ``benchmarks/theory/NAME.json``; its charts go to ``docs/figures/NAME-CHART.svg``, in
the colours of the light page on white. Figures of charts that are no more are removed.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from selfcorrect import studies
from selfcorrect.report.sheet import Sheet, page

ROOT = Path(__file__).parents[1]
RESULTS, FIGURES = ROOT / "benchmarks" / "theory", ROOT / "docs" / "figures"
NAMES = ("construct", "train", "concepts", "bridge")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Bytes; who opens a page of the docs loads all its figures.
_MOST = 150_000
_WAIT = 60_000  # milliseconds

_SEEN = """(box) => { box.scrollIntoView({ behavior: "instant" }); }"""
# plotly's ids are random; with the same numbers each time, an unchanged chart is the same file
_SVG = """(box) => {
  let seed = 1;
  Math.random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const width = 760, height = Math.max(420, box.clientHeight);
  const font = { ...box.layout.font, family: "Arial, Helvetica, sans-serif" };
  const layout = { ...box.layout, font, paper_bgcolor: "#fff", plot_bgcolor: "#fff" };
  const how = { format: "svg", width, height, imageDataOnly: true };
  return Plotly.toImage({ data: box.data, layout }, how);
}"""


def figures(sheet: Sheet, browser: Any) -> dict[str, str]:
    """Every chart of a sheet as SVG, by name.

    Args:
        sheet: whose charts.
        browser: one of playwright's that has been started.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sheet.html"
        file.write_text(page(sheet), encoding="utf-8")
        tab = browser.new_page(color_scheme="light", viewport={"width": 1000, "height": 900})
        tab.set_default_timeout(_WAIT)
        tab.goto(file.as_uri())
        drawn = {}
        for box in tab.locator("[data-chart]").all():
            box.evaluate(_SEEN)
            box.locator(".main-svg").first.wait_for(state="attached")
            drawn[box.get_attribute("data-chart")] = box.evaluate(_SVG)
        tab.close()
    return drawn


def write(name: str, browser: Any) -> list[Path]:
    """Draw the charts of one result; return the files."""
    result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    drawn = figures(studies.load(name).sheet(result), browser)
    FIGURES.mkdir(parents=True, exist_ok=True)
    files = {FIGURES / f"{name}-{chart}.svg": svg for chart, svg in drawn.items()}
    for old in set(FIGURES.glob(f"{name}-*.svg")) - set(files):
        old.unlink()
    for file, svg in files.items():
        file.write_text(f"{svg}\n", encoding="utf-8")
    return list(files)


def main(arguments: list[str]) -> int:
    from playwright.sync_api import sync_playwright

    there = [name for name in NAMES if (RESULTS / f"{name}.json").exists()]
    missing = [name for name in arguments if name not in there]
    if missing or not there:
        wanted = missing[0] if missing else f"{{{','.join(NAMES)}}}"
        print(f"there is no {wanted}.json in {RESULTS}: write it first", file=sys.stderr)
        return 2
    installed = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        files = [file for name in arguments or there for file in write(name, browser)]
        browser.close()
    for file in files:
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1000:.0f} kB")
    large = [file.name for file in files if file.stat().st_size > _MOST]
    if large:
        print(f"over {_MOST // 1000} kB, thin their traces: {', '.join(large)}", file=sys.stderr)
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
