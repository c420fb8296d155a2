"""The outcome of every record on uncertainty and activation, between examples and within them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.paired import holm
from selfcorrect.measures.regression import regression, within
from selfcorrect.studies.able import told
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series

Family = Literal["linear", "logit"]
_NEEDS = ("uncertainty", "quality")


def preflight(inputs: Inputs) -> Preflight:
    """Whether the model does more than guess, and its uncertainty is recorded."""
    return told(series(inputs.runs), _NEEDS, inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``outcome``, ``family`` of the regression; ``uncertainty``,
        ``concept``, ``activation``, ``layer``; by arm ``fits``: ``alone`` (each variable's two
        parts by themselves) and ``together``, a coefficient each per standard deviation, better
        outcomes up, with ``p_holm`` over the coefficients of an arm's ``together``.
    """
    arms: Series = inputs.preflight.data
    columns = {"uncertainty": arms.uncertainty, "activation": arms.activation}
    known = {name: column for name, column in columns.items() if column is not None}
    family: Family = "logit" if arms.outcome.kind == "share" else "linear"
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "family": family,
        "uncertainty": arms.uncertainty,
        "concept": arms.concept,
        "activation": arms.activation,
        "layer": arms.layer,
        "rounds": list(arms.main.rounds),
        "fits": {arm: _fits(arms, arm, known, family) for arm in arms.panels},
        "settings": dict(inputs.settings),
    }


def _fits(arms: Series, arm: str, known: Mapping[str, str], family: Family) -> dict[str, Any]:
    panel = arms.panels[arm]
    dialogues, rounds = panel.columns["outcome"].shape
    y = panel.columns["outcome"].ravel() * (1 if family == "logit" else arms.outcome.sign)
    if family == "logit" and arms.outcome.sign < 0:
        y = 1 - y
    clusters = np.repeat(panel.clusters, rounds)
    number = np.tile(np.arange(rounds), dialogues)
    parts = {name: _parts(name, arms.of(arm, column)) for name, column in known.items()}

    def fit(of: Mapping[str, Floats]) -> dict[str, Any]:
        found = regression(y, of, clusters, family=family, fixed=number)
        return {name: each.table() for name, each in found.items()}

    alone = {key: e for each in parts.values() for key, e in fit(each).items()}
    together = fit({key: x for each in parts.values() for key, x in each.items()})
    ps = {name: e["p"] for name, e in together.items() if e["p"] is not None}
    adjusted = dict(zip(ps, holm(list(ps.values())).tolist(), strict=True))
    return {
        "alone": alone,
        "together": {name: {**e, "p_holm": adjusted.get(name)} for name, e in together.items()},
    }


def _parts(name: str, values: Floats) -> dict[str, Floats]:
    """``between``: each example's mean; ``within``: how far a round is from it; in standard
    deviations of all records [D·T]."""
    x = values.ravel()
    known = x[np.isfinite(x)]
    spread = float(known.std()) if len(known) else 0.0
    example = np.repeat(np.arange(len(values)), values.shape[1])
    mean, left = within(x / spread if spread > 0 else x, example)
    return {f"{name}, between": mean, f"{name}, within": left}
