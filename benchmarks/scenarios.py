"""What benchmarks.statistics simulates with clusters of one size, and what is expected of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from benchmarks.simulated import (
    auroc_differences,
    aurocs,
    band,
    bias,
    claims,
    clustered_excess,
    debiased,
    differences,
    equal,
    excess,
    family,
    no_difference,
    scores,
    shares,
    sparse,
)
from benchmarks.simulated_runs import drifting, planned, planned_margin

from selfcorrect.measures.power import Design

Rng = np.random.Generator
#: An interval at 95 %; a test at 5 %; one side of either.
COVERAGE, ERRORS, ONE_SIDE = (0.94, 0.97), (0.0, 0.055), (0.0, 0.03)


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

EQUAL: Mapping[str, Scenario] = {
    "share": Scenario("proportion", "p = .98, n = 100", HOLDS, COVERAGE, shares(0.98, equal(100))),
    "share, middle": Scenario(
        "proportion", "p = .6, n = 200", HOLDS, COVERAGE, shares(0.6, equal(200))
    ),
    "share, clustered": Scenario(
        "proportion", "p = .7, 25 clusters of 8, icc .3", HOLDS, COVERAGE,
        shares(0.7, equal(25, 8), 0.3),
    ),
    "share, more clusters": Scenario(
        "proportion", "p = .7, 100 clusters of 4, icc .3", HOLDS, COVERAGE,
        shares(0.7, equal(100, 4), 0.3),
    ),
    "difference": Scenario(
        "share_difference", "+10 points, 30 % change, n = 200", HOLDS, COVERAGE,
        differences(0.2, 0.1, equal(200)),
    ),
    "difference, rare flips": Scenario(
        "share_difference", "+1 point, 3 % change, n = 200", HOLDS, COVERAGE,
        differences(0.02, 0.01, equal(200)),
    ),
    "difference, mostly no flip": Scenario(
        "share_difference", "0, .4 % change, n = 100: mostly no flip", HOLDS, COVERAGE,
        differences(0.002, 0.002, equal(100)),
    ),
    "difference, clustered": Scenario(
        "share_difference", "+10 points, 30 % change, 25 clusters of 20, icc .2", HOLDS, COVERAGE,
        differences(0.2, 0.1, equal(25, 20), 0.2),
    ),
    "difference, more clusters": Scenario(
        "share_difference", "+5 points, 10 % change, 100 clusters of 4, icc .2", HOLDS, COVERAGE,
        differences(0.075, 0.025, equal(100, 4), 0.2),
    ),
    "difference, clustered and rare": Scenario(
        "share_difference", "+1 point, 3 % change, 100 clusters of 4, icc .1", HOLDS, COVERAGE,
        differences(0.02, 0.01, equal(100, 4), 0.1),
    ),
    "McNemar": Scenario(
        "share_test", "20 % change, n = 200", FALSE, ERRORS, no_difference(0.2, equal(200))
    ),
    "McNemar, rare flips": Scenario(
        "share_test", "3 % change, n = 200", FALSE, ERRORS, no_difference(0.03, equal(200))
    ),
    "sign flips": Scenario(
        "share_test", "20 % change, 12 clusters of 10, icc .2", FALSE, ERRORS,
        no_difference(0.2, equal(12, 10), 0.2),
    ),
    "sign flips, more clusters": Scenario(
        "share_test", "20 % change, 40 clusters of 5, icc .2", FALSE, ERRORS,
        no_difference(0.2, equal(40, 5), 0.2),
    ),
    "Holm": Scenario(
        "holm", "5 rounds against the first, 10 % change a round, n = 200",
        "any adjusted p ≤ .05 with no difference", ERRORS, family(200, 6),
    ),
    "better": Scenario(
        "verdict", "no difference, 20 % change, 50 clusters of 8, icc .1", "called better",
        ONE_SIDE, claims(0.2, equal(50, 8), 0.1),
    ),
    "better, rare flips": Scenario(
        "verdict", "no difference, 2 % change, 50 clusters of 8, icc .1", "called better",
        ONE_SIDE, claims(0.02, equal(50, 8), 0.1),
    ),
    "better, five clusters": Scenario(
        "verdict", "no difference, 20 % change, 5 clusters of 40, icc .1", "called better",
        ONE_SIDE, claims(0.2, equal(5, 40), 0.1),
    ),
    "mean, t": Scenario("mean", "normal, 25 clusters of 4", HOLDS, COVERAGE,
                        scores(equal(25, 4), "normal")),
    "mean, t, skewed": Scenario("mean", "gamma, 40 clusters of 4", HOLDS, COVERAGE,
                                scores(equal(40, 4), "gamma")),
    "mean, more clusters": Scenario(
        "mean", "normal, 200 clusters of 4", HOLDS, COVERAGE, scores(equal(200, 4), "normal")
    ),
    "mean, more clusters, skewed": Scenario(
        "mean", "gamma, 500 clusters of 4", HOLDS, COVERAGE, scores(equal(500, 4), "gamma")
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
    "AUROC": Scenario(
        "auroc", "about .80, n = 200", HOLDS, COVERAGE, aurocs(3.0, equal(200), 0.0)
    ),
    "AUROC, clustered": Scenario(
        "auroc", "about .83, 50 clusters of 4", HOLDS, COVERAGE, aurocs(3.0, equal(50, 4), 0.1)
    ),
    "AUROC, few": Scenario(
        "auroc", "about .95, n = 60", HOLDS, COVERAGE, aurocs(0.4, equal(60), 0.0)
    ),
    "AUROC, difference": Scenario(
        "auroc_difference", "0, 50 clusters of 4", HOLDS, COVERAGE, auroc_differences(equal(50, 4))
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
        "an excess is claimed", ONE_SIDE, clustered_excess(equal(25, 8), 0.25),
    ),
    "debiased ECE": Scenario(
        "calibration.debiased", "overconfident by .3 of what lacks, n = 400; error over ten bins",
        HOLDS, COVERAGE,
        debiased(400, 0.3),
    ),
    "figure, jackknife": Scenario(
        "of_sums", "bias score, 25 clusters of 8", HOLDS, COVERAGE, bias(equal(25, 8), sums=True)
    ),
    "figure, more clusters": Scenario(
        "of_sums", "bias score, 100 clusters of 8", HOLDS, COVERAGE, bias(equal(100, 8), sums=True)
    ),
    "figure, computed again": Scenario(
        "figure", "bias score, 25 clusters of 8", HOLDS, COVERAGE, bias(equal(25, 8), sums=False)
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
