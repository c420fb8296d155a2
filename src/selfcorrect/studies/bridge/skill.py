"""How much better than persistence a forecast is, and whether there was anything to predict."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import Estimate, mean
from selfcorrect.measures.paired import joint_level, share_difference
from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.studies.bridge.forecasts import METHODS, Forecasts
from selfcorrect.studies.bridge.plan import FITTED
from selfcorrect.theory import two_concept as tc

#: Estimates as tables, by method and quantity.
Skills = dict[str, dict[str, dict[str, Any]]]


def skills(data: Aligned, predicted: Forecasts, seed: int) -> tuple[Skills, Skills]:
    """The skill of each method, and by how much that of ``two_concept`` exceeds each other's.

    Skill is 1 − error of the method / error of persistence. The error of means is
    Σ_t |mean predicted − mean measured| over the later rounds; that of records' distributions is
    Σ_t Σ_i ‖p̂ − p‖². Intervals leave out predicted clusters one by one, with the fits unchanged.
    The noise of a measured mean can't be predicted and counts as error, so with few records even
    the true model has a skill below 1. There is no skill where no later round is shown to differ
    from round 3.

    Returns:
        Both as tables of estimates, by method and quantity.
    """
    at, later = len(FITTED) - 1, slice(len(FITTED), None)
    actual = data.quantities
    along = tc.epsilon_terms(data.p, data.plus, data.minus)[:, :-1].T
    still = {
        name: _still(values[later], values[at], data.clusters, name == "accuracy", seed)
        for name, values in {**actual, "distribution": along}.items()
    }
    n, k = len(data.target), int(data.clusters.max()) + 1

    def estimate(name: str, columns: Sequence[Floats], value: Callable[[Floats], Floats]) -> Any:
        if (why := still[name]) is not None:
            return Estimate(None, None, None, n, k, why).table()
        terms = np.concatenate(columns).T
        bounds = (-math.inf, 1.0 if value is _skill_of else math.inf)
        return of_sums(terms, value, data.clusters, bounds=bounds).table()

    errors: dict[str, dict[str, Floats]] = {}
    for method, guesses in predicted.items():
        errors[method] = {
            name: ((guess - data.p[later]) ** 2).sum(axis=-1)
            if name == "distribution"
            else guess - actual[name][later]
            for name, guess in guesses.items()
        }
    skill: Skills = {
        method: {
            name: estimate(name, (mine, errors["persistence"][name]), _skill_of)
            for name, mine in errors[method].items()
        }
        for method in METHODS
    }
    lead: Skills = {
        method: {
            name: estimate(
                name, (errors["two_concept"][name], theirs, errors["persistence"][name]), _lead_of
            )
            for name, theirs in errors[method].items()
        }
        for method in METHODS
        if method != "two_concept"
    }
    return skill, lead


def _skill_of(sums: Floats) -> Floats:
    """From sums of errors by later round: those of the method, then of persistence [..., 2 L]."""
    mine, base = np.moveaxis(_totals(sums, 2), -1, 0)
    return np.asarray(1 - mine / base)


def _lead_of(sums: Floats) -> Floats:
    """From sums of errors: of ``two_concept``, of the other method, of persistence [..., 3 L]."""
    mine, theirs, base = np.moveaxis(_totals(sums, 3), -1, 0)
    return np.asarray((theirs - mine) / base)


def _totals(sums: Floats, methods: int) -> Floats:
    """Σ_t |…| of each method [..., methods]."""
    return np.asarray(np.abs(sums).reshape(*sums.shape[:-1], methods, -1).sum(axis=-1))


def _still(
    after: Floats, before: Floats, clusters: NDArray[Any], share: bool, seed: int
) -> str | None:
    """Why there is no skill: no later round is shown to differ from round 3. Else ``None``.

    Tested for all later rounds at once, with the intervals of a simultaneous band.

    Args:
        after: in the later rounds [L, n].
        before: in round 3 [n].
        clusters: of the records [n].
        share: whether the values are zeros and ones.
        seed: of the band.
    """
    level = joint_level((after - before).T, clusters, seed=seed)
    for row in after:
        e = (
            share_difference(row, before, clusters, level=level)
            if share
            else mean(row - before, clusters, level=level)
        )
        if e.low is not None and e.high is not None and (e.low > 0 or e.high < 0):
            return None
    return (
        "no later round is shown to differ from round 3, so there is no change that could be "
        "predicted better than by persistence"
    )
