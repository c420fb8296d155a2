"""Rates, forecasts and what speaks against them."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.measures.chains import METHODS, Chain
from selfcorrect.measures.intervals import mean, p_of, proportion
from selfcorrect.measures.paired import holm
from selfcorrect.studies.able import told, unable
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series

_RATES = {
    "cl": (0.0, 1.0),
    "cs": (0.0, 1.0),
    "alpha": (-1.0, 1.0),
    "upp": (0.0, 1.0),
    "stay": (0.0, 1.0),
    "movers_cl": (0.0, 1.0),
    "movers_cs": (0.0, 1.0),
}


def preflight(inputs: Inputs) -> Preflight:
    """Whether answers are right or wrong, can be read, move, and there are rounds to forecast."""
    arms = series(inputs.runs, "run")
    fit, rounds = inputs.settings["fit"], len(arms.main.rounds)
    if rounds <= fit:
        raise UserError(
            f"the run has {rounds} rounds, and the first {fit} are to be fitted: give more "
            "--rounds, or a smaller --fit (3 or more)."
        )
    found = told(arms, ("moves",), inputs)
    if arms.outcome.kind != "share":
        return unable(
            found, f"its answers aren't right or wrong: their {arms.outcome.name} is a number"
        )
    return found


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``rounds``, ``fit``; ``whole``: dialogues with a known outcome in
        every round, which all figures are of; ``rates`` (:func:`chains.rates`); ``observed``: the
        accuracy of each round; by method ``forecasts``: round → ``said`` and ``off`` (minus
        observed), and ``skill``; ``unchanged``: ``said`` and ``off`` by method; ``memory``: two
        differences with ``p_holm``; ``alike``: p that CL, and CS, are the same in every round;
        ``checked``: what the chain ``said`` the next round would bring, and what ``came``;
        ``next``: what movers and stayers, fitted to all rounds, expect of one more; ``against``: p
        of each thing that speaks against the simple chain, Holm's.
    """
    arms: Series = inputs.preflight.data
    fit = inputs.settings["fit"]
    y = arms.main.columns["outcome"] * arms.outcome.sign + (arms.outcome.sign < 0)
    whole = np.isfinite(y).all(axis=1)
    chain = Chain(y[whole], arms.main.clusters[whole], fit)
    rounds = arms.main.rounds
    forecasts = {
        method: {str(rounds[t - 1]): _both(*chain.forecast(method, t)) for t in _later(chain)}
        for method in METHODS
    }
    unchanged = {method: _both(*chain.unchanged(method)) for method in METHODS[:2]}
    memory = _adjusted(chain)
    alike = chain.alike(inputs.settings["seed"])
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "rounds": list(rounds),
        "fit": fit,
        "whole": int(whole.sum()),
        "rates": {name: chain.estimate(name, bounds=ends).table() for name, ends in _RATES.items()},
        "observed": [_share(y[whole][:, t], chain.clusters) for t in range(len(rounds))],
        "forecasts": forecasts,
        "skill": {method: chain.skill(method).table() for method in METHODS[:2]},
        "unchanged": unchanged,
        "memory": memory,
        "alike": alike,
        "checked": {
            "said": chain.gain().table(),
            "came": mean(y[whole][:, fit] - y[whole][:, fit - 1], chain.clusters).table(),
        },
        "next": Chain(y[whole], chain.clusters, len(rounds)).further().table(),
        "against": _against(chain, memory, alike),
        "settings": dict(inputs.settings),
    }


def _later(chain: Chain) -> range:
    return range(chain.fit + 1, chain.rounds + 1)


def _both(said: Any, off: Any) -> dict[str, Any]:
    return {"said": said.table(), "off": {**off.table(), "few": off.few}}


def _share(values: Any, clusters: Any) -> dict[str, Any]:
    return proportion(values, clusters).table()


def _adjusted(chain: Chain) -> dict[str, Any]:
    found = chain.memory()
    ps = {name: p for name, e in found.items() if (p := p_of(e)) is not None}
    adjusted = dict(zip(ps, holm(list(ps.values())).tolist(), strict=True))
    return {
        name: {**e.table(), "few": e.few, "p_holm": adjusted.get(name)} for name, e in found.items()
    }


def _against(chain: Chain, memory: Any, alike: Any) -> dict[str, float]:
    """p of each thing that a simple chain doesn't have, Holm's over the three questions: as many
    never change as it expects, one step of memory is enough, rates are the same in every round."""
    _, off = chain.unchanged("chain")
    told = [e["p_holm"] for e in memory.values() if e["p_holm"] is not None and not e["few"]]
    known = [p for p in alike.values() if p is not None]
    ps = {
        "unchanged": None if off.few else p_of(off),
        "memory": min(told, default=None),
        "alike": float(min(holm(known))) if known and not off.few else None,
    }
    there = {name: p for name, p in ps.items() if p is not None}
    return dict(zip(there, holm(list(there.values())).tolist(), strict=True))
