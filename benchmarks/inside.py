"""What the studies of real models name, where the truth is known: which series goes first, what
holds for other wordings, and what a push along a concept does to a model that has one.

python -m benchmarks.inside               # writes the JSON and the tables of docs/studies.md
python -m benchmarks.inside --runs 30     # quick: prints, writes nothing
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import documented
from numpy.typing import NDArray

from selfcorrect.measures.crossed import crossed
from selfcorrect.measures.intervals import wilson
from selfcorrect.measures.lagged import order

RESULTS = Path(__file__).with_name("inside.json")
PAGE = documented.DOCS / "studies.md"
#: Of a simulated study: dialogues in clusters of 4, and rounds.
DIALOGUES, ROUNDS = 100, 6
CLUSTERS = np.repeat(np.arange(DIALOGUES // 4), 4)
#: Pairs of series among which `study convergence` names some.
FAMILY = 3

Floats = NDArray[np.float64]
Law = Callable[[np.random.Generator], tuple[Floats, Floats]]


def _noise(rng: np.random.Generator) -> Floats:
    return rng.normal(size=(DIALOGUES, ROUNDS))


def _walk(rng: np.random.Generator, keeps: float) -> Floats:
    x = _noise(rng)
    for t in range(1, ROUNDS):
        x[:, t] += keeps * x[:, t - 1]
    return x


def _traits(rng: np.random.Generator) -> tuple[Floats, Floats]:
    own = rng.normal(size=(DIALOGUES, 1))
    return own + _noise(rng), own + _noise(rng)


def _trend(rng: np.random.Generator) -> tuple[Floats, Floats]:
    t = np.arange(ROUNDS)
    return t + _noise(rng), -t + _noise(rng)


def _memories(rng: np.random.Generator) -> tuple[Floats, Floats]:
    return _walk(rng, 0.7), _walk(rng, 0.7)


def _shifts(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Each round shifts both at once, for good."""
    both = 0.5 * _noise(rng).cumsum(axis=1)
    return both + _noise(rng), both + _noise(rng)


def _one_state(rng: np.random.Generator, other: float) -> tuple[Floats, Floats]:
    state = _walk(rng, 0.7)
    return state + 0.5 * _noise(rng), state + other * _noise(rng)


def _settling(rng: np.random.Generator) -> tuple[Floats, Floats]:
    speed = rng.gamma(2, 0.3, size=(DIALOGUES, 1)) * np.arange(ROUNDS)
    return 1 - np.exp(-speed) + 0.1 * _noise(rng), np.exp(-speed) + 0.1 * _noise(rng)


def _led(rng: np.random.Generator) -> tuple[Floats, Floats]:
    c, u = _walk(rng, 0.5), _noise(rng)
    for t in range(1, ROUNDS):
        u[:, t] += 0.3 * u[:, t - 1] - 0.4 * c[:, t - 1]
    return c, u


#: What is true of two series, and how they are made.
LAWS: Mapping[str, Law] = {
    "both hold what the example is like": _traits,
    "both follow a trend over the rounds": _trend,
    "each has a memory of its own": _memories,
    "each round shifts both": _shifts,
    "both read one hidden state, equally well": lambda rng: _one_state(rng, 0.5),
    "both settle, at the dialogue's own speed": _settling,
    "both read one hidden state, **one of them better**": lambda rng: _one_state(rng, 1.5),
    "*c truly leads u*": _led,
}
#: Standard deviations between wordings, beside 0.5 of an answer's own.
APART = (0.0, 0.1, 0.5)


def first(law: str, seed: int) -> dict[str, Any]:
    """What is named first in one simulated study, and what one half of the rule would name."""
    c, u = LAWS[law](np.random.default_rng([seed, list(LAWS).index(law)]))
    found = order(c, u, CLUSTERS, family=FAMILY)
    halves = {
        half: any(found[way][half]["p"] < 0.05 / FAMILY / 2 for way in ("forward", "backward"))
        for half in ("levels", "changes")
    }
    return {"first": found["first"], **halves}


def wordings(apart: float, seed: int) -> dict[str, bool]:
    """Whether the intervals of one simulated study of 8 wordings hold the truth, 0."""
    rng = np.random.default_rng([seed, int(apart * 100)])
    shared = 0.2 * rng.normal(size=DIALOGUES // 4)[CLUSTERS][:, None]
    x = shared + 0.3 * rng.normal(size=(DIALOGUES, 1)) + apart * rng.normal(size=8)
    found = crossed(x + 0.5 * rng.normal(size=(DIALOGUES, 8)), CLUSTERS)

    def holds(e: Any, truth: float) -> bool:
        return bool(e.low <= truth <= e.high)

    return {
        "other wordings": holds(found.estimate, 0),
        "these wordings": holds(found.fixed, 0),
        "spread": holds(found.spread, apart),
    }


def share(told: list[bool]) -> dict[str, Any]:
    """Of simulations, with Wilson's interval."""
    low, high = wilson(sum(told), len(told))
    return {"runs": len(told), "share": sum(told) / len(told), "low": low, "high": high}


def leads(pool: ProcessPoolExecutor, runs: int) -> dict[str, Any]:
    """By law, what was named first."""
    rows = {}
    for law in LAWS:
        found = list(pool.map(first, [law] * runs, range(runs), chunksize=5))
        rows[law] = {
            "one": share([f["first"] in ("c", "u") for f in found]),
            "both": share([f["first"] == "both" for f in found]),
            "levels": share([f["levels"] for f in found]),
            "changes": share([f["changes"] for f in found]),
        }
        print(law, {name: f"{100 * e['share']:.1f} %" for name, e in rows[law].items()}, flush=True)
    return rows


def held(pool: ProcessPoolExecutor, runs: int) -> dict[str, Any]:
    """By how far wordings lie apart, how often the intervals hold."""
    rows = {}
    for apart in APART:
        found = list(pool.map(wordings, [apart] * runs, range(runs), chunksize=20))
        rows[f"{apart:g}"] = {name: share([f[name] for f in found]) for name in found[0]}
        print(apart, {name: f"{100 * e['share']:.1f} %" for name, e in rows[f"{apart:g}"].items()})
    return rows


def pushed(questions: int) -> dict[str, Any]:
    """`study steering` on the model that was trained to have a concept."""
    from selfcorrect.runs import RunSpec
    from selfcorrect.studies import execute, load

    spec = RunSpec.model_validate(
        {"model": "planted:mixture", "task": "planted-mixture", "limit": questions}
    )
    with tempfile.TemporaryDirectory() as out:
        found = execute.run("steering", load("steering"), spec, {}, out)
    result: dict[str, Any] = found.result
    rows = {name: each["chosen"] for name, each in result["responses"].items()}
    print({name: row["odd"] for name, row in rows.items()}, flush=True)
    return {"questions": result["n"], "dose": result["dose"], "responses": rows}


def document(leading: Mapping[str, Any], wording: Mapping[str, Any]) -> str:
    """The docs page with its tables as they were measured."""
    percent = {True: lambda e: f"{100 * e['share']:.0f} %"}[True]
    rows = [
        (law, *(percent(row[name]) for name in ("levels", "changes", "one", "both")))
        for law, row in leading.items()
    ]
    heads = ("the truth", "levels alone", "changes alone", "one named first", "each leads")
    text = documented.filled(PAGE, "leads", heads, rows)
    PAGE.write_text(text, "utf-8")
    names = ("other wordings", "these wordings", "spread")
    cells = [(apart, *(percent(row[name]) for name in names)) for apart, row in wording.items()]
    heads = ("wordings lie apart", "for other wordings", "for these alone", "how far apart", "")
    return documented.filled(PAGE, "wordings", heads[:4], cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--questions", type=int, default=48)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.processes) as pool:
        leading = leads(pool, given.runs or 300)
        wording = held(pool, given.runs or 1000)
    steering = pushed(given.questions)
    if given.runs is None:
        whole = {"leads": leading, "wordings": wording, "steering": steering}
        RESULTS.write_text(json.dumps(whole, indent=1) + "\n")
        PAGE.write_text(document(leading, wording), "utf-8")


if __name__ == "__main__":
    main()
