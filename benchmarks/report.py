"""What a large run's summary and report cost: 20,000 dialogues of 5 rounds, 100,000 records.

Also of the same in 60 clusters, of 50,000 dialogues of 3 rounds in clusters of their own, and to
open those again by the command that made them.

    python -m benchmarks.report     # prints, and writes report.json

These are CPU seconds of processes of their own, the import of libraries included, which are about
the same on a busy machine. Opening is in seconds of the clock, from the start of navigation to the
last chart of the first screen, in headless Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import selfcorrect as sc

RESULTS = Path(__file__).with_name("report.json")
DIALOGUES, ROUNDS = 20_000, 5
TIMES = 5
OPENINGS = 9

_MEASURED = """
import json, re, sys, time
import selfcorrect as sc
from selfcorrect.runs.report import write_report
run = sc.open_run(sys.argv[1])
summary = run.summary()
summarized = time.process_time()
path = write_report(run, summary)
written = time.process_time()
peak = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024**2
print(json.dumps({
    "summary_seconds": summarized,
    "report_seconds": written - summarized,
    "peak_gib": peak,
    "report_megabytes": path.stat().st_size / 1e6,
}))
"""


#: Of torch and numpy.
_ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


def measured(folder: Path) -> dict[str, float]:
    """Medians over several processes."""
    rows = []
    for _ in range(TIMES):
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, str(folder)],
            capture_output=True,
            text=True,
            check=True,
            env=_ONE_THREAD,
        )
        rows.append(json.loads(done.stdout))
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


#: Further shapes: rounds, and options of the task.
SHAPES: dict[str, tuple[int, dict[str, object]]] = {
    "in_60_clusters": (ROUNDS, {"n": DIALOGUES, "cluster_size": -(-DIALOGUES // 60)}),
    "of_50000": (3, {"n": 50_000}),
}

_AGAIN = """
import json, sys, time
import selfcorrect as sc
settings = json.loads(sys.argv[1])
run = sc.run(model="planted:chain", task="planted", controls=False, **settings)
assert run.complete
print(time.process_time())
"""


def shaped(rounds: int, options: dict[str, object]) -> tuple[float, float]:
    """Median CPU seconds of a summary, and of the same command again where all is there already."""
    with tempfile.TemporaryDirectory() as out:
        settings = {"rounds": rounds, "limit": options["n"], "task_options": options, "out": out}
        run = sc.run(model="planted:chain", task="planted", controls=False, **settings)  # type: ignore[arg-type]
        again = []
        for _ in range(TIMES):
            words = [sys.executable, "-c", _AGAIN, json.dumps(settings)]
            done = subprocess.run(
                words, capture_output=True, text=True, check=True, env=_ONE_THREAD
            )
            again.append(float(done.stdout))
        return measured(run.folder)["summary_seconds"], statistics.median(again)


def opening(report: Path) -> float | None:
    """Median seconds to open it; ``None`` without a browser."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return None
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for _ in range(OPENINGS):
            page = started.new_page()
            page.goto(report.as_uri())
            seen = "performance.getEntriesByName('first-screen')[0]?.startTime"
            while not (at := page.evaluate(seen)):
                page.wait_for_timeout(20)
            times.append(at / 1000)
            page.close()
        started.close()
    return statistics.median(times)


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args()
    with tempfile.TemporaryDirectory() as out:
        run = sc.run(
            model="planted:chain",
            task="planted",
            rounds=ROUNDS,
            limit=DIALOGUES,
            task_options={"n": DIALOGUES},
            out=out,
            controls=False,
        )
        figures: dict[str, Any] = {"records": DIALOGUES * ROUNDS, **measured(run.folder)}
        report = run.folder / "report.html"
        figures["opening_seconds"] = opening(report)
    for said, (rounds, options) in SHAPES.items():
        summary, again = shaped(rounds, options)
        figures |= {f"summary_seconds_{said}": summary, f"again_seconds_{said}": again}
    for name, value in figures.items():
        print(f"{name:32} {value if value is None else round(value, 2)}")
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
