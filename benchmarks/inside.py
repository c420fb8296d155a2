"""What the studies of real models name, where the truth is known: which series goes first, what
holds for other wordings, and what a push along a concept does to a model that has one.

python -m benchmarks.inside               # writes the JSON and the tables of docs/studies.md
python -m benchmarks.inside --runs 10     # quick: prints, writes nothing
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import documented, mixture_dialogues
from benchmarks.inside_laws import LAWS, ROUNDS
from numpy.typing import NDArray

from selfcorrect.measures.crossed import crossed
from selfcorrect.measures.intervals import wilson
from selfcorrect.measures.lagged import order
from selfcorrect.measures.unseen import Room
from selfcorrect.runs.executors.pool import Pool
from selfcorrect.studies.words import estimate

RESULTS = Path(__file__).with_name("inside.json")
PAGE = documented.DOCS / "studies.md"
#: Of a simulated study: dialogues, in clusters of 4.
SIZES = (100, 400)
#: Pairs of series among which `study convergence` names some.
FAMILY = 3
#: Of a simulated study of wordings: the sizes of its clusters.
CLUSTERS: Mapping[str, list[int]] = {
    "25 clusters of 4": [4] * 25,
    "10 clusters of 30, 100 of 1": [30] * 10 + [1] * 100,
    "one cluster of 60, 40 of 2": [60] + [2] * 40,
}
#: Standard deviations between wordings, beside 0.5 of an answer's own.
APART = (0.0, 0.1, 0.5)
NAMES = ("other wordings", "these wordings", "spread", "said to matter")


def first(law: str, dialogues: int, seed: int) -> dict[str, Any]:
    """What is named first in one simulated study, and what one half of the rule would name."""
    rng = np.random.default_rng([seed, dialogues, list(LAWS).index(law)])
    c, u = LAWS[law](rng, dialogues)
    found = order(c, u, np.repeat(np.arange(dialogues // 4), 4), family=FAMILY)
    halves = {
        half: any(found[way][half]["p"] < 0.05 / FAMILY / 2 for way in ("forward", "backward"))
        for half in ("levels", "changes")
    }
    return {"first": found["first"], **halves}


def wordings(kind: str, apart: float, seed: int, *, skewed: bool = False) -> dict[str, bool]:
    """Whether the intervals of one simulated study of 8 wordings hold the truth, 0.

    Templates differ, and a wording suits some of them more than others. Skewed: most templates lie
    a little below their mean, few far above.
    """
    sizes = CLUSTERS[kind]
    rng = np.random.default_rng([seed, int(apart * 100), list(CLUSTERS).index(kind), skewed])
    of: NDArray[np.int64] = np.repeat(np.arange(len(sizes)), sizes)
    n, k = len(of), len(sizes)
    shared = (rng.gamma(0.5, size=k) - 0.5) / 0.5**0.5 if skewed else rng.normal(size=k)
    x = 0.3 * shared[of][:, None] + 0.2 * rng.normal(size=(n, 1)) + apart * rng.normal(size=8)
    x += 0.3 * rng.normal(size=(k, 8))[of] + 0.4 * rng.normal(size=(n, 8))
    found = crossed(x, of, room=Room())
    few = found.spread.few

    def holds(e: Any, truth: float) -> bool:
        return bool(e.low <= truth <= e.high)

    return {
        "other wordings": holds(found.estimate, 0),
        "these wordings": holds(found.fixed, 0),
        "spread": holds(found.spread, apart),
        "said to matter": bool(found.p_spread is not None and found.p_spread < 0.05 and not few),
    }


def share(told: list[bool]) -> dict[str, Any]:
    """Of simulations, with Wilson's interval."""
    low, high = wilson(sum(told), len(told))
    return {"runs": len(told), "share": sum(told) / len(told), "low": low, "high": high}


def leads(pool: Pool, runs: int) -> dict[str, Any]:
    """By law and number of dialogues, what was named first."""
    rows: dict[str, Any] = {}
    for law in LAWS:
        rows[law] = {}
        for dialogues in SIZES:
            given = [law] * runs, [dialogues] * runs, range(runs)
            found = list(pool.map(first, *given, chunksize=5))
            rows[law][str(dialogues)] = {
                "one": share([f["first"] in ("c", "u") for f in found]),
                "both": share([f["first"] == "both" for f in found]),
                "levels": share([f["levels"] for f in found]),
                "changes": share([f["changes"] for f in found]),
            }
            shown(f"{law}, {dialogues} dialogues", rows[law][str(dialogues)])
    return rows


def skewed(kind: str, apart: float, seed: int) -> dict[str, bool]:
    return wordings(kind, apart, seed, skewed=True)


def held(pool: Pool, runs: int) -> dict[str, Any]:
    """By clusters and by how far wordings lie apart, how often the intervals hold."""
    rows: dict[str, Any] = {}
    for kind in CLUSTERS:
        for apart in APART:
            given = [kind] * runs, [apart] * runs, range(runs)
            found = list(pool.map(wordings, *given, chunksize=20))
            rows[f"{kind}; {apart:g}"] = {name: share([f[name] for f in found]) for name in NAMES}
            shown(f"{kind}; {apart:g}", rows[f"{kind}; {apart:g}"])
    kind = next(iter(CLUSTERS))
    found = list(pool.map(skewed, [kind] * runs, [0.1] * runs, range(runs), chunksize=20))
    rows[f"{kind}, skewed; 0.1"] = {name: share([f[name] for f in found]) for name in NAMES}
    shown(f"{kind}, skewed", rows[f"{kind}, skewed; 0.1"])
    return rows


def pushed(folder: Path, questions: int, at: str, answers: str) -> dict[str, Any]:
    """`study steering` on the model that was trained to have a concept.

    Args:
        folder: of its runs.
        questions: so many.
        at: the study's place.
        answers: as the task and the dialogues have them that the concept is made from: whether
            they depend on it.
    """
    from selfcorrect.concepts import train
    from selfcorrect.runs import RunSpec
    from selfcorrect.studies.execute import execute

    data = mixture_dialogues.write(folder / f"{answers}.jsonl", 400, 7, answers)
    file = folder / f"{answers}.safetensors"
    train("planted", model="planted:mixture", data=data, kind="mean", out=file)
    spec = RunSpec.model_validate(
        {
            "model": {"name": "planted:mixture", "dtype": "float32"},
            "task": {"name": "planted-mixture", "options": {"answers": answers}},
            "limit": questions,
            "concepts": {"planted": str(file)},
        }
    )
    start = time.process_time()
    found = execute("steering", {"at": at}, spec=spec, out=folder / "runs")
    print(at, answers, f"{time.process_time() - start:.1f} s", *found.sheet.findings, sep="\n")
    return found.result


def all_pushed(questions: int) -> dict[str, Any]:
    """At both places, and where answers don't depend on the concept."""
    kept = ("n", "dose", "directions", "of_texts", "cosine", "layer", "at")
    rows = {}
    for at, answers in (("reply", "concept"), ("transcript", "concept"), ("reply", "alike")):
        with tempfile.TemporaryDirectory() as out:
            found = pushed(Path(out), questions, at, answers)
        told = {
            name: {"chosen": each["chosen"], "ordered": each["ordered"]}
            for name, each in found["responses"].items()
        }
        rows[f"{at}; {answers}"] = {**{key: found[key] for key in kept}, "responses": told}
    return rows


def shown(what: str, row: Mapping[str, Any]) -> None:
    print(what, {name: percent(e) for name, e in row.items()}, flush=True)


def percent(e: Mapping[str, Any]) -> str:
    return f"{100 * e['share']:.0f} %"


def document(found: Mapping[str, Any]) -> None:
    """Put the tables into the docs page as they were measured."""
    for name, head, rows in tables(found):
        PAGE.write_text(documented.filled(PAGE, name, head, rows), "utf-8")


def tables(found: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    """The page's tables: name, head and rows."""
    columns = ("levels", "changes", "one", "both")
    leading = [
        [law, *(" / ".join(percent(sizes[str(n)][name]) for n in SIZES) for name in columns)]
        for law, sizes in found["leads"].items()
    ]
    heads = ["the truth", "levels alone", "changes alone", "one named first", "each the other's"]
    words = [
        [*what.split("; "), *(percent(row[name]) for name in NAMES)]
        for what, row in found["wordings"].items()
    ]
    said = ["for other wordings", "for these alone", "how far apart", "“matters” is said"]
    pushes = []
    for what, result in found["steering"].items():
        place, answers = what.split("; ")
        odd = result["responses"]["p_right"]["chosen"]["odd"]
        as_far = round(odd["p"] * (1 + odd["null"]["n"])) - 1
        pushes.append(
            [
                f"`{place}`",
                "depend on the concept" if answers == "concept" else "don't",
                estimate(odd["concept"], signed=True),
                f"{as_far} of {odd['null']['n']}",
                estimate(result["responses"]["p_right"]["ordered"]),
            ]
        )
    pushing = ["pushed at", "answers", "odd part of P(right)", "as far", "by more with every step"]
    return [
        ("leads", heads, leading),
        ("wordings", ["examples", "wordings lie apart by", *said], words),
        ("pushes", pushing, pushes),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--questions", type=int, default=160)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with Pool(given.processes) as pool:
        leading = leads(pool, given.runs or 500)
        wording = held(pool, given.runs or 2000)
    found = {"rounds": ROUNDS, "leads": leading, "wordings": wording}
    if given.runs is None:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    found["steering"] = all_pushed(given.questions)
    if given.runs is None:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        document(found)


if __name__ == "__main__":
    documented.command(main)
