"""Effects of three factors on the last round's outcome, and how they interact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.arms import best, frontier
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.contrasts import SCALES, columns_at, contrast, judged, state_of, unread_in
from selfcorrect.measures.ends import turning
from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.measures.leaks import CHOSEN, names_answer
from selfcorrect.measures.outcomes import room_of
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.parity import contradict
from selfcorrect.measures.unread import Columns
from selfcorrect.outcome import Outcome
from selfcorrect.runs import Run
from selfcorrect.runs.costs import cost_of, cost_table
from selfcorrect.studies.able import UNGRADED, preflight_of, unable
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.design import ARMS, EFFECTS, FACTORS, weights
from selfcorrect.studies.series import Series, series


def preflight(inputs: Inputs) -> Preflight:
    """Whether answers can be read, and are graded."""
    arms = series(inputs.runs, "neutral")
    found = preflight_of(arms, (), inputs)
    if not any(np.isfinite(p.columns["outcome"][:, -1]).any() for p in arms.panels.values()):
        return unable(found, UNGRADED)
    return found


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``outcome`` and ``kind``, ``better``, ``margin`` of it, ``round``,
        the one that is analysed, ``rounds``; ``effects``: see :func:`effects`, with the ``state``
        ``turns`` of those that the round before contradicts; ``turning``: of arms in which many
        dialogues go back and forth their share; ``leaks``: arm → the
        share of dialogues whose feedback told the answer in some round; ``named``: likewise, named
        an answer at all, right or wrong; ``leak_free``: see :func:`leak_free`; ``unread``:
        arm → how many answers of the last round aren't known; ``arms``: by arm ``first`` and
        ``last``, its outcome in those rounds, ``cost``, and what
        :func:`selfcorrect.measures.arms.best` and ``frontier`` say, arms by name.
    """
    data: Series = inputs.preflight.data
    names = list(data.panels)
    panels = [data.panels[name] for name in names]
    outcome, clusters = data.outcome, data.main.clusters
    margin = data.margins[outcome.name]
    columns = columns_at(panels)
    known = [each for panel in panels if (each := names_answer(panel)) is not None]
    clean: NDArray[np.bool_] = np.full(len(clusters), bool(known))
    for named in known:
        clean &= ~named.any(axis=1)
    found = effects(columns, names, outcome, clusters, margin)
    turns = turning(data.panels)
    if len(data.main.rounds) > 2:
        before = columns_at(panels, -2)
        _stopped(found, effects(before, names, outcome, clusters, margin), margin, bool(turns))
    return {
        **inputs.preflight.found,
        "outcome": outcome.name,
        "kind": outcome.kind,
        "better": outcome.better,
        "margin": margin,
        "rounds": list(data.main.rounds),
        "round": data.main.rounds[-1],
        "effects": found,
        "turning": turns,
        "leaks": _shares(data, "leaked"),
        "named": _shares(data, "names_answer"),
        "leak_free": leak_free(columns, names, outcome, clusters, clean),
        "unread": dict(zip(names, unread_in(columns, outcome).tolist(), strict=True)),
        "arms": _arms(inputs.runs, names, panels, data.margins),
        "settings": dict(inputs.settings),
    }


def effects(
    columns: Columns,
    arms: Sequence[str],
    outcome: Outcome,
    clusters: NDArray[Any],
    margin: float,
) -> dict[str, Any]:
    """Every effect on both scales.

    Args:
        columns: of :func:`selfcorrect.measures.contrasts.columns_at`, the arms in this order.
        arms: their names.
        outcome: of the task.
        clusters: of each example [D].
        margin: up to what size an effect counts as none.

    Returns:
        Effect → what :func:`selfcorrect.measures.contrasts.judged` says of it, and ``state``. Of a
        main effect it is ``shown`` by the difference, the primary scale. Of an interaction, too,
        but where both scales show it, on one side of 0; ``scale`` where only one of them does, so
        that it depends on the scale. ``same`` where the difference lies within the margin;
        ``few``: too few clusters; else ``open``.
    """
    found = judged(
        {e: contrast(columns, outcome, weights(e, arms), clusters) for e in EFFECTS}, margin
    )
    for effect, each in found.items():
        each["state"] = _state(each, interaction="×" in effect)
    return found


def _stopped(
    found: Mapping[str, Any], before: Mapping[str, Any], margin: float, alternates: bool
) -> None:
    """Effects that depend on the round in which one stops aren't shown."""
    for effect, each in found.items():
        now, then = _verdict(each, margin), _verdict(before[effect], margin)
        if contradict(now, then, alternates):
            each["state"] = "turns"


def _verdict(each: Mapping[str, Any], margin: float) -> dict[str, Any]:
    value, state = each["difference"]["value"], each["state"]
    told = "better" if (value or 0.0) > 0 else "worse"
    word = {"shown": told, "same": "same"}.get(state, "undecided")
    return {"verdict": word, "value": value, "margin": margin}


def _state(each: Mapping[str, Any], *, interaction: bool) -> str:
    difference, odds = each["difference"], each["log_odds"]
    state = state_of(difference, within=each["within"])
    if not interaction or state == "few":
        return state
    if _below(each["p_both"]):
        return "shown"
    return "scale" if state == "shown" or _below(odds["p_holm"]) else state


def _below(p: float | None) -> bool:
    return p is not None and p < 0.05


def _shares(data: Series, column: str) -> dict[str, Any]:
    """By arm the share of dialogues with a 1 in some round, of those of which anybody can say; arms
    without such a dialogue are left out."""
    found = {}
    for name, panel in data.panels.items():
        x = panel.columns[column]
        known = np.isfinite(x).any(axis=1)
        if known.any():
            some = np.where(known, (x == 1).any(axis=1), np.nan)
            found[name] = proportion(some, panel.clusters).table()
    return found


def leak_free(
    columns: Columns,
    arms: Sequence[str],
    outcome: Outcome,
    clusters: NDArray[Any],
    clean: NDArray[np.bool_],
) -> dict[str, Any] | None:
    """Every effect over the examples in which no arm's feedback named an answer: values, without
    intervals. What feedback names follows from how the arms went, so these examples are chosen
    after the treatment, and feedback that does nothing has an effect on them.

    Args:
        columns, arms, outcome, clusters: as for :func:`effects`.
        clean: of each example, whether it is one of these [D].

    Returns:
        ``n``, and ``effects``: by name ``difference`` and ``log_odds``, without p and ends of an
        interval. ``None`` where all are such or none is.
    """
    if clean.all() or not clean.any():
        return None
    left = {name: column[clean] for name, column in columns.items()}
    found = {e: contrast(left, outcome, weights(e, arms), clusters[clean]) for e in EFFECTS}
    tables = {
        e: {scale: getattr(each, scale).table() for scale in SCALES} for e, each in found.items()
    }
    for table in tables.values():
        for each in table.values():
            del each["p"]
            each |= {"low": None, "high": None}
            each.setdefault("why", CHOSEN)
    return {"n": int(clean.sum()), "effects": tables}


def _arms(
    runs: Mapping[str, Run],
    names: Sequence[str],
    panels: Sequence[Panel],
    margins: Mapping[str, float],
) -> dict[str, Any]:
    """Each arm by itself, its rank and its cost."""
    outcome, clusters = panels[0].outcome, panels[0].clusters
    looks = {pair: [len(clusters)] for pair in combinations(range(len(panels)), 2)}
    ranks = best(panels, margins, looks)
    costs = [cost_of(runs[name], panel) for name, panel in zip(names, panels, strict=True)]
    tokens = [each["tokens"] for each in costs]
    counted = all((each > 0).any() for each in tokens)
    worth = frontier(panels, tokens, ranks) if counted else [None] * len(panels)

    def estimate(x: Floats) -> dict[str, Any]:
        if outcome.kind == "share":
            return proportion(x, clusters).table()
        return mean(x, clusters, room=room_of(outcome)).table()

    found = {}
    for name, panel, rank, edge, cost in zip(names, panels, ranks, worth, costs, strict=True):
        paid = cost_table(runs[name], cost, panel)
        found[name] = {
            "factors": [letter for letter, factor in FACTORS.items() if factor in ARMS[name]],
            "first": estimate(panel.columns["outcome"][:, 0]),
            "last": estimate(panel.columns["outcome"][:, -1]),
            "cost": {key: paid[key] for key in ("tokens", "generated", "money")},
            "best": {
                **{key: rank.get(key) for key in ("value", "low", "high", "level", "why")},
                "worse_than": [names[j] for j in rank["worse_than"]],
            },
            "frontier": edge
            and {
                "on": edge["on"],
                **{key: [names[j] for j in edge[key]] for key in ("beaten_by", "shown")},
            },
        }
    return found
