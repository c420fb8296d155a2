"""Rates, forecasts and what speaks against them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.errors import UserError
from selfcorrect.measures.chains import METHODS, Chain
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.ends import turning
from selfcorrect.measures.intervals import mean, p_of, proportion
from selfcorrect.measures.paired import holm, holm_by_name
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.ratios import hull
from selfcorrect.measures.unread import unknown
from selfcorrect.runs.comparable import is_oracle
from selfcorrect.studies.able import preflight_of, unable
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
    found = preflight_of(arms, ("moves",), inputs)
    found = replace(found, found={**found.found, "oracle": is_oracle(inputs.runs["run"])})
    if arms.outcome.kind != "share":
        return unable(
            found, f"its answers aren't right or wrong: their {arms.outcome.name} is a number"
        )
    if not len(counted(arms.main)["left out"][0]):
        return unable(found, "none of its dialogues has answers that were all read and graded")
    return found


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found, with ``oracle``, whether the run uses the truth; ``rounds``,
        ``fit``, ``margin``; ``alternating``: the share of dialogues that go back and forth, where
        that is much, else ``None``; ``whole``: dialogues with an answer in every
        round that was read and graded, which all figures are of, and ``unread``: those left out as
        some answer wasn't; ``rates`` (:func:`chains.rates`); ``observed``: the accuracy of each
        round; by method ``forecasts``: round → ``said`` and ``off`` (minus observed), and
        ``skill``; ``unchanged``: ``said`` and ``off`` by method; ``memory``: two differences with
        ``p_holm``; ``alike``: p that CL, and CS, are the same in every round; ``checked``: what the
        chain ``said`` the next round would bring, and what ``came``; ``next``: what one more round
        brings, see :func:`following`; ``against``: p of each thing that speaks against the simple
        chain, Holm's. A claim has to hold in all of :func:`counted`, too: p in ``against`` is the
        largest of these, rates, ``off`` and ``next`` have ``allow``, the lowest and highest value
        there, ``off`` has ``sure``, whether the interval lies on the same side of 0 in all, and
        ``next`` has the ``state`` that all have, or ``unread``; ``hangs``: what speaks against the
        chain only as it stands.
    """
    arms: Series = inputs.preflight.data
    margin = arms.margins[arms.outcome.name]
    first, *others = [
        _figures(y, clusters, inputs, len(arms.main.rounds), margin)
        for y, clusters in counted(arms.main).values()
    ]
    rounds = arms.main.rounds
    lost = _lost(arms.main)
    against = {
        name: max([p, *(other["against"].get(name, 1.0) for other in others)])
        for name, p in first["against"].items()
    }
    _allow(first, others)
    named = {
        method: {str(rounds[t - 1]): each for t, each in of.items()}
        for method, of in first["forecasts"].items()
    }
    return {
        **inputs.preflight.found,
        "outcome": arms.outcome.name,
        "rounds": list(rounds),
        "fit": inputs.settings["fit"],
        "margin": margin,
        "alternating": turning({"run": arms.main}).get("run"),
        "unread": int(lost.any(axis=1).sum()),
        **first,
        "forecasts": named,
        "against": against,
        "hangs": [name for name, p in against.items() if first["against"][name] < 0.05 <= p],
        "settings": dict(inputs.settings),
    }


def _lost(panel: Panel) -> NDArray[np.bool_]:
    """Which answers exist and aren't known, as they weren't read or graded [D, T]."""
    return unknown((panel.columns, panel.columns), panel.outcome)[0]


def counted(panel: Panel) -> dict[str, tuple[Floats, NDArray[np.uint64]]]:
    """Right (1) or wrong (0) by dialogue and round [n, T], and clusters [n]: of the dialogues whose
    answers are all known; and, where there are others, with those that aren't known counted as
    wrong, as right, and as the answer before."""
    outcome = panel.outcome
    y = panel.columns["outcome"] * outcome.sign + (outcome.sign < 0)
    lost = _lost(panel)
    y = np.where(lost, np.nan, y)
    known = np.isfinite(y)
    found = {"left out": (y[known.all(axis=1)], panel.clusters[known.all(axis=1)])}
    if lost.any():
        rows = (known | lost).all(axis=1)
        y, clusters = y[rows], panel.clusters[rows]
        for name, value in (("wrong", 0.0), ("right", 1.0)):
            found[name] = np.where(np.isfinite(y), y, value), clusters
        found["as before"] = _kept(y), clusters
    return found


def _kept(y: Floats) -> Floats:
    """Each unknown answer as the last known one, else as the next; wrong where there is none."""
    found = y.copy()
    last = y.shape[1] - 1
    steps = [(t, t - 1) for t in range(1, last + 1)] + [(t, t + 1) for t in range(last - 1, -1, -1)]
    for t, beside in steps:
        found[:, t] = np.where(np.isfinite(found[:, t]), found[:, t], found[:, beside])
    return np.nan_to_num(found)


def _figures(
    y: Floats, clusters: NDArray[np.uint64], inputs: Inputs, rounds: int, margin: float
) -> dict[str, Any]:
    fit = inputs.settings["fit"]
    chain = Chain(y, clusters, fit)
    memory = _adjusted(chain)
    alike = chain.alike(inputs.settings["seed"])
    return {
        "whole": len(y),
        "rates": {name: chain.estimate(name, bounds=ends).table() for name, ends in _RATES.items()},
        "observed": [_share(y[:, t], clusters) for t in range(rounds)],
        "forecasts": {
            method: {t: _both(*chain.forecast(method, t)) for t in _later(chain)}
            for method in METHODS
        },
        "skill": {method: chain.skill(method).table() for method in METHODS[:2]},
        "unchanged": {method: _both(*chain.unchanged(method)) for method in METHODS[:2]},
        "memory": memory,
        "alike": alike,
        "checked": {
            "said": chain.gain().table(),
            "came": mean(y[:, fit] - y[:, fit - 1], clusters).table(),
        },
        "next": following(Chain(y, clusters, rounds), margin),
        "against": _against(chain, memory, alike),
    }


def following(chain: Chain, margin: float) -> Result:
    """What one more round brings, from the state after the last one.

    Two rivals have to agree: rates stay as they were in the last step, or go on fading as they did
    over the rounds; and both have to beat a third by the margin, by which nothing moves any more.
    An interval is that of these dialogues and that of others like them, whichever reaches further.

    Args:
        chain: of all rounds.
        margin: up to what size a change counts as none.

    Returns:
        The estimate with the last step's rates; ``fading``: that with fading ones; ``state``:
        ``more`` or ``less``, where both intervals lie on that side of 0 and both estimates beyond
        the margin; ``same``, where both intervals lie within it; ``few`` clusters; else ``open``.
    """
    last, fading = (hull(list(chain.further(rates))) for rates in ("last", "fading"))
    state = "open"
    if last.few:
        state = "few"
    elif None not in (last.low, last.high, fading.low, fading.high):
        low = min(last.low, fading.low)  # type: ignore[type-var]
        high = max(last.high, fading.high)  # type: ignore[type-var]
        values = (last.value, fading.value)
        if low > 0 and min(values) > margin:  # type: ignore[operator, type-var]
            state = "more"
        elif high < 0 and max(values) < -margin:  # type: ignore[operator, type-var]
            state = "less"
        elif -margin <= low and high <= margin:  # type: ignore[operator]
            state = "same"
    return {**last.table(), "fading": fading.table(), "state": state}


def _allow(first: Result, others: list[Result]) -> None:
    """Add what other counts of unknown answers allow, and whether a side of 0 is sure in all."""

    def add(e: Result, theirs: list[Result]) -> None:
        every = [e, *theirs]
        values = [each["value"] for each in every if each["value"] is not None]
        if theirs and values:
            e["allow"] = [min(values), max(values)]
        sides = {_side(each) for each in every}
        e["sure"] = len(sides) == 1 and sides != {0}

    for name, e in first["rates"].items():
        add(e, [other["rates"][name] for other in others])
    add(first["next"], [other["next"] for other in others])
    states = {e["state"] for e in (first["next"], *(other["next"] for other in others))}
    if len(states) > 1 and first["next"]["state"] in ("more", "less", "same"):
        first["next"]["state"] = "unread"
    for method, of in first["forecasts"].items():
        for t, e in of.items():
            add(e["off"], [other["forecasts"][method][t]["off"] for other in others])


def _side(e: Result) -> int:
    """On which side of 0 an interval lies; 0 on none."""
    if e["low"] is None or e.get("few"):
        return 0
    return int(e["low"] > 0) - int(e["high"] < 0)


def _later(chain: Chain) -> range:
    return range(chain.fit + 1, chain.rounds + 1)


def _both(said: Any, off: Any) -> dict[str, Any]:
    return {"said": said.table(), "off": {**off.table(), "few": off.few}}


def _share(values: Any, clusters: Any) -> dict[str, Any]:
    return proportion(values, clusters).table()


def _adjusted(chain: Chain) -> dict[str, Any]:
    found = chain.memory()
    adjusted = holm_by_name({name: p_of(e) for name, e in found.items()})
    return {
        name: {**e.table(), "few": e.few, "p_holm": adjusted.get(name)} for name, e in found.items()
    }


def _against(chain: Chain, memory: Any, alike: Any) -> dict[str, float]:
    """p of each thing that a simple chain doesn't have, Holm's over the three questions: as many
    never change as it expects, one step of memory is enough, rates are the same in every round."""
    _, off = chain.unchanged("chain")
    told = [e["p_holm"] for e in memory.values() if e["p_holm"] is not None and not e["few"]]
    known = [p for p in alike.values() if p is not None]
    return holm_by_name(
        {
            "unchanged": None if off.few else p_of(off),
            "memory": min(told, default=None),
            "alike": float(min(holm(known))) if known and not off.few else None,
        }
    )
