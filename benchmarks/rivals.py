"""What studies claim where a rival of their question is the truth: rows of docs/studies.md.

python -m benchmarks.rivals               # writes the JSON and the tables of docs/studies.md
python -m benchmarks.rivals --runs 10     # quick: prints, writes nothing
python -m benchmarks.rivals --only checks # the others stay as they were measured
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import checks_laws, documented, feedback_laws
from benchmarks.inside import percent, share, shown
from numpy.typing import NDArray

from selfcorrect.measures.panel import Panel
from selfcorrect.studies.checking.categories import by_category
from selfcorrect.studies.checking.checks import Checks
from selfcorrect.studies.innate.acceptance import told_apart

RESULTS = Path(__file__).with_name("rivals.json")
PAGE = documented.DOCS / "studies.md"
RUNS = 200
#: Of the study `checking`: categories × examples.
SIZES = ((11, 100), (20, 40))
#: Of the study `innate`: first answers.
ANSWERS = (60, 240)
Rows = dict[str, Any]


def _panel(first: NDArray[np.float64], last: NDArray[np.float64]) -> Panel:
    """Of two rounds; unread answers, NaN, count as wrong."""
    y = np.stack([first, last], axis=1)
    columns = {
        "outcome": np.nan_to_num(y),
        "parse_rate": np.isfinite(y) * 1.0,
        "gradable": np.ones_like(y),
    }
    numbers = np.arange(len(y), dtype=np.uint64)
    return Panel((1, 2), numbers, numbers, columns, {})


def checked(law: str, categories: int, examples: int, seed: int) -> bool:
    """Whether one simulated study claims that gains go with what checks tell."""
    made, (low, high) = checks_laws.LAWS[law]
    rng = np.random.default_rng([seed, categories, list(checks_laws.LAWS).index(law)])
    of = np.repeat(np.arange(categories), examples)
    first, says, last, again = made(rng, rng.uniform(low, high, categories), of)
    panel, repeat = _panel(first, last), _panel(first, again)
    names = np.array([f"category {k:02}" for k in of], dtype=object)
    true = (says == first) * 1.0
    asked = np.ones((len(of), 1), dtype=bool)
    checks = Checks(panel.examples, names, says[:, None], true[:, None], asked)
    p = by_category(panel, repeat, checks, seed)["association"]["p"]
    return p is not None and p < 0.05


def checks(runs: int) -> Rows:
    """By law and size, how often the study `checking` claims its association."""
    rows: Rows = {}
    for law in checks_laws.LAWS:
        rows[law] = {}
        for size in SIZES:
            found = [checked(law, *size, seed) for seed in range(runs)]
            key = f"{size[0]} × {size[1]}"
            rows[law][key] = share(found)
        shown(law, rows[law])
    return rows


def feedback(runs: int) -> Rows:
    """By law and number of first answers, how often right and wrong feedback are told apart."""
    rows: Rows = {}
    for at, (law, given) in enumerate(feedback_laws.LAWS.items()):
        rows[law] = {}
        for answers in ANSWERS:
            states = [
                told_apart(feedback_laws.trials(np.random.default_rng([k, at]), answers, *given))
                for k in range(runs)
            ]
            for state in ("more", "less"):
                told = [each["state"] == state for each in states]
                rows[law][f"{answers}, {state}"] = share(told)
        shown(law, rows[law])
    return rows


PARTS: Mapping[str, Callable[[int], Rows]] = {"checks": checks, "feedback": feedback}


def tables(found: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    """The page's tables: name, head and rows."""
    sizes = [f"{k} × {n}" for k, n in SIZES]
    rows = [[law, *(percent(each[size]) for size in sizes)] for law, each in
            found["checks"].items()]  # fmt: skip
    apart = [
        [law, *(" / ".join(percent(each[f"{n}, {state}"]) for state in ("more", "less"))
                for n in ANSWERS)]
        for law, each in found["feedback"].items()
    ]  # fmt: skip
    answers = [f"more / less often, {n} first answers" for n in ANSWERS]
    return [
        ("checks", ["the truth", *(f"claimed, {size}" for size in sizes)], rows),
        ("feedback", ["the truth", *answers], apart),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--only", choices=tuple(PARTS))
    given = parser.parse_args()
    found = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for name, part in PARTS.items():
        if given.only in (None, name):
            found[name] = part(given.runs or RUNS)
    if given.runs is None:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        for name, head, rows in tables(found):
            PAGE.write_text(documented.filled(PAGE, name, head, rows), "utf-8")


if __name__ == "__main__":
    main()
