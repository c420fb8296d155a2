"""Draw the charts of committed results as SVG, for the docs.

    python scripts/docs_figures.py                   # of every result there is
    python scripts/docs_figures.py construct bridge  # of these

A result is ``benchmarks/theory/NAME.json``; its charts go to ``docs/figures/NAME-CHART.svg``, in
the colours of the light page on white. Figures of charts that are no more are removed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from selfcorrect import studies
from selfcorrect.report.sheet import Chart, Sheet
from selfcorrect.report.svg import alone

ROOT = Path(__file__).parents[1]
RESULTS, FIGURES = ROOT / "benchmarks" / "theory", ROOT / "docs" / "figures"
NAMES = ("construct", "train", "concepts", "bridge")
#: Bytes; who opens a page of the docs loads all its figures.
_MOST = 150_000


def figures(sheet: Sheet) -> dict[str, str]:
    """Every chart of a sheet as SVG, by name."""
    charts = [part for s in sheet.sections for part in s.parts if isinstance(part, Chart)]
    return {
        chart.name: alone(
            {"data": chart.data, "layout": chart.layout}, chart.alt, title=chart.title
        )
        for chart in charts
    }


def write(name: str) -> list[Path]:
    """Draw the charts of one result; return the files."""
    result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    drawn = figures(studies.load(name).sheet(result))
    FIGURES.mkdir(parents=True, exist_ok=True)
    files = {FIGURES / f"{name}-{chart}.svg": svg for chart, svg in drawn.items()}
    for old in set(FIGURES.glob(f"{name}-*.svg")) - set(files):
        old.unlink()
    for file, svg in files.items():
        file.write_text(f"{svg}\n", encoding="utf-8")
    return list(files)


def main(arguments: list[str]) -> int:
    there = [name for name in NAMES if (RESULTS / f"{name}.json").exists()]
    missing = [name for name in arguments if name not in there]
    if missing or not there:
        wanted = missing[0] if missing else f"{{{','.join(NAMES)}}}"
        print(f"there is no {wanted}.json in {RESULTS}: write it first", file=sys.stderr)
        return 2
    files = [file for name in arguments or there for file in write(name)]
    for file in files:
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1000:.0f} kB")
    large = [file.name for file in files if file.stat().st_size > _MOST]
    if large:
        print(f"over {_MOST // 1000} kB, thin their traces: {', '.join(large)}", file=sys.stderr)
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
