"""What is measured of the two-concept model, whether or not it is identified."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.studies.bridge.identified import unidentified
from selfcorrect.studies.bridge.plan import FITTED
from selfcorrect.theory import two_concept as tc


def measured(data: Aligned, seed: int) -> dict[str, Any]:
    """``identified``, and all figures that don't depend on a forecast.

    See :func:`selfcorrect.studies.bridge.analysis.known`.

    Args:
        data: the three runs.
        seed: of the resampling.
    """
    clusters, plus, minus = data.clusters, data.plus, data.minus
    sums = partial(of_sums, clusters=clusters, seed=seed)
    terms = tc.epsilon_terms(data.p, plus, minus)
    first = terms[:, [*range(len(FITTED)), -1]]

    tv = mean(tc.total_variation(plus, minus), clusters, seed=seed)
    residual = sums(
        tc.residual_terms(data.p[: len(FITTED)], plus, minus), tc.residual, bounds=(0.0, np.inf)
    )
    epsilon = [sums(terms[:, [t, -1]], _epsilon) for t in range(len(data.p))]
    spread = [
        sums(tc.spread_terms(p, plus, minus), tc.spread, bounds=(0.0, np.inf)) for p in data.p
    ]
    rho = sums(first, lambda s: tc.odds_ratio(tc.epsilon(s), FITTED), bounds=(0.0, np.inf))
    bend = sums(first, lambda s: tc.bend(tc.epsilon(s)))
    why = unidentified(tv, residual, epsilon[: len(FITTED)])
    return {
        "identified": why is None,
        "why": why,
        "n": len(data.target),
        "clusters": tv.clusters,
        "rounds": len(data.p),
        "tv": tv.table(),
        "residual": residual.table(),
        "anchors": {
            name: mean(data.of_target(p), clusters, seed=seed).table()
            for name, p in (("anchor", plus), ("negation", minus), ("difference", plus - minus))
        },
        "last_steps": _last_steps(data, seed),
        "epsilon": [{"round": t + 1, **e.table()} for t, e in enumerate(epsilon)],
        "spread": [{"round": t + 1, **e.table()} for t, e in enumerate(spread)],
        "actual": _actual(data, seed),
        "rho": rho.table() if why is None else {**rho.table(), **_NONE, "why": why},
        "bend": bend.table(),
    }


_NONE = {"value": None, "low": None, "high": None}


def _last_steps(data: Aligned, seed: int) -> dict[str, dict[str, Any]] | None:
    """By how much ε of each anchor's run changed in its last round; p+ is at 0 and p− at 1."""
    if data.sooner is None:
        return None
    terms = tc.epsilon_terms(data.sooner, data.plus, data.minus)
    plus, minus = (terms[:, [column, -1]] for column in (0, 1))
    steps = {
        "anchor": of_sums(plus, lambda s: -_epsilon(s), data.clusters, seed=seed),
        "negation": of_sums(minus, lambda s: 1 - _epsilon(s), data.clusters, seed=seed),
    }
    return {name: step.table() for name, step in steps.items()}


def _epsilon(sums: tc.Floats) -> tc.Floats:
    """ε of one round from its sums [..., 2]."""
    return np.asarray(tc.epsilon(sums)[..., 0])


def _actual(data: Aligned, seed: int) -> list[dict[str, Any]]:
    probability, accuracy = (data.quantities[name] for name in ("probability", "accuracy"))
    return [
        {
            "round": t + 1,
            "probability": mean(probability[t], data.clusters, seed=seed).table(),
            "accuracy": proportion(accuracy[t], data.clusters).table(),
        }
        for t in range(len(data.p))
    ]
