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
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import documented
from numpy.typing import NDArray
from scipy import special, stats

from selfcorrect.measures.calibration import auroc, auroc_difference, calibration
from selfcorrect.measures.compare import verdict
from selfcorrect.measures.convergence import convergence
from selfcorrect.measures.figures import figure, of_sums
from selfcorrect.measures.intervals import (
    Estimate,
    mean,
    mean_t,
    proportion,
    wilson,
)
from selfcorrect.measures.paired import holm, joint_level, share_difference, share_test
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.power import Design, n_for_difference, n_for_margin

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


def held(e: Estimate, truth: float) -> bool:
    return e.low is not None and e.high is not None and e.low - 1e-9 <= truth <= e.high + 1e-9


def clusters(k: int, size: int) -> NDArray[np.int64]:
    return np.repeat(np.arange(k), size)


def rates(rng: Rng, p: float, icc: float, k: int) -> Floats:
    """A probability for each cluster, p on average, so that records of one correlate by icc."""
    if icc == 0:
        return np.full(k, p)
    return rng.beta(p * (1 / icc - 1), (1 - p) * (1 / icc - 1), k)


def shares(p: float, k: int, size: int, icc: float = 0.0) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        of = clusters(k, size)
        return held(proportion(rng.random(k * size) < rates(rng, p, icc, k)[of], of), p)

    return once


def pairs(
    rng: Rng, gained: float, lost: float, k: int, size: int, icc: float
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Right or wrong after and before; the rates of gains and losses vary between clusters."""
    of = clusters(k, size)
    up, down = rates(rng, gained, icc, k)[of], rates(rng, lost, icc, k)[of]
    u = rng.random(k * size)
    after, before = u < up, (u >= up) & (u < up + down)
    return after.astype(float), before.astype(float), of


def differences(
    gained: float, lost: float, k: int, size: int = 1, icc: float = 0.0
) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        return held(share_difference(*pairs(rng, gained, lost, k, size, icc)), gained - lost)

    return once


def no_difference(changed: float, k: int, size: int = 1, icc: float = 0.0) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        p = share_test(*pairs(rng, changed / 2, changed / 2, k, size, icc))
        return p is not None and p <= 0.05

    return once


def claims(changed: float, k: int, size: int, icc: float) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        data = pairs(rng, changed / 2, changed / 2, k, size, icc)
        return verdict(share_difference(*data), 0.03, 1, share_test(*data)) == "better"

    return once


def scores(k: int, size: int, *, skewed: bool) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        of = clusters(k, size)
        if skewed:  # as differences of tokens or entropies are: most small, few large
            x = rng.gamma(1.0, 1.0, k)[of] + rng.gamma(1.0, 1.0, k * size)
            return held(mean(x, of), 2.0)
        return held(mean(rng.normal(size=k)[of] + rng.normal(size=k * size), of), 0.0)

    return once


def sparse(k: int, moved: float) -> Callable[[Rng], bool]:
    """Differences that are mostly exactly 0, as those of a model that mostly copies itself."""

    def once(rng: Rng) -> bool:
        x = np.where(rng.random(k) < moved, rng.uniform(-1, 1, k), 0.0)
        e = mean(x, np.arange(k))
        return e.low is not None and not held(e, 0.0)

    return once


def _said(rng: Rng, sharp: float, k: int, size: int, icc: float) -> tuple[Floats, Floats]:
    """Confidences, and right answers of a perfectly calibrated model; clusters are of a level."""
    level = rates(rng, 0.65, icc, k)[clusters(k, size)]
    c = rng.beta(np.maximum(level * sharp, 1e-3), np.maximum((1 - level) * sharp, 1e-3))
    return c, (rng.random(k * size) < c).astype(float)


_TRUE_AUROC: dict[tuple[float, int, int, float], float] = {}


def _true_auroc(sharp: float, k: int, size: int, icc: float) -> float:
    key = (sharp, k, size, icc)
    if key not in _TRUE_AUROC:
        rng = np.random.default_rng(99)
        c, y = _said(rng, sharp, 400_000 // size, size, icc)
        rank = stats.rankdata(c)
        n = y.sum()
        _TRUE_AUROC[key] = float((rank[y == 1].sum() - n * (n + 1) / 2) / (n * (len(y) - n)))
    return _TRUE_AUROC[key]


def aurocs(sharp: float, k: int, size: int, icc: float) -> Callable[[Rng], bool | None]:
    def once(rng: Rng) -> bool | None:
        e = auroc(*_said(rng, sharp, k, size, icc), clusters(k, size), seed=int(rng.integers(1e9)))
        return None if e.value is None else held(e, _true_auroc(sharp, k, size, icc))

    return once


def auroc_differences(k: int, size: int) -> Callable[[Rng], bool | None]:
    def once(rng: Rng) -> bool | None:
        c, y = _said(rng, 3.0, k, size, 0.1)
        noisy = special.expit(special.logit(np.clip(c, 1e-6, 1 - 1e-6)) + rng.normal(size=len(c)))
        other = special.expit(special.logit(np.clip(c, 1e-6, 1 - 1e-6)) + rng.normal(size=len(c)))
        e = auroc_difference((noisy, y), (other, y), clusters(k, size))
        return None if e.value is None else held(e, 0.0)

    return once


def excess(n: int, sharp: float) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        c, y = _said(rng, sharp, n, 1, 0.0)
        e = calibration(c, y, np.arange(n), seed=int(rng.integers(1e9))).excess
        return e.low is not None and e.low > 0

    return once


def clustered_excess(k: int, size: int, icc: float) -> Callable[[Rng], bool]:
    """Perfectly calibrated, P(right | c) = c, but records of one cluster err together."""

    def once(rng: Rng) -> bool:
        c = rng.beta(0.65 * 3, 0.35 * 3, k * size)
        common = math.sqrt(icc) * rng.normal(size=k)[clusters(k, size)]
        luck = stats.norm.cdf(common + math.sqrt(1 - icc) * rng.normal(size=k * size))
        e = calibration(c, (luck < c).astype(float), clusters(k, size)).excess
        return e.low is not None and e.low > 0

    return once


def debiased(n: int, off: float) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        c, y = _said(rng, 3.0, n, 1, 0.0)
        c = c * (1 - off) + off  # P(right | c) is then known: the error is off · (1 − former c)
        e = calibration(c, y, np.arange(n)).debiased
        return held(e, off * _BINNED)

    return once


def _binned() -> float:
    """What the binned estimator is of: root mean square of 1 − c over ten bins of equal mass."""
    c, _ = _said(np.random.default_rng(7), 3.0, 1_000_000, 1, 0.0)
    means = np.sort(1 - c).reshape(10, -1).mean(axis=1)
    return float(np.sqrt((means**2).mean()))


_BINNED = _binned()


def band(k: int, rounds: int) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        x = np.cumsum(rng.normal(size=(k, rounds)), axis=1) + rng.normal(size=(k, 1))
        level = joint_level(x, np.arange(k))
        return all(held(mean_t(each, np.arange(k), level=level), 0.0) for each in x.T)

    return once


def family(k: int, rounds: int) -> Callable[[Rng], bool]:
    def once(rng: Rng) -> bool:
        right = [rng.random(k) < 0.5]
        for _ in range(rounds - 1):
            flip = rng.random(k) < 0.1
            right.append(right[-1] ^ flip)  # right as often as wrong in every round
        p = [share_test(r, right[0], np.arange(k)) for r in right[1:]]
        return bool((holm([each for each in p if each is not None]) <= 0.05).any())

    return once


def bias(k: int, size: int, *, sums: bool) -> Callable[[Rng], bool]:
    """BBQ's ambiguous score: (1 − accuracy) · (2 biased/known − 1)."""
    unknown, biased = 0.6, 0.7
    truth = (1 - unknown) * (2 * biased - 1)

    def value(s: Floats) -> Floats:
        return np.asarray((1 - s[..., 0] / s[..., 3]) * (2 * s[..., 1] / s[..., 2] - 1))

    def once(rng: Rng) -> bool:
        of = clusters(k, size)
        right = rng.random(k * size) < rates(rng, unknown, 0.1, k)[of]
        named = rng.random(k * size) < rates(rng, biased, 0.1, k)[of]
        terms = np.stack([right, named & ~right, ~right, np.ones(k * size)], axis=1).astype(float)
        if sums:
            return held(of_sums(terms, value, of), truth)
        return held(figure(lambda which: float(value(terms[which].sum(axis=0))), of), truth)

    return once


def drifting(step: float, n: int) -> Callable[[Rng], bool]:
    """Accuracy rises by ``step`` a round, of eight: is a round declared converged (margin 3)?"""

    def once(rng: Rng) -> bool:
        right = [rng.random(n) < 0.4]
        for _ in range(7):
            wrong = ~right[-1]
            lost = right[-1] & (rng.random(n) < 0.02)
            level = right[-1].mean()
            up = (step + 0.02 * level) / (1 - level)
            right.append((right[-1] & ~lost) | (wrong & (rng.random(n) < up)))
        y = np.stack(right, axis=1).astype(float)
        panel = Panel(
            tuple(range(1, 9)),
            np.arange(n),
            np.arange(n),
            {"outcome": y, "parse_rate": np.ones_like(y)},
            {},
        )  # type: ignore[arg-type]
        return convergence(panel, {"accuracy": 0.03})["accuracy"]["round"] is not None

    return once


def planned(difference: float, design: Design) -> Callable[[Rng], bool]:
    n = n_for_difference(difference, design) or 0
    k = round(n / design.size)
    up, down = (design.changed + difference) / 2, (design.changed - difference) / 2

    def once(rng: Rng) -> bool:
        e = share_difference(*pairs(rng, up, down, k, int(design.size), design.icc))
        return verdict(e, None, 1) == "better"

    return once


def planned_margin(margin: float, design: Design) -> Callable[[Rng], bool]:
    k = round(n_for_margin(margin, design) / design.size)
    half = design.changed / 2

    def once(rng: Rng) -> bool:
        e = share_difference(*pairs(rng, half, half, k, int(design.size), design.icc))
        return e.low is not None and -margin <= e.low and (e.high or 1) <= margin

    return once


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
