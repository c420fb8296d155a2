"""Do the intervals hold, and the tests err, as often as they say? Simulated, with known truths.

    python -m benchmarks.statistics                    # 10,000 simulations each; writes the JSON
    python -m benchmarks.statistics --simulations 400  # quick: prints, writes nothing
    python -m benchmarks.statistics --only AUROC looks  # those with such a name: the same

A row is one scenario: the share of simulations in which something held (an interval its truth) or
happened (a test rejected what is true), with Wilson's interval, and between what it should lie.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import documented
from benchmarks.scenarios import EQUAL, Scenario
from benchmarks.scenarios_unequal import UNEQUAL
from benchmarks.scenarios_unseen import UNSEEN

from selfcorrect.measures.intervals import wilson

RESULTS = Path(__file__).with_name("statistics.json")
PAGE = documented.DOCS / "statistics.md"
SIMULATIONS = 10_000
SCENARIOS: Mapping[str, Scenario] = {**EQUAL, **UNEQUAL, **UNSEEN}


def simulate(name: str, simulations: int, seed: int = 0) -> dict[str, Any]:
    """One row of the table."""
    scenario = SCENARIOS[name]
    rng = np.random.default_rng([seed, *name.encode()])
    told = [scenario.once(rng) for _ in range(simulations)]
    counted = [each for each in told if each is not None]
    if not counted:
        raise SystemExit(f"{name}: no simulation has an interval, so there is nothing to count.")
    low, high = wilson(sum(counted), len(counted))
    return {
        "of": scenario.of,
        "what": scenario.what,
        "counted": scenario.counted,
        "goal": list(scenario.goal),
        "simulations": len(counted),
        "share": sum(counted) / len(counted),
        "low": low,
        "high": high,
    }


def document(table: Mapping[str, Mapping[str, Any]]) -> str:
    """The docs page with its table as it was measured."""
    rows = [
        (
            f"`{row['of']}`",
            row["what"],
            row["counted"],
            documented.goal(*row["goal"]),
            documented.found(row["share"], *row["goal"]),
        )
        for row in table.values()
    ]
    return documented.filled(PAGE, "simulated", ("of", "data", "counted", "goal", "found"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--simulations", type=int, default=SIMULATIONS)
    parser.add_argument("--only", nargs="+", default=[""], help="those with one of these in a name")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    wanted = [name for name in SCENARIOS if any(part in name for part in given.only)]
    if not wanted:
        parser.error(f"no scenario has {' or '.join(given.only)} in its name")
    started, found = time.time(), {}
    with ProcessPoolExecutor(given.processes) as pool:
        waiting = {n: pool.submit(simulate, n, given.simulations) for n in wanted}
        for name, future in waiting.items():
            row = found[name] = future.result()
            told = documented.found(row["share"], *row["goal"])
            print(f"{name:50} {told:>18}, goal {documented.goal(*row['goal'])}: {row['counted']} "
                  f"({row['what']})", flush=True)  # fmt: skip
    print(f"{time.time() - started:.0f} s")
    # the table is of one state of the code
    if given.simulations >= SIMULATIONS and set(found) == set(SCENARIOS):
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        PAGE.write_text(document(found), "utf-8")


if __name__ == "__main__":
    main()
