"""Advice from runs at hand: whether more than one round is worth it, which, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from selfcorrect.errors import UserError
from selfcorrect.measures import advice
from selfcorrect.measures.advice import Arms
from selfcorrect.measures.choice import choose
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.panel import Panel, codes_of
from selfcorrect.records import category_of
from selfcorrect.runs.arms import CONTROLS
from selfcorrect.runs.costs import cost_of
from selfcorrect.runs.looks import look_at
from selfcorrect.runs.run import Run

Table = dict[str, Any]
#: Requests that costs are told of.
REQUESTS = 1_000


def with_controls(runs: Sequence[Run]) -> list[Run]:
    """The runs; of one alone, with those of its controls that are there.

    Raises:
        UserError: it is alone.
    """
    if len(runs) != 1:
        return list(runs)
    (run,) = runs
    found = [run, *(each for name in CONTROLS if (each := run.control(name)) is not None)]
    if len(found) == 1:
        raise UserError(
            f"{run.folder} is alone, and nothing shows what its instruction does: name another run "
            "of the same examples, or run it with its controls."
        )
    return found


def advise(
    runs: Sequence[Run],
    panels: Sequence[Panel],
    costs: Sequence[Mapping[str, Floats]],
    table: Table,
    looks: Mapping[tuple[int, int], Sequence[int]],
    margins: Mapping[str, float],
) -> Table:
    """What a comparison comes to.

    Args:
        runs, panels, costs: of all arms, on the same examples in one order.
        table: of the comparison, as far as :func:`selfcorrect.runs.compare.compare` has made it.
        looks: by pair (i, j), i < j.
        margins: by measure.

    Returns:
        ``word`` (``do``, ``don't``, ``undecided``), ``arm`` and ``over`` (whose first round the
        single answer is) by name, ``alike``, ``cheapest`` and ``open`` as
        :class:`~selfcorrect.measures.choice.Choice` has them, and ``rounds``; ``gain`` over one
        round; ``gains`` of all arms by name; ``majority``
        (:func:`~selfcorrect.measures.advice.sampled`) and ``control``, the arm minus ``repeat``;
        ``harm`` and ``mend``, from the arm's own first answers, ``None`` of a majority, and
        ``again``, those of ``repeat``; ``hurts`` (:func:`~selfcorrect.measures.advice.
        hurts`) by category; ``enough``; ``costs`` of 1,000 requests:
        ``tokens`` and ``money`` more than the single answer, ``seconds`` in all. ``None`` stands
        for what no run tells. Only ``word`` where every arm is a single answer.
    """
    ranked = [k for k, run in enumerate(table["runs"]) if not run["oracle"]]
    names = [table["runs"][k]["name"] for k in ranked]

    def seen(i: int, j: int) -> Sequence[int]:
        if i == j:
            run = runs[ranked[i]]
            return [look.n for look in look_at(run, panels[ranked[i]].clusters)]
        one, other = sorted((ranked[i], ranked[j]))
        return looks[one, other]

    found = Arms(
        [panels[k] for k in ranked],
        [costs[k]["tokens"] for k in ranked],
        [_votes(runs[k]) for k in ranked],
        # a single answer asks nothing again
        [runs[k].spec.strategy.name == "repeat" and len(panels[k].rounds) > 1 for k in ranked],
        [name in table["best"] or len(ranked) == 1 for name in names],
        margins,
        seen,
    )
    gained = advice.gains(found)
    if all(each is None for each in gained):
        return {"word": None}
    choice = choose(found, gained)
    k = choice.arm
    gain = gained[k]
    assert gain is not None
    over, panel = gain["over"], found.panels[k]
    (single,) = [first for j, first in found.singles() if j == over]
    groups = _groups(runs[ranked[k]], panel)
    majority = None if found.votes[k] else advice.sampled(found, k)
    repeats = [j for j, repeats in enumerate(found.repeats) if repeats]
    control = None if found.repeats[k] else _control(found, k, repeats)
    margin = margins.get(panel.outcome.name, 0.0)
    return {
        "word": choice.word,
        "arm": names[k],
        "alike": [names[j] for j in choice.alike],
        "cheapest": choice.cheapest,
        "open": [names[j] for j in choice.open],
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
        "again": None if control is None else advice.moved(found.panels[control], margin),
        "hurts": None if groups is None
        else advice.hurts(panel, single, margins, groups, found.looks(k, over)),
        "enough": advice.enough(panel, margins, seen(k, k)),
        "costs": _costs(runs, ranked, costs, table, (k, over), found),
    }  # fmt: skip


def _control(arms: Arms, k: int, repeats: Sequence[int]) -> int | None:
    """The arm that asks again as often as an arm does, or as nearly so as there is one."""
    rounds = [len(panel.rounds) for panel in arms.panels]
    return min(repeats, key=lambda j: (abs(rounds[j] - rounds[k]), j), default=None)


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


def _costs(
    runs: Sequence[Run],
    ranked: Sequence[int],
    costs: Sequence[Mapping[str, Floats]],
    table: Table,
    ends: tuple[int, int],
    arms: Arms,
) -> Table:
    """What 1,000 requests take: tokens and money more than one round, seconds in all."""
    arm, over = (ranked[k] for k in ends)
    panel, single = arms.panels[ends[0]], arms.panels[ends[1]]
    once = cost_of(runs[over], single, until=single.rounds[0])
    found: Table = {"tokens": None, "money": None, "seconds": table["runs"][arm]["cost"]["seconds"]}
    for name in ("tokens", "money"):
        if name not in once or name not in costs[arm]:
            continue
        more = costs[arm][name], once[name]
        if np.isfinite(more[0] - more[1]).any():
            found[name] = advice.extra(*more, panel.clusters, REQUESTS)
    return found
