"""Curves by arm, from which round each stays, and what goes ahead of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.measures.compare import compare, verdict
from selfcorrect.measures.convergence import converged, convergence
from selfcorrect.measures.intervals import mean
from selfcorrect.measures.lagged import LEAST_ROUNDS, order
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.rounds import summarize
from selfcorrect.studies.able import preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import ACTIVATION_MARGIN, Series, series

#: Measures that are followed, besides the outcome, the uncertainty and the activation.
FOLLOWED = ("confidence", "calibration_gap", "brier", "semantic_entropy", "likelihood")
_NEEDS = ("uncertainty",)


def preflight(inputs: Inputs) -> Preflight:
    """Whether the model's answers can be read, and how uncertain it is, is known."""
    return preflight_of(series(inputs.runs), _NEEDS, inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found, and ``outcome``, ``uncertainty``, ``concept``, ``layer``,
        ``rounds``; ``curves``: measure → arm → an estimate a round; ``stays``: measure → arm → the
        table of :func:`selfcorrect.measures.convergence.convergence`; ``against``: control →
        measure → the difference at the last round; ``order``: pair → the table of
        :func:`selfcorrect.measures.lagged.order`, or ``None`` where a series is missing.
    """
    arms: Series = inputs.preflight.data
    names = followed(arms)
    summaries = {
        arm: summarize(panel, arms.margins, arms.own) for arm, panel in arms.panels.items()
    }
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "better": arms.outcome.better,
        "uncertainty": arms.uncertainty,
        "concept": arms.concept,
        "activation": arms.activation,
        "layer": arms.layer,
        "rounds": list(arms.main.rounds),
        "curves": {
            name: {
                arm: [row["measures"].get(name) for row in told["rounds"]]
                for arm, told in summaries.items()
            }
            for name in names
        },
        "stays": {
            name: {
                arm: _stays(arms, arm, name)
                for arm, panel in arms.panels.items()
                if len(panel.rounds) > 1
            }
            for name in names
        },
        "against": {control: against(arms, control, names) for control in list(arms.panels)[1:]},
        "settled": _settled(summaries),
        "order": _orders(arms),
        "settings": dict(inputs.settings),
    }


def followed(arms: Series) -> list[str]:
    """The measures whose curves are drawn: those that the run has."""
    stated = {m.name for m in arms.main.measures}
    names = [arms.outcome.name, arms.uncertainty, *(n for n in FOLLOWED if n in stated)]
    return list(dict.fromkeys([*filter(None, names), *filter(None, [arms.activation])]))


def _stays(arms: Series, arm: str, name: str) -> dict[str, Any]:
    panel = arms.panels[arm]
    if name == arms.activation:
        values, room = arms.of(arm, name), arms.room(name)
        return converged(values, panel.clusters, panel.rounds, ACTIVATION_MARGIN, room)
    found = convergence(panel, {k: v for k, v in arms.margins.items() if k == name})
    return found.get(name) or {"round": None, "margin": None, "why": "it has no margin"}


def against(arms: Series, control: str, names: list[str]) -> dict[str, Any]:
    """The first arm minus a control at the last round that both have; a control of one round is
    compared with the first arm's last."""
    mine, theirs = arms.main, arms.panels[control]
    at = _ends(mine, theirs)
    compared = compare(mine, theirs, at, arms.margins, arms.own)
    found = {name: compared[name] for name in names if name in compared}
    if arms.activation is not None:
        first = next(iter(arms.panels))
        one, other = (arms.of(a, arms.activation) for a in (first, control))
        places = mine.rounds.index(at[0]), theirs.rounds.index(at[1])
        difference = one[:, places[0]] - other[:, places[1]]
        e = mean(difference, mine.clusters, room=arms.room(arms.activation).apart())
        told = {"verdict": verdict(e, ACTIVATION_MARGIN, 0), "margin": ACTIVATION_MARGIN}
        found[arms.activation] = {**e.table(), **told}
    return {"rounds": list(at), "difference": found}


def _ends(mine: Panel, theirs: Panel) -> tuple[int, int]:
    if len(theirs.rounds) == 1:
        return mine.rounds[-1], theirs.rounds[0]
    last = max(set(mine.rounds) & set(theirs.rounds))
    return last, last


def _settled(summaries: Mapping[str, Any]) -> dict[str, Any]:
    """The share of dialogues that alternate, by arm."""
    return {arm: told["alternating"] for arm, told in summaries.items() if len(told["rounds"]) > 1}


def _orders(arms: Series) -> dict[str, Any]:
    """Of each two of activation, uncertainty and quality: does one go ahead of the other?"""
    first = next(iter(arms.panels))
    columns = {
        "activation": arms.activation,
        "uncertainty": arms.uncertainty,
        "quality": "quality",
    }
    pairs = [("activation", "uncertainty"), ("uncertainty", "quality"), ("activation", "quality")]
    found: dict[str, Any] = {}
    for c, u in pairs:
        name = f"{c} and {u}"
        one, other = columns[c], columns[u]
        if one is None or other is None or len(arms.main.rounds) < LEAST_ROUNDS:
            found[name] = None
            continue
        found[name] = order(
            arms.of(first, one), arms.of(first, other), arms.main.clusters, family=len(pairs)
        )
    return found
