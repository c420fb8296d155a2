"""What each method predicts for each record's later rounds, from the clusters of other folds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.studies.bridge.arrays import QUANTITIES, Aligned
from selfcorrect.studies.bridge.plan import FITTED
from selfcorrect.theory import two_concept as tc

#: The methods besides persistence; see :func:`forecasts`.
METHODS = ("two_concept", "two_concept_steps", "exponential", "chain")

#: method → quantity → what is predicted of each record in each later round [T − 3, n].
Forecasts = Mapping[str, Mapping[str, Floats]]


def folds_of(data: Aligned, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each record [n]: clusters are cut into parts of about equal number."""
    k = int(data.clusters.max()) + 1
    return np.asarray(np.random.default_rng(seed).permutation(k)[data.clusters] % folds)


def forecasts(data: Aligned, folds: int, seed: int) -> tuple[Forecasts, dict[str, int]]:
    """The forecasts of all methods, and in how many folds a method gave none.

    ``two_concept`` places a record between its own anchors, at the ε of the line.
    ``two_concept_steps`` adds the line's changes after round 3 to the record's own round 3, so an
    error of an anchor that is the same in all rounds does no harm. ``exponential`` and ``chain``
    predict the mean, and move every record by the same amount. Where a method gives no prediction,
    persistence takes its place, and the fold is counted.

    Args:
        data: the three runs.
        folds: into how many parts the clusters are cut.
        seed: of the cut.
    """
    rounds = len(data.p)
    at, ahead = len(FITTED) - 1, rounds - len(FITTED)
    later = range(len(FITTED) + 1, rounds + 1)
    fold = folds_of(data, folds, seed)
    p3 = data.p[at]
    actual = data.quantities
    now = {name: values[at] for name, values in actual.items()}
    made: dict[str, dict[str, Floats]] = {
        "persistence": {
            "distribution": np.repeat(p3[None], ahead, axis=0),
            **{name: np.repeat(values[None], ahead, axis=0) for name, values in now.items()},
        }
    }
    for method, quantities in {
        "two_concept": (*QUANTITIES, "distribution"),
        "two_concept_steps": (*QUANTITIES, "distribution"),
        "exponential": QUANTITIES,
        "chain": ("accuracy",),
    }.items():
        made[method] = {name: made["persistence"][name].copy() for name in quantities}
    fallbacks = {"two_concept": 0, "exponential_probability": 0, "exponential_accuracy": 0}
    fallbacks["chain"] = 0

    for number in range(folds):
        train, test = fold != number, fold == number
        sums = tc.epsilon_terms(data.p[: at + 1, train], data.plus[train], data.minus[train])
        a, b = tc.odds_line(tc.epsilon(sums.sum(axis=0)), FITTED)
        if np.isfinite(b):
            line = tc.on_line(float(a), float(b), [FITTED[-1], *later])
            plus, minus = data.plus[test], data.minus[test]
            steps = (line[1:] - line[0])[:, None, None] * (minus - plus)
            made["two_concept"]["distribution"][:, test] = tc.mixture(line[1:], plus, minus)
            made["two_concept_steps"]["distribution"][:, test] = p3[test] + steps
        else:
            fallbacks["two_concept"] += 1
        for name, values in actual.items():
            start = float(now[name][test].mean())
            means = values[: at + 1, train].mean(axis=1).tolist()
            fallbacks[f"exponential_{name}"] += _move(
                made["exponential"][name], test, tc.exponential(means, start, ahead), start
            )
        start = float(now["accuracy"][test].mean())
        path = tc.chain(data.correct[: at + 1, train], start, ahead)
        fallbacks["chain"] += _move(made["chain"]["accuracy"], test, path, start)
    for method in ("two_concept", "two_concept_steps"):
        made[method]["probability"] = data.of_target(made[method]["distribution"])
        made[method]["accuracy"] = data.accuracy(made[method]["distribution"])
    return made, fallbacks


def _move(values: Floats, test: NDArray[np.bool_], path: Floats | None, start: float) -> int:
    """Move held-out records [L, n] so that their mean follows a path; 1 if there is no path."""
    if path is None:
        return 1
    values[:, test] += (path - start)[:, None]
    return 0
