"""Advice from runs at hand: whether more than one round is worth it, which, and what it costs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from selfcorrect.errors import UserError
from selfcorrect.measures import advice
from selfcorrect.measures.advice import Arms
from selfcorrect.measures.choice import choose
from selfcorrect.measures.panel import Panel, codes_of
from selfcorrect.records import category_of
from selfcorrect.report.advice import said
from selfcorrect.runs.arms import CONTROLS
from selfcorrect.runs.costs import cost_of
from selfcorrect.runs.looks import look_at
from selfcorrect.runs.run import Run
from selfcorrect.runs.side_by_side import SideBySide, side_by_side

Table = dict[str, Any]
#: Dialogues that costs are told of.
DIALOGUES = 1_000


def controls_beside(runs: Sequence[Run]) -> tuple[list[Run], dict[str, str]]:
    """The controls that lie beside runs and aren't among them, each once: the same control of
    several runs is one run. And why one that lies there can't be opened, by its name."""
    known, found = {run.header.hash for run in runs}, dict[str, Run]()
    without = dict[str, str]()
    for run in runs:
        for name in CONTROLS:
            try:
                control = run.control(name)
            except UserError as error:
                without[name] = str(error)
                continue
            if control is not None and control.header.hash not in known:
                found.setdefault(control.header.hash, control)
    return list(found.values()), without


def advice_on(runs: Sequence[Run], reference: Run | None = None) -> Table:
    """What runs come to with the controls that lie beside any of them.

    Args:
        runs: two or more, or one that has controls.
        reference: whose margins are used; by default the first's that isn't an oracle.

    Returns:
        Of a comparison what advice needs (:meth:`.side_by_side.SideBySide.table`), and ``advice``:
        see :func:`advise`.

    Raises:
        UserError: a run is alone, or they can't be compared.
    """
    beside, without = controls_beside(runs)
    if len(runs) == 1 and not beside:
        raise UserError(_alone(runs[0], without))
    side = side_by_side(runs, reference, beside)
    without |= side.without
    if len(side.runs) == 1:
        raise UserError(_alone(runs[0], without))
    table = side.table()
    table["advice"] = advise(side, table, [run.header.hash for run in beside], without)
    table["advice"]["said"] = said(table)
    return table


def _alone(run: Run, without: Mapping[str, str]) -> str:
    why = "".join(f" Its control {name} can't be read: {said}" for name, said in without.items())
    return (
        f"{run.folder} is alone, and nothing shows what its instruction does: name another run of "
        f"the same examples, or run it with its controls.{why}"
    )


def advise(
    side: SideBySide, table: Table, beside: Collection[str], without: Mapping[str, str]
) -> Table:
    """What a comparison comes to.

    Args:
        side: the runs, controls among them.
        table: what it says of them.
        beside: hashes of those runs that were taken along as controls.
        without: of controls that are there and can't be counted, why.

    Returns:
        ``word`` (``do``, ``don't``, ``undecided``), ``arm`` and ``over`` (whose first round the
        single answer is) by name, ``alike``, ``cheapest`` and ``open`` as
        :class:`~selfcorrect.measures.choice.Choice` has them, and ``rounds``; ``gain`` over one
        round; ``gains`` of all arms by name; ``majority``
        (:func:`~selfcorrect.measures.advice.sampled`) and ``control``, the arm minus ``repeat``;
        ``harm`` and ``mend``, from the arm's own first answers, ``None`` of a majority, and
        ``again``, those of ``repeat``; ``hurts`` (:func:`~selfcorrect.measures.advice.
        hurts`) by category; ``enough``; ``costs`` of 1,000 dialogues (see :func:`_costs`).
        ``methods``: arms of several rounds that are more than asking again or a majority;
        ``controls``: the runs that were taken along, ``without``: those that couldn't be, and why:
        then nothing is to be done, as they may do as well. ``None`` stands for what no run tells.
        Only ``word`` where every arm is a single answer.
    """
    ranked = side.ranked
    runs, panels = [side.runs[k] for k in ranked], [side.panels[k] for k in ranked]
    names = [side.names[k] for k in ranked]

    def seen(i: int, j: int) -> Sequence[int]:
        if i == j:
            return [look.n for look in look_at(runs[i], panels[i].clusters)]
        one, other = sorted((ranked[i], ranked[j]))
        return side.looks[one, other]

    found = Arms(
        panels,
        [side.costs[k]["tokens"] for k in ranked],
        [_votes(run) for run in runs],
        # a single answer asks nothing again
        [
            run.spec.strategy.name == "repeat" and len(panel.rounds) > 1
            for run, panel in zip(runs, panels, strict=True)
        ],
        [name in table["best"] or len(ranked) == 1 for name in names],
        side.margins,
        seen,
    )
    gained = advice.gains(found)
    if all(each is None for each in gained):
        return {"word": None}
    choice = choose(found, gained)
    if without and choice.word == "do":  # what lies there may do as well, or better
        choice = replace(choice, word="undecided")
    k = choice.arm
    gain = gained[k]
    assert gain is not None
    over, panel = gain["over"], panels[k]
    (single,) = [first for j, first in found.singles() if j == over]
    groups = _groups(runs[k], panel)
    majority = None if found.votes[k] else advice.sampled(found, k)
    repeats = [j for j, repeats in enumerate(found.repeats) if repeats]
    control = None if found.repeats[k] else _control(side, found, k, repeats)
    margin = side.margins.get(panel.outcome.name, 0.0)
    several = [j for j, told in enumerate(gained) if told is not None]
    return {
        "word": choice.word,
        "arm": names[k],
        "alike": [names[j] for j in choice.alike],
        "cheapest": choice.cheapest,
        "open": [names[j] for j in choice.open],
        "methods": [names[j] for j in several if not found.plain(j)],
        "controls": [names[j] for j, run in enumerate(runs) if run.header.hash in beside],
        "without": dict(without),
        "over": names[over],
        "rounds": list(panel.rounds),
        "gain": {**gain, "over": names[over]},
        "gains": {
            name: each and {**each, "over": names[each["over"]]}
            for name, each in zip(names, gained, strict=True)
        },
        "votes": found.votes[k],
        "majority": majority and {**majority, "arm": names[majority["arm"]]},
        "repeats": bool(repeats),
        "control": None if control is None else advice.beside(found, k, control),
        **(advice.moved(panel, margin) or {"harm": None, "mend": None}),
        "again": None if control is None else advice.moved(panels[control], margin),
        "hurts": None if groups is None
        else advice.hurts(panel, single, side.margins, groups, found.looks(k, over)),
        "enough": advice.enough(panel, side.margins, seen(k, k)),
        "costs": _costs(side, table, ranked[k]),
    }  # fmt: skip


def _control(side: SideBySide, arms: Arms, k: int, repeats: Sequence[int]) -> int | None:
    """The arm that asks again as an arm does: the same model, as often or as nearly so as there is
    one, the one that was run beside it first."""
    runs = [side.runs[j] for j in side.ranked]
    rounds = [len(panel.rounds) for panel in arms.panels]
    own = runs[k].header.controls.get("repeat")

    def near(j: int) -> tuple[bool, bool, int, int]:
        other = runs[j].spec.model.name != runs[k].spec.model.name
        return other, runs[j].folder.name != own, abs(rounds[j] - rounds[k]), j

    return min(repeats, key=near, default=None)


def _votes(run: Run) -> bool:
    """Whether its one round is a majority of samples."""
    steps = run.header.about.get("strategy", {}).get("first", [])
    drawn = any(isinstance(step, Mapping) and step.get("take") == "majority" for step in steps)
    return drawn and run.spec.rounds == 1


def _groups(run: Run, panel: Panel) -> Sequence[str] | None:
    """The category of each example [D]; ``None`` where there aren't several, or none has more than
    one cluster: examples of one aren't independent, so that no loss in it could be shown."""
    frames = [frame.unique("example") for frame in run.chunks(["example", "cluster"])]
    known = pl.concat(frames).unique("example")
    names = dict(zip(codes_of(known["example"]).tolist(), known["cluster"].to_list(), strict=True))
    clusters = [names[code] for code in panel.examples.tolist()]
    categories = [category_of(cluster) for cluster in clusters]
    several = 1 < len(set(categories)) < len(set(clusters))
    return categories if several else None


def _costs(side: SideBySide, table: Table, arm: int) -> Table:
    """What 1,000 dialogues of an arm take: tokens and money more than as many single answers, which
    are those of its ``baseline``, ``than``, or its own first round; seconds in all."""
    run, panel = side.runs[arm], side.panels[arm]
    once = _asked_once(side, arm)
    found: Table = {
        "tokens": None,
        "money": None,
        "than": None if once is None else side.names[once],
        "seconds": table["runs"][arm]["cost"]["seconds"],
    }
    less = cost_of(run, panel, until=panel.rounds[0]) if once is None else side.costs[once]
    for name in ("tokens", "money"):
        if name not in less or name not in side.costs[arm]:
            continue
        more = side.costs[arm][name], less[name]
        if np.isfinite(more[0] - more[1]).any():
            found[name] = advice.extra(*more, panel.clusters, DIALOGUES)
    return found


def _asked_once(side: SideBySide, arm: int) -> int | None:
    """The run that asks the question of an arm once: its own ``baseline``, or one of the same
    model, of which as much is known; ``None`` where there is none."""
    mine, own = side.runs[arm], side.runs[arm].header.controls.get("baseline")
    there = [
        k
        for k, run in enumerate(side.runs)
        if run.spec.strategy.name == "baseline"
        and run.spec.model.name == mine.spec.model.name
        and side.costs[arm].keys() <= side.costs[k].keys()
    ]
    return min(there, key=lambda k: (side.runs[k].folder.name != own, k), default=None)
