"""What the runner itself costs: a long run on a model that answers at once.

    python -m benchmarks.scale                  # 100,000 examples, five rounds, one arm
    python -m benchmarks.scale --examples 5000  # a shorter one

First in one process, all of whose time counts: the loop, the reading and grading, the files. Then
with two workers, where only the driver's counts: handing out chunks and storing what comes back.
Memory is that of this process, at each tenth of the run. Writes ``benchmarks/scale.json``.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from selfcorrect import runs
from selfcorrect.runs import ExecutorSettings, Progress, RunSpec, read_spec

HERE = Path(__file__).parent
ROUNDS = 5


def spec(examples: int) -> RunSpec:
    return read_spec(
        values={
            "model": "planted:chain",
            "task": "planted",
            "task.options": {"n": examples},
            "rounds": ROUNDS,
        }
    )


def measure(examples: int, workers: int | None, folder: Path) -> dict[str, Any]:
    """One run: milliseconds of this process's time a record, and its memory on the way."""
    memory: list[float] = []
    process = psutil.Process()

    def tell(progress: Progress) -> None:
        tenth = 10 * progress.steps // progress.all_steps
        while len(memory) < tenth:
            memory.append(process.memory_info().rss / 2**20)

    began, wall = time.process_time(), time.perf_counter()
    runs.run(
        spec(examples),
        out=folder,
        controls=False,
        progress=tell,
        executor=ExecutorSettings(workers=workers),
    )
    seconds, wall = time.process_time() - began, time.perf_counter() - wall
    records = examples * ROUNDS
    return {
        "records": records,
        "ms_a_record": 1000 * seconds / records,
        "wall_seconds": wall,
        "memory_mib": [round(each, 1) for each in memory],
        "growth_mib": memory[-1] - memory[1],
    }


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--write", type=Path, default=HERE / "scale.json", metavar="FILE")
    given = parser.parse_args(arguments)
    found: dict[str, Any] = {"examples": given.examples, "rounds": ROUNDS}
    for name, workers in (("alone", None), ("driver_of_two", 2)):
        folder = Path(tempfile.mkdtemp(prefix="scale-"))
        try:
            found[name] = measure(given.examples, workers, folder)
        finally:
            shutil.rmtree(folder)
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    given.write.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    table = Table("", "records", "ms a record", "seconds", "MiB at a tenth", "at the end")
    for name in ("alone", "driver_of_two"):
        one = found[name]
        table.add_row(
            name.replace("_", " "),
            f"{one['records']:,}",
            f"{one['ms_a_record']:.3f}",
            f"{one['wall_seconds']:.0f}",
            f"{one['memory_mib'][0]:.0f}",
            f"{one['memory_mib'][-1]:.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
