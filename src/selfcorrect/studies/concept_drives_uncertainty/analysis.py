"""What the change of the activation adds, in the run and in its control."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcorrect.measures.added import added
from selfcorrect.measures.lagged import LEAST_ROUNDS, order
from selfcorrect.studies.able import preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series

_NEEDS = ("uncertainty", "activation")


def preflight(inputs: Inputs) -> Preflight:
    """Whether both are recorded, and vary."""
    return preflight_of(series(inputs.runs), _NEEDS, inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found, ``uncertainty``, ``concept``, ``activation``, ``layer``,
        ``rounds``; by arm ``added`` (:func:`selfcorrect.measures.added.added`) and ``order``
        (:func:`selfcorrect.measures.lagged.order`, or ``None`` with too few rounds), and
        ``points``: the changes of both, at most 2,000 of them, for the chart.
    """
    arms: Series = inputs.preflight.data
    settings = inputs.settings
    found: dict[str, Any] = {}
    for arm, panel in arms.panels.items():
        c, u = arms.of(arm, str(arms.activation)), arms.of(arm, str(arms.uncertainty))
        enough = len(panel.rounds) >= LEAST_ROUNDS
        found[arm] = {
            "added": added(c, u, panel.clusters, folds=settings["folds"], seed=settings["seed"]),
            "order": order(c, u, panel.clusters) if enough else None,
            "points": _points(c, u, settings["seed"]),
        }
    return {
        **inputs.preflight.found,
        "uncertainty": arms.uncertainty,
        "concept": arms.concept,
        "activation": arms.activation,
        "layer": arms.layer,
        "rounds": list(arms.main.rounds),
        "arms": found,
        "settings": dict(settings),
    }


def _points(c: Any, u: Any, seed: int, most: int = 2000) -> dict[str, list[float]]:
    """Changes of both, from one round to the next."""
    x, y = np.diff(c).ravel(), np.diff(u).ravel()
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(known) > most:
        known = np.sort(np.random.default_rng(seed).choice(known, most, replace=False))
    return {"activation": x[known].tolist(), "uncertainty": y[known].tolist()}
