"""Do the intervals hold, and the tests err, as often as they say? Simulated, with known truths.

    python -m benchmarks.statistics                    # 10,000 simulations each; writes the JSON
    python -m benchmarks.statistics --simulations 400  # quick: prints, writes nothing
    python -m benchmarks.statistics --only AUROC band  # some: the same

A row is one scenario: the share of simulations in which something held (an interval its truth) or
happened (a test rejected what is true), with Wilson's interval, and between what it should lie.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import documented
from benchmarks.simulated import (
    auroc_differences,
    aurocs,
    band,
    bias,
    claims,
    clustered_excess,
    debiased,
    differences,
    drifting,
    excess,
    family,
    no_difference,
    planned,
    planned_margin,
    scores,
    shares,
    sparse,
)
from numpy.typing import NDArray

from selfcorrect.measures.intervals import (
    wilson,
)
from selfcorrect.measures.power import Design

RESULTS = Path(__file__).with_name("statistics.json")
PAGE = documented.DOCS / "statistics.md"
SIMULATIONS = 10_000
#: An interval at 95 %; a test at 5 %; one side of either.
COVERAGE, ERRORS, ONE_SIDE = (0.94, 0.97), (0.0, 0.055), (0.0, 0.03)

Rng = np.random.Generator
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """What is simulated.

    Attributes:
        of: the function under test.
        what: the data.
        counted: what the share is of.
        goal: between what the share should lie.
        once: one simulation; whether it held or happened, ``None`` to leave it out.
    """

    of: str
    what: str
    counted: str
    goal: tuple[float, float]
    once: Callable[[Rng], bool | None]


HOLDS, FALSE, CLAIM = "the interval holds the truth", "p ≤ .05 with no difference", "a claim"

SCENARIOS: Mapping[str, Scenario] = {
    "share": Scenario("proportion", "p = .98, n = 100", HOLDS, COVERAGE, shares(0.98, 100, 1)),
    "share, middle": Scenario(
        "proportion", "p = .6, n = 200", HOLDS, COVERAGE, shares(0.6, 200, 1)
    ),
    "share, clustered": Scenario(
        "proportion", "p = .7, 25 clusters of 8, icc .3", HOLDS, COVERAGE, shares(0.7, 25, 8, 0.3)
    ),
    "share, more clusters": Scenario(
        "proportion", "p = .7, 100 clusters of 4, icc .3", HOLDS, COVERAGE, shares(0.7, 100, 4, 0.3)
    ),
    "difference": Scenario(
        "share_difference", "+10 points, 30 % change, n = 200", HOLDS, COVERAGE,
        differences(0.2, 0.1, 200),
    ),
    "difference, rare flips": Scenario(
        "share_difference", "+1 point, 3 % change, n = 200", HOLDS, COVERAGE,
        differences(0.02, 0.01, 200),
    ),
    "difference, mostly no flip": Scenario(
        "share_difference", "0, .4 % change, n = 100: mostly no flip", HOLDS, COVERAGE,
        differences(0.002, 0.002, 100),
    ),
    "difference, clustered": Scenario(
        "share_difference", "+10 points, 30 % change, 25 clusters of 20, icc .2", HOLDS, COVERAGE,
        differences(0.2, 0.1, 25, 20, 0.2),
    ),
    "difference, more clusters": Scenario(
        "share_difference", "+5 points, 10 % change, 100 clusters of 4, icc .2", HOLDS, COVERAGE,
        differences(0.075, 0.025, 100, 4, 0.2),
    ),
    "difference, clustered and rare": Scenario(
        "share_difference", "+1 point, 3 % change, 100 clusters of 4, icc .1", HOLDS, COVERAGE,
        differences(0.02, 0.01, 100, 4, 0.1),
    ),
    "McNemar": Scenario(
        "share_test", "20 % change, n = 200", FALSE, ERRORS, no_difference(0.2, 200)
    ),
    "McNemar, rare flips": Scenario(
        "share_test", "3 % change, n = 200", FALSE, ERRORS, no_difference(0.03, 200)
    ),
    "sign flips": Scenario(
        "share_test", "20 % change, 12 clusters of 10, icc .2", FALSE, ERRORS,
        no_difference(0.2, 12, 10, 0.2),
    ),
    "sign flips, more clusters": Scenario(
        "share_test", "20 % change, 40 clusters of 5, icc .2", FALSE, ERRORS,
        no_difference(0.2, 40, 5, 0.2),
    ),
    "Holm": Scenario(
        "holm", "5 rounds against the first, 10 % change a round, n = 200",
        "any adjusted p ≤ .05 with no difference", ERRORS, family(200, 6),
    ),
    "better": Scenario(
        "verdict", "no difference, 20 % change, 50 clusters of 8, icc .1", "called better",
        ONE_SIDE, claims(0.2, 50, 8, 0.1),
    ),
    "better, rare flips": Scenario(
        "verdict", "no difference, 2 % change, 50 clusters of 8, icc .1", "called better",
        ONE_SIDE, claims(0.02, 50, 8, 0.1),
    ),
    "better, five clusters": Scenario(
        "verdict", "no difference, 20 % change, 5 clusters of 40, icc .1", "called better",
        ONE_SIDE, claims(0.2, 5, 40, 0.1),
    ),
    "mean, t": Scenario("mean", "normal, 25 clusters of 4", HOLDS, COVERAGE,
                        scores(25, 4, skewed=False)),
    "mean, t, skewed": Scenario("mean", "gamma, 40 clusters of 4", HOLDS, COVERAGE,
                                scores(40, 4, skewed=True)),
    "mean, bootstrap-t": Scenario(
        "mean", "normal, 200 clusters of 4", HOLDS, COVERAGE, scores(200, 4, skewed=False)
    ),
    "mean, bootstrap-t, skewed": Scenario(
        "mean", "gamma, 500 clusters of 4", HOLDS, COVERAGE, scores(500, 4, skewed=True)
    ),
    "mean, mostly 0": Scenario(
        "mean", "3 % of 200 differences not 0, of either sign", "0 is excluded", ERRORS,
        sparse(200, 0.03),
    ),
    "mean, often 0": Scenario(
        "mean", "20 % of 500 differences not 0, of either sign", "0 is excluded", ERRORS,
        sparse(500, 0.2),
    ),
    "band": Scenario(
        "joint_level", "6 rounds, a random walk, n = 60", "all six intervals hold", COVERAGE,
        band(60, 6),
    ),
    "band, few": Scenario(
        "joint_level", "6 rounds, a random walk, n = 25", "all six intervals hold", COVERAGE,
        band(25, 6),
    ),
    "AUROC": Scenario("auroc", "about .80, n = 200", HOLDS, COVERAGE, aurocs(3.0, 200, 1, 0.0)),
    "AUROC, clustered": Scenario(
        "auroc", "about .83, 50 clusters of 4", HOLDS, COVERAGE, aurocs(3.0, 50, 4, 0.1)
    ),
    "AUROC, few": Scenario("auroc", "about .95, n = 60", HOLDS, COVERAGE, aurocs(0.4, 60, 1, 0.0)),
    "AUROC, difference": Scenario(
        "auroc_difference", "0, 50 clusters of 4", HOLDS, COVERAGE, auroc_differences(50, 4)
    ),
    "ECE": Scenario(
        "calibration.excess", "perfectly calibrated, n = 200", "an excess is claimed", ONE_SIDE,
        excess(200, 3.0),
    ),
    "ECE, sharp": Scenario(
        "calibration.excess", "perfectly calibrated and sharp, n = 200", "an excess is claimed",
        ONE_SIDE, excess(200, 0.3),
    ),
    "ECE, clustered": Scenario(
        "calibration.excess", "perfectly calibrated, 25 clusters of 8, icc .25",
        "an excess is claimed", ONE_SIDE, clustered_excess(25, 8, 0.25),
    ),
    "debiased ECE": Scenario(
        "calibration.debiased", "overconfident by .3 of what lacks, n = 400; error over ten bins",
        HOLDS, COVERAGE,
        debiased(400, 0.3),
    ),
    "figure, jackknife": Scenario(
        "of_sums", "bias score, 25 clusters of 8", HOLDS, COVERAGE, bias(25, 8, sums=True)
    ),
    "figure, bootstrap": Scenario(
        "of_sums", "bias score, 100 clusters of 8", HOLDS, COVERAGE, bias(100, 8, sums=True)
    ),
    "figure, one resample at a time": Scenario(
        "figure", "bias score, 25 clusters of 8", HOLDS, COVERAGE, bias(25, 8, sums=False)
    ),
    "drift": Scenario(
        "convergence", "2 points a round, margin 3, n = 1,000", "a round is called converged",
        (0.0, 0.05), drifting(0.02, 1000),
    ),
    "drift at the margin": Scenario(
        "convergence", "1 point a round: 3 points from the last candidate to the end, n = 1,000",
        "a round is called converged", ONE_SIDE, drifting(0.01, 1000),
    ),
    "plan, difference": Scenario(
        "n_for_difference", "5 points, 20 % change, power .8", "shown", (0.78, 0.84),
        planned(0.05, Design(0.2)),
    ),
    "plan, difference, clustered": Scenario(
        "n_for_difference", "5 points, 20 % change, clusters of 10, icc .2, power .8", "shown",
        (0.78, 0.84), planned(0.05, Design(0.2, 10, 0.2)),
    ),
    "plan, margin, rare change": Scenario(
        "n_for_margin", "±3 points, .5 % change, power .8: at least", "shown", (0.78, 1.0),
        planned_margin(0.03, Design(0.005)),
    ),
    "plan, margin": Scenario(
        "n_for_margin", "±3 points, 20 % change, power .8", "shown", (0.78, 0.84),
        planned_margin(0.03, Design(0.2)),
    ),
}  # fmt: skip


def simulate(name: str, simulations: int, seed: int = 0) -> dict[str, Any]:
    """One row of the table."""
    scenario = SCENARIOS[name]
    rng = np.random.default_rng([seed, *name.encode()])
    told = [scenario.once(rng) for _ in range(simulations)]
    counted = [each for each in told if each is not None]
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
    parser.add_argument("--only", nargs="*", choices=list(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    started, found = time.time(), {}
    with ProcessPoolExecutor(given.processes) as pool:
        waiting = {n: pool.submit(simulate, n, given.simulations) for n in given.only}
        for name, future in waiting.items():
            row = found[name] = future.result()
            told = documented.found(row["share"], *row["goal"])
            print(f"{name:32} {told:>18}, goal {documented.goal(*row['goal'])}: {row['counted']} "
                  f"({row['what']})", flush=True)  # fmt: skip
    print(f"{time.time() - started:.0f} s")
    # the table is of one state of the code
    if given.simulations >= SIMULATIONS and set(found) == set(SCENARIOS):
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        PAGE.write_text(document(found), "utf-8")


if __name__ == "__main__":
    main()
