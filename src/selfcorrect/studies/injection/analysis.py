"""The injected run minus the plain one, by how many rounds ago the injection was."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.convergence import widened
from selfcorrect.measures.intervals import Estimate, mean, means, p_of
from selfcorrect.measures.outcomes import paired, paired_test
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.unread import boundless, other_counts, p_whatever
from selfcorrect.studies.able import preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import ACTIVATION_MARGIN, Series, series

_NEEDS = ("moves",)


def preflight(inputs: Inputs) -> Preflight:
    """Whether answers can be read, and any of them moves."""
    return preflight_of(series(inputs.runs), _NEEDS, inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``outcome``, ``uncertainty``, ``concept``, ``activation``,
        ``layer``, ``rounds``, ``injected``; ``curves``: measure → arm → an estimate a round;
        ``lags``: measure → by rounds since the injection the difference from the plain run, with
        ``p_holm`` over all lags of the measure and ``state``: ``shown``, ``gone`` (within the
        margin) or ``undecided``; ``lasts``: measure → the last lag up to which every one is shown
        (−1: none), and ``gone``: the first from which all are within the margin, or ``None``.
    """
    arms: Series = inputs.preflight.data
    spec = inputs.runs["injection"].spec
    rounds = tuple(spec.strategy.parameters["injected"])
    names = list(filter(None, [arms.outcome.name, arms.uncertainty, arms.activation]))
    margins = {**arms.margins, str(arms.activation): ACTIVATION_MARGIN}
    lags = {name: _lags(arms, name, rounds, margins.get(name)) for name in names}
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "better": arms.outcome.better,
        "uncertainty": arms.uncertainty,
        "concept": arms.concept,
        "activation": arms.activation,
        "layer": arms.layer,
        "rounds": list(arms.main.rounds),
        "injected": list(rounds),
        "margins": {name: margins.get(name) for name in names},
        "curves": {name: {arm: _curve(arms, arm, name) for arm in arms.panels} for name in names},
        "lags": lags,
        "lasts": {name: lasts([row["state"] for row in of]) for name, of in lags.items()},
        "settings": dict(inputs.settings),
    }


def _curve(arms: Series, arm: str, name: str) -> list[dict[str, Any]]:
    x, clusters = arms.of(arm, name), arms.panels[arm].clusters
    rooms = dict.fromkeys(range(x.shape[1]), arms.room(name))
    return [e.table() for e in means(dict(enumerate(x.T)), clusters, rooms=rooms).values()]


def _lags(
    arms: Series, name: str, injected: tuple[int, ...], margin: float | None
) -> list[dict[str, Any]]:
    """The difference from the plain run by how many rounds ago the last injection was."""
    every = places_of(injected, arms.main.rounds)
    found: dict[int, Estimate] = {}
    ps: dict[int, float | None] = {}
    for lag, places in every.items():
        if name == arms.outcome.name:
            found[lag], ps[lag] = _outcome(arms, places)
        else:
            x = _mean_of((arms.of("injection", name) - arms.of("intrinsic", name))[:, places])
            found[lag] = mean(x, arms.main.clusters, room=arms.room(name).apart())
            ps[lag] = p_of(found[lag])
    adjusted = holm_by_name(ps)
    rows = []
    for lag, e in found.items():
        state = "undecided"
        ends = None if e.low is None or e.high is None else max(abs(e.low), abs(e.high))
        if margin is not None and ends is not None and ends <= margin and not e.few:
            state = "gone"
        elif adjusted.get(lag, 1.0) < 0.05 and not e.few:
            state = "shown"
        rows.append({"lag": lag, **e.table(), "p_holm": adjusted.get(lag), "state": state})
    return rows


def _outcome(arms: Series, places: list[int]) -> tuple[Estimate, float | None]:
    """The difference of the outcome over all dialogues and these rounds, and p of none; wide
    enough for whatever an unread answer is."""
    clusters = np.repeat(arms.main.clusters, len(places))
    names = ("outcome", "parse_rate", "gradable")
    after, before = (
        {name: arms.panels[arm].columns[name][:, places].ravel() for name in names}
        for arm in ("injection", "intrinsic")
    )
    ways = [(after, before), *other_counts((after, before), arms.outcome)]
    columns = [(one["outcome"], other["outcome"]) for one, other in ways]
    recorded, *others = (paired(arms.outcome, *both, clusters) for both in columns)
    ps = [paired_test(arms.outcome, *both, clusters) for both in columns]
    e, room = widened(recorded, others, bool(boundless((after, before), arms.outcome)))
    if not math.isfinite(room):
        return replace(e, low=None, high=None, why="unread answers have no bounds"), None
    return e, p_whatever([recorded, *others], ps)


def places_of(injected: tuple[int, ...], rounds: tuple[int, ...]) -> dict[int, list[int]]:
    """Rounds since the last injection → the places of such rounds; those before the first have
    none."""
    found: dict[int, list[int]] = {}
    for place, number in enumerate(rounds):
        before = [r for r in injected if r <= number]
        if before:
            found.setdefault(number - before[-1], []).append(place)
    return dict(sorted(found.items()))


def lasts(states: list[str]) -> dict[str, int | None]:
    """Up to which lag a difference is shown, and from which it is gone."""
    shown = next((lag for lag, state in enumerate(states) if state != "shown"), len(states)) - 1
    gone = len(states)
    while gone and states[gone - 1] == "gone":
        gone -= 1
    return {"shown": shown, "gone": gone if gone < len(states) else None}


def _mean_of(values: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a dialogue without any stays missing
        return np.asarray(np.nanmean(values, axis=1))
