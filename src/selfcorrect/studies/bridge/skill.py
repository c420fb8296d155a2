"""How much better than persistence a forecast was, and whether there was anything to foretell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import Estimate, Floats, mean_t
from selfcorrect.measures.paired import joint_level, share_difference
from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.studies.bridge.forecasts import METHODS, Forecasts
from selfcorrect.studies.bridge.plan import FITTED
from selfcorrect.theory import two_concept as tc

#: Estimates as tables, by method and quantity.
Skills = dict[str, dict[str, dict[str, Any]]]


def skills(data: Aligned, predicted: Forecasts, seed: int) -> tuple[Skills, Skills]:
    """1 − a method's error over persistence's, where anything moves after round 3; and by how much
    ``two_concept``'s exceeds each other's.

    The error of means is Σ_t |mean predicted − mean measured| over the later rounds, of records'
    distributions Σ_t Σ_i ‖p̂ − p‖². The intervals resample the clusters that are predicted, with
    the fits as they are. The noise of a measured mean is nobody's to foretell and counts as error,
    so that few records keep even the truth below 1.
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
        return of_sums(terms, value, data.clusters, bounds=bounds, seed=seed).table()

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
    """From sums of errors, a method's in each later round and then persistence's [..., 2 L]."""
    mine, base = np.moveaxis(_totals(sums, 2), -1, 0)
    return np.asarray(1 - mine / base)


def _lead_of(sums: Floats) -> Floats:
    """Our skill − another's, from sums of errors, ours, its and persistence's [..., 3 L]."""
    mine, theirs, base = np.moveaxis(_totals(sums, 3), -1, 0)
    return np.asarray((theirs - mine) / base)


def _totals(sums: Floats, methods: int) -> Floats:
    """Σ_t |…| of each method [..., methods]."""
    return np.asarray(np.abs(sums).reshape(*sums.shape[:-1], methods, -1).sum(axis=-1))


def _still(
    after: Floats, before: Floats, clusters: NDArray[Any], share: bool, seed: int
) -> str | None:
    """Why persistence can't be beaten: no later round is shown to differ from round 3.

    Tested for all later rounds at once, with the intervals of a simultaneous band.

    Args:
        after: in the later rounds [L, n].
        before: in round 3 [n].
        clusters: of the records [n].
        share: whether they are zeros and ones.
        seed: of the band.
    """
    level = joint_level((after - before).T, clusters, seed=seed)
    for row in after:
        e = (
            share_difference(row, before, clusters, level=level)
            if share
            else mean_t(row - before, clusters, level=level)
        )
        if e.low is not None and e.high is not None and (e.low > 0 or e.high < 0):
            return None
    return (
        "no later round is shown to differ from round 3, so there is no movement that could be "
        "foretold better than by persistence"
    )
