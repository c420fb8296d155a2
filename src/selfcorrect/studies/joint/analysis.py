"""The outcome of every record on uncertainty and activation, between examples and within them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.convergence import widened
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.regression import Coefficient, in_deviations, regression, within
from selfcorrect.measures.unread import p_whatever, unknown
from selfcorrect.studies.able import preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series

Family = Literal["linear", "logit"]
_NEEDS = ("uncertainty", "quality")


def preflight(inputs: Inputs) -> Preflight:
    """Whether the model does more than guess, and its uncertainty is recorded."""
    return preflight_of(series(inputs.runs), _NEEDS, inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``outcome``, ``family`` of the regression; ``uncertainty``,
        ``concept``, ``activation``, ``layer``; by arm ``fits``: ``alone`` (each variable's two
        parts by themselves) and ``together``, a coefficient each per standard deviation, better
        outcomes up, with ``p_holm`` over the coefficients of an arm's ``together``;
        ``difference``, those of the run minus those of the control; ``unknown``: by arm how many
        answers aren't known, whatever which may be intervals and p hold.
    """
    arms: Series = inputs.preflight.data
    columns = {"uncertainty": arms.uncertainty, "activation": arms.activation}
    known = {name: column for name, column in columns.items() if column is not None}
    family: Family = "logit" if arms.outcome.kind == "share" else "linear"
    records = {arm: _records(arms, arm, known) for arm in arms.panels}
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "family": family,
        "uncertainty": arms.uncertainty,
        "concept": arms.concept,
        "activation": arms.activation,
        "layer": arms.layer,
        "rounds": list(arms.main.rounds),
        "fits": {arm: _fits(each, family) for arm, each in records.items()},
        "difference": _difference(records["intrinsic"], records["repeat"], family),
        "unknown": {
            arm: {"unread": int(each.open_.sum()), "n": len(each.y)}
            for arm, each in records.items()
        },
        "settings": dict(inputs.settings),
    }


@dataclass(frozen=True)
class _Records:
    """The records of an arm.

    Attributes:
        y: the outcome, better ones up [n]; NaN where it isn't known.
        open_: where it isn't known, though there is one [n].
        ends: between what it lies there.
        parts: variable → its two parts [n] each.
        clusters, rounds: of each record [n].
    """

    y: Floats
    open_: Any
    ends: tuple[float, float]
    parts: dict[str, dict[str, Floats]]
    clusters: Any
    rounds: Any


def _records(arms: Series, arm: str, known: Mapping[str, str]) -> _Records:
    panel, outcome = arms.panels[arm], arms.outcome
    dialogues, rounds = panel.columns["outcome"].shape
    names = ("outcome", "parse_rate", "gradable")
    columns = {name: panel.columns[name].ravel() for name in names}
    open_, _ = unknown((columns, columns), outcome)
    low, high = outcome.bounds
    share = outcome.kind == "share"
    y, ends = columns["outcome"] * (1 if share else outcome.sign), (low, high)
    if outcome.sign < 0:
        y, ends = (1 - y, ends) if share else (y, (-high, -low))
    return _Records(
        np.where(open_, np.nan, y),
        open_,
        ends,
        {name: _parts(name, arms.of(arm, column)) for name, column in known.items()},
        np.repeat(panel.clusters, rounds),
        np.tile(np.arange(rounds), dialogues),
    )


def _fits(records: _Records, family: Family) -> dict[str, Any]:
    def fit(of: Mapping[str, Floats]) -> dict[str, Any]:
        return _whatever(records.y, of, records, family)

    alone = {key: e for each in records.parts.values() for key, e in fit(each).items()}
    together = fit({key: x for each in records.parts.values() for key, x in each.items()})
    return {"alone": alone, "together": _holm(together)}


def _whatever(
    y: Floats, predictors: Mapping[str, Floats], records: _Records, family: Family
) -> dict[str, Any]:
    """A coefficient each, with an interval wide enough for whatever the answers are that aren't
    known: for each, those count as what makes it largest, and as what makes it smallest."""

    def fit(outcome: Floats) -> dict[str, Coefficient]:
        return regression(
            outcome, predictors, records.clusters, family=family, fixed=records.rounds
        )

    found = fit(y)
    if not records.open_.any():
        return {name: each.table() for name, each in found.items()}
    if not np.isfinite(records.ends).all():
        why = "unread answers have no bounds"
        return {
            name: Coefficient(replace(each.estimate, low=None, high=None, why=why)).table()
            for name, each in found.items()
        }
    return {
        name: _widened(each, [fit(y) for y in _counted(y, x, records)], name)
        for (name, each), x in zip(found.items(), predictors.values(), strict=True)
    }


def _counted(y: Floats, x: Floats, records: _Records) -> list[Floats]:
    above = x > np.nanmean(x)
    ways = (np.where(above, *ends) for ends in (records.ends, records.ends[::-1]))
    return [np.where(records.open_, way, y) for way in ways]


def _widened(
    recorded: Coefficient, others: list[dict[str, Coefficient]], name: str
) -> dict[str, Any]:
    every = [recorded, *(other[name] for other in others)]
    estimates, ps = [each.estimate for each in every], [each.p for each in every]
    if any(e.low is None for e in estimates):
        why = "it hangs on what the answers are that aren't known"
        e = replace(recorded.estimate, low=None, high=None, why=why)
        return Coefficient(e).table()
    e, _ = widened(estimates[0], estimates[1:], endless=False)
    return Coefficient(e, p_whatever(estimates, ps), recorded.df).table()


def _difference(one: _Records, other: _Records, family: Family) -> dict[str, Any]:
    """The coefficients of the first arm minus those of the second: both as one regression, each
    arm with an intercept for every round."""
    predictors: dict[str, Floats] = {}
    names = [key for each in one.parts.values() for key in each]
    for variable, parts in one.parts.items():
        for key, x in parts.items():
            theirs = other.parts[variable][key]
            predictors[key] = np.concatenate([x, 0 * theirs])
            predictors[f"both {key}"] = np.concatenate([x, theirs])
    both = _Records(
        np.concatenate([one.y, other.y]),
        np.concatenate([one.open_, other.open_]),
        one.ends,
        {},
        np.concatenate([one.clusters, other.clusters]),
        np.concatenate([one.rounds, other.rounds + int(one.rounds.max()) + 1]),
    )
    found = _whatever(both.y, predictors, both, family)
    return _holm({name: found[name] for name in names})


def _holm(found: dict[str, Any]) -> dict[str, Any]:
    adjusted = holm_by_name({name: e["p"] for name, e in found.items()})
    return {name: {**e, "p_holm": adjusted.get(name)} for name, e in found.items()}


def _parts(name: str, values: Floats) -> dict[str, Floats]:
    """``between``: each example's mean; ``within``: how far a round is from it; in standard
    deviations of all records [D·T]."""
    example = np.repeat(np.arange(len(values)), values.shape[1])
    mean, left = within(in_deviations(values.ravel()), example)
    return {f"{name}, between": mean, f"{name}, within": left}
