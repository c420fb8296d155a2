"""Measures of a round that are computed together, as the catalogue takes them.

The statistics are imported when they are needed: the catalogue is read by commands that compute
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.outcome import Floats

Columns = Mapping[str, Floats]
Clusters = NDArray[Any]
Tables = Mapping[str, Any]
#: The measures of one round from its columns [n] each, the clusters [n] and a seed.
OfRound = Callable[[Columns, Clusters, int], Tables]


def each_round(
    compute: OfRound,
) -> Callable[[Sequence[Columns], Clusters, int], Sequence[Tables]]:
    """Measures that need one round only: computed from the records that there are in it."""

    def over(rounds: Sequence[Columns], clusters: Clusters, seed: int) -> Sequence[Tables]:
        found = []
        for columns in rounds:
            there = np.isfinite(columns["parse_rate"])
            found.append(compute({n: c[there] for n, c in columns.items()}, clusters[there], seed))
        return found

    return over


@each_round
def calibrated(columns: Columns, clusters: Clusters, seed: int) -> Tables:
    """ECE with what it must be read beside, and the reliability diagram."""
    from selfcorrect.measures.calibration import calibration

    found = calibration(columns["confidence"], columns["outcome"], clusters, seed=seed)
    return {
        "ece": found.ece.table(),
        "ece_expected": found.expected.table(),
        "ece_excess": found.excess.table(),
        "ece_debiased": found.debiased.table(),
        "reliability": found.reliability,
    }


@each_round
def calibrated_all(columns: Columns, clusters: Clusters, seed: int) -> Tables:
    """ECE with unread answers as wrong: a number without an interval, as ECE is."""
    from selfcorrect.measures.calibration import ece
    from selfcorrect.measures.intervals import Estimate, finite

    del seed
    right = columns["outcome"]
    # confidence as calibration_gap_all has it, which is that minus right
    value = ece(columns["calibration_gap_all"] + right, right)
    x, members, missing = finite(columns["calibration_gap_all"], clusters)
    if missing is not None:
        return {"ece_all": missing.table()}
    return {"ece_all": Estimate(value, None, None, len(x), int(members[-1]) + 1).table()}


@each_round
def separated(columns: Columns, clusters: Clusters, seed: int) -> Tables:
    """AUROC."""
    from selfcorrect.measures.auroc import auroc

    del seed
    return {"auroc": auroc(columns["confidence"], columns["outcome"], clusters).table()}


def separation_difference(after: Columns, before: Columns, clusters: Clusters, level: float) -> Any:
    """AUROC's difference on the same clusters."""
    from selfcorrect.measures.auroc import auroc_difference

    return auroc_difference(
        (after["confidence"], after["outcome"]),
        (before["confidence"], before["outcome"]),
        clusters,
        level=level,
    )


@each_round
def ranked(columns: Columns, clusters: Clusters, seed: int) -> Tables:
    """How uncertainty (entropy) goes with quality, which is 1 at best and 0 at worst."""
    return _ranked("", columns["entropy"], columns["quality"], clusters, seed)


@each_round
def ranked_by_meaning(columns: Columns, clusters: Clusters, seed: int) -> Tables:
    """How semantic entropy goes with quality."""
    u = columns["semantic_entropy"]
    return _ranked("semantic_", u, columns["quality"], clusters, seed)


def _ranked(prefix: str, u: Floats, a: Floats, clusters: Clusters, seed: int) -> Tables:
    """Measures of how uncertainty [n] goes with quality [n]."""
    from selfcorrect.measures.quality import rank_calibration, risk_coverage, spearman

    ranks = rank_calibration(u, a, clusters, seed=seed)
    found = {
        "rce": {**ranks.rce.table(), "skill": ranks.skill, "bins": ranks.bins},
        "rce_shuffled": ranks.shuffled.table(),
        "rce_isotonic": ranks.isotonic.table(),
        "spearman": spearman(u, a, clusters).table(),
        "risk_coverage": risk_coverage(u, a, clusters).table(),
    }
    return {prefix + name: table for name, table in found.items()}
