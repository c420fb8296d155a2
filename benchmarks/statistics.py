"""Do the intervals hold, and the tests err, as often as they say? Simulated, with known truths.

    python -m benchmarks.statistics                    # 10,000 simulations each; writes the JSON
    python -m benchmarks.statistics --simulations 400  # fewer than 2,000: prints, writes nothing
    python -m benchmarks.statistics --only AUROC looks  # those with such a name: the same

A row is one scenario: the share of simulations in which something held (an interval its truth) or
happened (a test rejected what is true), with Wilson's interval, and between what it should lie.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import documented
from benchmarks.scenarios import EQUAL, Scenario
from benchmarks.scenarios_unequal import UNEQUAL
from benchmarks.scenarios_unseen import UNSEEN

from selfcorrect.measures.intervals import wilson
from selfcorrect.runs.executors.pool import Pool

RESULTS = Path(__file__).with_name("statistics.json")
PAGE = documented.DOCS / "statistics.md"
SIMULATIONS = 10_000
#: Simulations that one process does at a time; with fewer no table is written.
PART = 2_000
SCENARIOS: Mapping[str, Scenario] = {**EQUAL, **UNEQUAL, **UNSEEN}


def part(name: str, simulations: int, number: int = 0) -> tuple[int, int, float]:
    """How many simulations of a scenario were counted, in how many of them it held or happened, and
    their CPU seconds. The same numbers give the same simulations."""
    scenario, started = SCENARIOS[name], time.process_time()
    rng = np.random.default_rng([number, *name.encode()])
    told = [scenario.once(rng) for _ in range(simulations)]
    counted = [each for each in told if each is not None]
    return len(counted), sum(counted), time.process_time() - started


def row(name: str, parts: Sequence[tuple[int, int, float]]) -> dict[str, Any]:
    """One row of the table, from its parts."""
    scenario = SCENARIOS[name]
    counted, happened = sum(n for n, _, _ in parts), sum(k for _, k, _ in parts)
    if not counted:
        raise SystemExit(f"{name}: no simulation has an interval, so there is nothing to count.")
    low, high = wilson(happened, counted)
    return {
        "of": scenario.of,
        "what": scenario.what,
        "counted": scenario.counted,
        "goal": list(scenario.goal),
        "simulations": counted,
        "share": happened / counted,
        "low": low,
        "high": high,
    }


def simulate(name: str, simulations: int) -> dict[str, Any]:
    """One row of the table, at once."""
    return row(name, [part(name, simulations)])


def sizes_of(simulations: int) -> list[int]:
    """The parts of so many simulations."""
    return [min(PART, simulations - done) for done in range(0, simulations, PART)]


def document(table: Mapping[str, Mapping[str, Any]]) -> str:
    """The docs page with its table as it was measured."""
    rows = [
        (
            f"`{row['of']}`",
            row["what"],
            row["counted"],
            documented.goal(*row["goal"]),
            documented.found(row["share"], *row["goal"]),
            f"{row['simulations']:,}",
        )
        for row in table.values()
    ]
    head = ("of", "data", "counted", "goal", "found", "n")
    return documented.filled(PAGE, "simulated", head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--simulations", type=int, default=SIMULATIONS)
    parser.add_argument("--only", nargs="+", default=[""], help="those with one of these in a name")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    wanted = [name for name in SCENARIOS if any(part in name for part in given.only)]
    if not wanted:
        parser.error(f"no scenario has {' or '.join(given.only)} in its name")
    started, spent = time.time(), 0.0
    found: dict[str, dict[str, Any]] = {}
    with Pool(given.processes) as pool:
        sizes = sizes_of(given.simulations)
        waiting = {
            name: [pool.submit(part, name, size, number) for number, size in enumerate(sizes)]
            for name in wanted
        }
        for name, futures in waiting.items():
            parts = [future.result() for future in futures]
            spent += sum(seconds for _, _, seconds in parts)
            found[name] = each = row(name, parts)
            told = documented.found(each["share"], *each["goal"])
            print(f"{name:50} {told:>18}, goal {documented.goal(*each['goal'])}: "
                  f"{each['counted']} ({each['what']})", flush=True)  # fmt: skip
    print(f"{time.time() - started:.0f} s, {spent:.0f} CPU s")
    # the table is of one state of the code
    if given.simulations >= PART and set(found) == set(SCENARIOS):
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        PAGE.write_text(document(found), "utf-8")


if __name__ == "__main__":
    documented.command(main)
