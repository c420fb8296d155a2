"""The quick version of benchmarks.statistics and benchmarks.planted; the docs have the full one."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import planted, statistics  # noqa: E402

SIMULATIONS, RUNS = 40, 3
#: Those in which a run is simulated many times over.
SLOW = {"looks": 8, "looks, obeying": 20, "plan, four rounds": 20}


#: Intervals wider than need be: docs/statistics.md says why.
CAUTIOUS = {
    "share",
    "difference, mostly no flip",
    "difference, clustered and rare",
    "AUROC, few",
    "share, 25 lognormal clusters, icc 0.0",
    "share, 25 lognormal clusters, icc 0.7",
}
#: Too narrow, as docs/statistics.md says: few clusters can't tell that what they are of is skewed,
#: and a hundred not how heavy a tail is.
BOLD = {
    "mean, gamma, n = 4",
    "mean, lognormal, n = 4",
    "mean, lognormal, n = 8",
    "mean, gamma, 10 clusters of 60, 190 of 1",
    "mean, heavy tails",
}
#: Few clusters that change as wholes, which intervals don't allow for: docs/statistics.md says so.
#: How often something false is said then, at most, and how seldom an interval holds, at least.
WHOLES, FALSELY, SELDOM = "as wholes, ", 0.35, 0.8


@pytest.mark.parametrize("name", statistics.SCENARIOS)
def test_as_often_as_it_says(name: str) -> None:
    row = statistics.simulate(name, SLOW.get(name, SIMULATIONS))
    low, high = row["goal"]
    low, high = 0.85 if name in BOLD and low else low, 1.0 if name in CAUTIOUS else high
    if name.startswith(WHOLES):
        low, high = (SELDOM, high) if low else (low, FALSELY)
    slack = 3.5 / math.sqrt(row["simulations"])
    assert low - slack * math.sqrt(low * (1 - low)) <= row["share"]
    assert row["share"] <= high + slack * math.sqrt(high * (1 - high)) + 1e-9


@pytest.mark.parametrize(
    ("runs", "name"),
    [
        pytest.param(runs, name, marks=() if (runs, name) == (RUNS, "stated") else pytest.mark.slow)
        for runs in (RUNS, 8)
        for name in planted.PLANTS
    ],
)
def test_what_was_planted_is_found(runs: int, name: str) -> None:
    rows = planted.table(name, [planted.once(name, 2000 + seed) for seed in range(runs)])
    for row in rows.values():
        if row["goal"][1] == 1:
            assert row["share"] >= (runs - runs // 3) / runs
        else:
            assert row["share"] <= 1 / runs


def test_the_docs_tables_are_the_measured_ones() -> None:
    simulated = json.loads(statistics.RESULTS.read_text("utf-8"))
    found = json.loads(planted.RESULTS.read_text("utf-8"))
    page = statistics.PAGE.read_text("utf-8")
    assert statistics.document(simulated) == page
    assert planted.document(found) == page
    assert (list(simulated), list(found)) == (list(statistics.SCENARIOS), list(planted.PLANTS))
    outside = {  # by more than chance
        name
        for name, row in simulated.items()
        if row["high"] < row["goal"][0] or row["low"] > row["goal"][1]
    }
    assert {name for name in outside if not name.startswith(WHOLES)} <= CAUTIOUS | BOLD
