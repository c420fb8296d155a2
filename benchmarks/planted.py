"""Does a run find what was planted, and nothing where nothing was? Through ``run``, end to end.

python -m benchmarks.planted               # 200 runs of each law; writes the JSON
python -m benchmarks.planted --runs 20     # quick: prints, writes nothing
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import documented

import selfcorrect as sc
from selfcorrect.measures.intervals import wilson
from selfcorrect.models.planted import Law
from selfcorrect.runs.executors.pool import Pool

RESULTS = Path(__file__).with_name("planted.json")
PAGE = documented.DOCS / "statistics.md"

Found = dict[str, bool]


@dataclass(frozen=True)
class Plant:
    """A law, the run on it, and what is looked for in the summary.

    Attributes:
        law: settings of planted:chain.
        rounds, dialogues, per_cluster: of the run.
        controls: whether the control is run too.
        find: from a summary and the law, whether each thing was found.
        goals: of each thing, between what the share of runs should lie.
        runs: how many; what should happen in 2.5 % takes more than what should in 95 %.
    """

    law: Mapping[str, float]
    rounds: int
    dialogues: int
    per_cluster: int
    controls: bool
    find: Callable[[Mapping[str, Any], Law], Found]
    goals: Mapping[str, tuple[float, float]]
    runs: int = 200


def within(estimate: Mapping[str, Any], truth: float) -> bool:
    return estimate["low"] is not None and bool(estimate["low"] <= truth <= estimate["high"])


def stated(summary: Mapping[str, Any], law: Law) -> Found:
    """What the law states, in the intervals? CL and CS from the second-last round to the last."""
    last, rounds = summary["rounds"][-1], len(summary["rounds"])
    cl, cs = law.transitions(rounds - 1)
    keeps_wrong = (1 - law.cs) * (1 - law.wander)
    movers = law.accuracy * law.cl ** (rounds - 1)
    movers += (1 - law.accuracy) * keeps_wrong ** (rounds - 1)
    unchanged = law.stay + (1 - law.stay) * movers
    return {
        "accuracy": within(last["measures"]["accuracy"], law.accuracy_at(rounds)),
        "CL": within(last["cl"], cl),
        "CS": within(last["cs"], cs),
        "calibration gap": within(last["measures"]["calibration_gap"], law.gap),
        "never changed": within(summary["rounds"][0]["settled"], unchanged),
    }


def drifting(summary: Mapping[str, Any], _: Law) -> Found:
    return {"declared converged": summary["converged_at"] is not None}


def nothing(summary: Mapping[str, Any], _: Law) -> Found:
    against = summary["controls"]["repeat"]["against"]["difference"]["accuracy"]
    ece = summary["rounds"][-1]["measures"]["ece_excess"]
    return {
        "a gain claimed": summary["headline"] == "better",
        "a gain over repeat claimed": against["verdict"] == "better",
        "an excess of ECE claimed": ece["low"] > 0,
    }


_STATED = dict.fromkeys(("accuracy", "CL", "CS", "calibration gap", "never changed"), (0.94, 1.0))
_CLAIMED = (0.0, 0.025)

PLANTS: Mapping[str, Plant] = {
    "stated": Plant(
        {"accuracy": 0.6, "cl": 0.9, "cs": 0.2, "stay": 0.4, "gap": 0.06},
        rounds=5,
        dialogues=400,
        per_cluster=1,
        controls=False,
        find=stated,
        goals=_STATED,
    ),
    "stated, ten to a cluster": Plant(
        {"accuracy": 0.6, "cl": 0.9, "cs": 0.2, "stay": 0.4, "gap": 0.0},
        rounds=4,
        dialogues=400,
        per_cluster=10,
        controls=False,
        find=stated,
        goals=_STATED,
    ),
    "drift of 2 points a round": Plant(
        {"accuracy": 0.4, "cl": 1.0, "cs": 0.035, "stay": 0.0},
        rounds=8,
        dialogues=400,
        per_cluster=1,
        controls=False,
        find=drifting,
        goals={"declared converged": (0.0, 0.05)},
    ),
    "nothing": Plant(
        {"accuracy": 0.5, "cl": 0.9, "cs": 0.1, "stay": 0.0},
        rounds=3,
        dialogues=200,
        per_cluster=1,
        controls=True,
        find=nothing,
        goals={
            "a gain claimed": _CLAIMED,
            "a gain over repeat claimed": _CLAIMED,
            "an excess of ECE claimed": (0.0, 0.03),
        },
        runs=1000,
    ),
}


def once(name: str, seed: int) -> Found:
    """One run."""
    plant = PLANTS[name]
    settings = {**plant.law, "seed": seed}
    with tempfile.TemporaryDirectory() as out:
        run = sc.run(
            model="planted:chain?" + ",".join(f"{k}={v}" for k, v in settings.items()),
            task="planted",
            rounds=plant.rounds,
            limit=plant.dialogues,
            task_options={"n": plant.dialogues, "cluster_size": plant.per_cluster},
            chunk=1024,
            out=out,
            controls=plant.controls,
            progress=False,
        )
        return plant.find(run.summary(), Law(**settings))  # type: ignore[arg-type]


def table(name: str, found: list[Found]) -> dict[str, Any]:
    """Of each thing the share of runs, with Wilson's interval."""
    rows = {}
    for thing, goal in PLANTS[name].goals.items():
        told = [f[thing] for f in found]
        low, high = wilson(sum(told), len(told))
        share = sum(told) / len(told)
        rows[thing] = {
            "runs": len(told), "share": share, "low": low, "high": high, "goal": list(goal)
        }  # fmt: skip
    return rows


def document(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """The docs page with its table as it was measured."""
    rows = []
    for name, things in tables.items():
        law = ", ".join(f"{k} {v:g}" for k, v in PLANTS[name].law.items())
        for thing, row in things.items():
            told = documented.found(row["share"], *row["goal"])
            rows.append((f"{name}: {law}", thing, documented.goal(*row["goal"]), told))
    return documented.filled(PAGE, "planted", ("law", "looked for", "goal", "found"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--only", nargs="*", choices=list(PLANTS), default=list(PLANTS))
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    started, tables = time.time(), {}
    with Pool(given.processes) as pool:
        for name in given.only:
            seeds = range(given.runs or PLANTS[name].runs)
            found = list(pool.map(once, [name] * len(seeds), seeds, chunksize=5))
            tables[name] = table(name, found)
            for thing, row in tables[name].items():
                told = documented.found(row["share"], *row["goal"])
                print(f"{name:28} {thing:28} {told} of {row['runs']} runs, "
                      f"goal {documented.goal(*row['goal'])}", flush=True)  # fmt: skip
    print(f"{time.time() - started:.0f} s")
    if given.runs is None and set(tables) == set(PLANTS):
        RESULTS.write_text(json.dumps(tables, indent=1) + "\n")
        PAGE.write_text(document(tables), "utf-8")


if __name__ == "__main__":
    documented.command(main)
