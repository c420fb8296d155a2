"""What the studies anchoring, transitions and self-distinguish claim where the truth is known.

python -m benchmarks.claimed              # writes the JSON and the tables of docs/studies.md
python -m benchmarks.claimed --runs 10    # quick: prints, writes nothing
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import documented
from benchmarks.claimed_laws import (
    ANCHORING,
    DISTINGUISHING,
    TRANSITIONS,
    judged,
    rounds,
    seeded,
    swapped,
)

from selfcorrect.measures.regression import regression
from selfcorrect.studies.anchoring.analysis import figures
from selfcorrect.studies.anchoring.sheet import shown
from selfcorrect.studies.self_distinguish.association import association
from selfcorrect.studies.transitions.analysis import following

RESULTS = Path(__file__).with_name("claimed.json")
PAGE = documented.DOCS / "studies.md"
DIALOGUES = (120, 240)
ROUNDS = (4, 6, 8)
MARGIN = 0.03
#: Of each law.
RUNS = 200


def anchoring(law: str, runs: int) -> dict[str, Any]:
    """By number of dialogues, how often each claim is made for more, and for less."""
    number, row = list(ANCHORING).index(law), {}
    for n in DIALOGUES:
        found = [figures(swapped(seeded(s, n, number), n, **ANCHORING[law])) for s in range(runs)]
        row[str(n)] = {
            claim: sides([shown(each[claim]) for each in found])
            for claim in ("own_beyond", "knows")
        }
    return row


def transitions(law: str, runs: int) -> dict[str, Any]:
    """By number of rounds, how often a further one is said to bring right answers, or to cost."""
    number, row = list(TRANSITIONS).index(law), {}
    side = {"more": 1, "less": -1}
    for t in ROUNDS:
        chains = [rounds(seeded(s, t, number), *TRANSITIONS[law](t)) for s in range(runs)]
        row[str(t)] = sides([side.get(following(each, MARGIN)["state"], 0) for each in chains])
    return row


def distinguishing(law: str, runs: int) -> dict[str, Any]:
    """How often an association is claimed (p < .05), and would be of gains alone."""
    number = list(DISTINGUISHING).index(law)
    claimed: list[int] = []
    alone: list[int] = []
    for s in range(runs):
        gain, last, right, clusters = judged(seeded(s, number), *DISTINGUISHING[law])
        e = association(gain, right, np.zeros(len(right)), clusters)
        claimed.append(int(np.sign(e["value"])) if e["p"] < 0.05 else 0)
        alone.append(_alone(last - gain.first, gain.first, right, clusters))
    return {"beyond": sides(claimed), "alone": sides(alone)}


PARTS: Mapping[str, tuple[Callable[[str, int], dict[str, Any]], Iterable[str]]] = {
    "transitions": (transitions, TRANSITIONS),
    "distinguishing": (distinguishing, DISTINGUISHING),
    "anchoring": (anchoring, ANCHORING),
}


def simulated(job: tuple[str, str, int]) -> dict[str, Any]:
    """One law of one study."""
    part, law, runs = job
    row = PARTS[part][0](law, runs)
    print(part, law, json.dumps(row), flush=True)
    return row


def _alone(gain: Any, first: Any, right: Any, clusters: Any) -> int:
    """What gains from the first round to the last would say, without a control."""
    found = regression(gain, {"right": right, "first": first}, clusters)["right"]
    value, p = found.estimate.value, found.p
    return 0 if value is None or p is None or p >= 0.05 else int(np.sign(value))


def sides(told: list[int]) -> dict[str, Any]:
    return {
        "runs": len(told),
        "more": sum(each > 0 for each in told) / len(told),
        "less": sum(each < 0 for each in told) / len(told),
    }


def percent(e: Mapping[str, Any]) -> str:
    """How often more is claimed, and less."""
    return f"{100 * e['more']:.0f}, {100 * e['less']:.0f} %"


def tables(found: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    """The page's tables: name, head and rows."""
    swaps = [
        [law, *(" / ".join(percent(sizes[str(n)][claim]) for n in DIALOGUES)
                for claim in ("own_beyond", "knows"))]
        for law, sizes in found["anchoring"].items()
    ]  # fmt: skip
    further = [
        [law, *(percent(of[str(t)]) for t in ROUNDS)] for law, of in found["transitions"].items()
    ]
    knowing = [
        [law, percent(of["beyond"]), percent(of["alone"])]
        for law, of in found["distinguishing"].items()
    ]
    return [
        ("swaps", ["the truth", "the own answer gains more, less", "right ones rather, rather not"],
         swaps),
        ("further rounds", ["the truth", *(f"{t} rounds" for t in ROUNDS)], further),
        ("distinguishing", ["the truth", "gain beyond repeat", "gain alone, as a comparison"],
         knowing),
    ]  # fmt: skip


def document(found: Mapping[str, Any]) -> None:
    """Put the tables into the docs page as they were computed."""
    for name, head, rows in tables(found):
        PAGE.write_text(documented.filled(PAGE, name, head, rows), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    jobs = [(part, law, given.runs or RUNS) for part, (_, laws) in PARTS.items() for law in laws]
    found: dict[str, Any] = {part: {} for part in PARTS}
    with ProcessPoolExecutor(given.processes) as pool:
        for (part, law, _), row in zip(jobs, pool.map(simulated, jobs), strict=True):
            found[part][law] = row
    if given.runs is None:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        document(found)


if __name__ == "__main__":
    main()
