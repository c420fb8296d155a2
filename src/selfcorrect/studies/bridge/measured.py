"""What is measured of the two-concept model, whether or not it can be fitted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import Estimate, mean, proportion
from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.studies.bridge.identified import misfit, undecidable
from selfcorrect.studies.bridge.plan import FITTED
from selfcorrect.theory import two_concept as tc


@dataclass(frozen=True, slots=True)
class Fitting:
    """Whether the two-concept model can be fitted, and by which figures.

    Attributes:
        able: whether the anchors can identify anything.
        why: why the model can't be fitted; ``None`` if it can.
        tv, residual: of the anchors, and of rounds 1-3.
        epsilon: in rounds 1-3.
    """

    able: bool
    why: str | None
    tv: Estimate
    residual: Estimate
    epsilon: list[Estimate]


def fitting(data: Aligned) -> Fitting:
    """Whether the two-concept model can be fitted, from the anchors and rounds 1-3.

    Args:
        data: the three runs.
    """
    first = data.p[: len(FITTED)]
    terms = tc.epsilon_terms(first, data.plus, data.minus)
    sums = partial(of_sums, clusters=data.clusters)
    tv = mean(tc.total_variation(data.plus, data.minus), data.clusters)
    residual = sums(
        tc.residual_terms(first, data.plus, data.minus, data.positions),
        tc.residual,
        bounds=(0.0, np.inf),
    )
    epsilon = [sums(terms[:, [t, -1]], _epsilon) for t in range(len(first))]
    unable = undecidable(tv)
    return Fitting(unable is None, unable or misfit(residual, epsilon), tv, residual, epsilon)


def measured(data: Aligned) -> dict[str, Any]:
    """``able``, ``applies``, and all figures that don't depend on a forecast.

    See :func:`selfcorrect.studies.bridge.analysis.known`.

    Args:
        data: the three runs.
    """
    clusters, plus, minus = data.clusters, data.plus, data.minus
    sums = partial(of_sums, clusters=clusters)
    terms = tc.epsilon_terms(data.p, plus, minus)
    first = terms[:, [*range(len(FITTED)), -1]]
    fit = fitting(data)
    rest = [sums(terms[:, [t, -1]], _epsilon) for t in range(len(FITTED), len(data.p))]
    epsilon = [*fit.epsilon, *rest]
    spread = [
        sums(tc.spread_terms(p, plus, minus), tc.spread, bounds=(0.0, np.inf)) for p in data.p
    ]
    rho = sums(first, lambda s: tc.odds_ratio(tc.epsilon(s), FITTED), bounds=(0.0, np.inf))
    bend = sums(first, lambda s: tc.bend(tc.epsilon(s)))
    return {
        "able": fit.able,
        "applies": fit.why is None,
        "why": fit.why,
        "n": len(data.target),
        "clusters": fit.tv.clusters,
        "rounds": len(data.p),
        "options": data.p.shape[2],
        "tv": fit.tv.table(),
        "residual": fit.residual.table(),
        "anchors": {
            name: mean(data.of_target(p), clusters).table()
            for name, p in (("anchor", plus), ("negation", minus), ("difference", plus - minus))
        },
        "last_steps": last_steps(data),
        "epsilon": [{"round": t + 1, **e.table()} for t, e in enumerate(epsilon)],
        "spread": [{"round": t + 1, **e.table()} for t, e in enumerate(spread)],
        "actual": _actual(data),
        "rho": rho.table() if fit.why is None else {**rho.table(), **_NONE, "why": fit.why},
        "bend": bend.table(),
    }


_NONE = {"value": None, "low": None, "high": None}


def last_steps(data: Aligned) -> dict[str, dict[str, Any]] | None:
    """By how much ε of each anchor's run changed in its last round; p+ is at 0 and p− at 1."""
    if data.earlier is None or not len(data.earlier):
        return None
    terms = tc.epsilon_terms(data.earlier[0], data.plus, data.minus)
    plus, minus = (terms[:, [column, -1]] for column in (0, 1))
    steps = {
        "anchor": of_sums(plus, lambda s: -_epsilon(s), data.clusters),
        "negation": of_sums(minus, lambda s: 1 - _epsilon(s), data.clusters),
    }
    return {name: step.table() for name, step in steps.items()}


def _epsilon(sums: tc.Floats) -> tc.Floats:
    """ε of one round from its sums [..., 2]."""
    return np.asarray(tc.epsilon(sums)[..., 0])


def _actual(data: Aligned) -> list[dict[str, Any]]:
    probability, accuracy = (data.quantities[name] for name in ("probability", "accuracy"))
    return [
        {
            "round": t + 1,
            "probability": mean(probability[t], data.clusters).table(),
            "accuracy": proportion(accuracy[t], data.clusters).table(),
        }
        for t in range(len(data.p))
    ]
