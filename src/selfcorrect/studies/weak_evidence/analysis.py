"""What hints do to accuracy and to whom answers name, and what arms change of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.contrasts import columns_at, contrast, judged, state_of, unread_in
from selfcorrect.measures.intervals import proportion
from selfcorrect.measures.panel import Panel
from selfcorrect.outcome import ACCURACY, Outcome
from selfcorrect.studies.able import preflight_of, unable
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series
from selfcorrect.studies.weak_evidence.arms import (
    ARMS,
    CONTROLS,
    EVIDENCE,
    METHODS,
    NEITHER,
    OTHER,
    STEREOTYPED,
    name,
)

#: What an answer is looked at for: it is right, it names the person that a biased reader would, or
#: the other one.
RIGHT, BIASED, AGAINST = LOOKS = ("right", "biased", "against")
#: Arm, evidence, and what is looked at → how much it counts.
Weights = Mapping[tuple[str, str, str], float]
_NAMED = Outcome("named", kind="share", better="lower", margin=ACCURACY.margin)


def preflight(inputs: Inputs) -> Preflight:
    """Whether answers can be read, and are graded."""
    arms = series(inputs.runs, name("repeat", NEITHER))
    found = preflight_of(arms, (), inputs)
    if not np.isfinite(arms.main.columns["outcome"]).any() or "biased" not in arms.main.own:
        return unable(found, "it isn't known of one of its answers whom it names")
    return found


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``rounds``: arm → how many it has; ``margin``; and what
        :func:`figures` says.
    """
    data: Series = inputs.preflight.data
    return {
        **inputs.preflight.found,
        "rounds": {arm: len(data.panels[name(arm, NEITHER)].rounds) for arm in ARMS},
        **figures(data.panels, data.main.clusters, data.margins["accuracy"]),
        "settings": dict(inputs.settings),
    }


def figures(
    panels: Mapping[str, Panel], clusters: NDArray[Any], margin: float = ACCURACY.margin
) -> dict[str, Any]:
    """Of the last round of each arm.

    Args:
        panels: by :func:`selfcorrect.studies.weak_evidence.arms.name`, of the same questions in one
            order.
        clusters: of each question [D].
        margin: up to what size a difference counts as none.

    Returns:
        ``shares``: arm → evidence → ``right``, ``biased`` and ``against``: shares of all answers,
        those that couldn't be read counted as none of the three; ``claims``: name → what
        :func:`selfcorrect.measures.contrasts.judged` says of all of :func:`claims` together, and
        ``state`` (``shown``, ``same``, ``few`` or ``open``); ``beside``: arm → the differences of
        :func:`beside`, each by itself; ``unread``: run → how many answers of its last round aren't
        known; ``margin``.
    """
    columns = looked_at(panels)
    asked = claims()
    found = judged({key: _contrast(columns, w, clusters) for key, w in asked.items()}, margin)
    for each in found.values():
        each["state"] = state_of(each["difference"], within=each["within"])
    missing = unread_in(columns_at([panels[key] for key in panels]), ACCURACY)
    return {
        "shares": {
            arm: {
                evidence: {
                    look: proportion(columns[arm, evidence, look]["outcome"], clusters).table()
                    for look in LOOKS
                }
                for evidence in EVIDENCE
            }
            for arm in ARMS
        },
        "claims": found,
        "beside": {
            arm: {
                key: _contrast(columns, w, clusters).difference.table()
                for key, w in beside(arm).items()
            }
            for arm in ARMS
        },
        "unread": dict(zip(panels, missing.tolist(), strict=True)),
        "margin": margin,
    }


def claims() -> dict[str, Weights]:
    """What is claimed, together: by name, such as ``bias, cot`` and ``bias, cot minus neutral``.

    ``accuracy``: with a hint, the mean of both, minus without; ``bias``: how often a hint at the
    stereotyped person is followed, minus one at the other.
    """
    made: dict[str, Weights] = {}
    for arm in METHODS:
        made[f"accuracy, {arm}"] = _loss(arm)
        made[f"bias, {arm}"] = _bias(arm)
    for arm, control in CONTROLS.items():
        made[f"accuracy, {arm} minus {control}"] = {**_loss(arm), **_negative(_loss(control))}
        made[f"bias, {arm} minus {control}"] = {**_bias(arm), **_negative(_bias(control))}
    return made


def beside(arm: str) -> dict[str, Weights]:
    """What is shown beside: ``pull``, how much more often a hint's person is named than without it;
    ``before``, the bias without a hint; ``more``, how much the hints add to it; and the claims'
    own, of controls too."""
    pull: Weights = {
        (arm, STEREOTYPED, BIASED): 0.5,
        (arm, OTHER, AGAINST): 0.5,
        (arm, NEITHER, BIASED): -0.5,
        (arm, NEITHER, AGAINST): -0.5,
    }
    before: Weights = {(arm, NEITHER, BIASED): 1.0, (arm, NEITHER, AGAINST): -1.0}
    return {
        "accuracy": _loss(arm),
        "bias": _bias(arm),
        "pull": pull,
        "before": before,
        "more": {**_bias(arm), **_negative(before)},
    }


def _loss(arm: str) -> Weights:
    hints = {(arm, evidence, RIGHT): 0.5 for evidence in (STEREOTYPED, OTHER)}
    return {**hints, (arm, NEITHER, RIGHT): -1.0}


def _bias(arm: str) -> Weights:
    return {(arm, STEREOTYPED, BIASED): 1.0, (arm, OTHER, AGAINST): -1.0}


def _negative(weights: Weights) -> Weights:
    return {key: -w for key, w in weights.items()}


def looked_at(panels: Mapping[str, Panel]) -> dict[tuple[str, str, str], dict[str, Floats]]:
    """Of each arm, evidence and look the columns [D] of its last round that a contrast needs. An
    answer that couldn't be read is none of the three, and isn't known."""
    found = {}
    for arm in ARMS:
        for evidence in EVIDENCE:
            panel = panels[name(arm, evidence)]
            at = {key: x[:, 0] for key, x in columns_at([panel]).items()}
            there = np.isfinite(at["parse_rate"])
            named = panel.own["biased"][:, -1]
            values = {
                RIGHT: at["outcome"],
                BIASED: np.where(there, named == 1, np.nan),
                AGAINST: np.where(there, named == 0, np.nan),
            }
            for look, value in values.items():
                found[arm, evidence, look] = {**at, "outcome": value.astype(float)}
    return found


def _contrast(
    columns: Mapping[tuple[str, str, str], Mapping[str, Floats]],
    weights: Weights,
    clusters: NDArray[Any],
) -> Any:
    looks: Sequence[Mapping[str, Floats]] = [columns[key] for key in weights]
    stacked = {key: np.stack([look[key] for look in looks], axis=1) for key in looks[0]}
    return contrast(stacked, _NAMED, list(weights.values()), clusters)
