"""Several runs compared on the same examples: each with one of them, the best, and what it costs.

Comparisons with the reference are many, of many measures, so directions are adjusted by Holm and
"the same" by Bonferroni: the chance of any false one among them is held. Which arms may be the best
is one question, about the outcome alone, and is held by itself (Hsu 1984,
doi:10.1214/aos/1176346732): an arm is excluded where some other is shown to be better in intervals
that hold together for all comparisons of that arm, as the arms vary together over clusters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.compare import compare, hanging, verdict
from selfcorrect.measures.ends import at_ends, stopped
from selfcorrect.measures.intervals import Estimate, finite, mean, p_of
from selfcorrect.measures.looks import level
from selfcorrect.measures.outcomes import room_of
from selfcorrect.measures.own import Own
from selfcorrect.measures.paired import holm, joint_level, share_test, sign_flip
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.rounds import by_round
from selfcorrect.measures.unread import boundless, other_counts

Table = dict[str, Any]
#: The number of the change's comparison among those of the measures.
CHANGE = "change"
#: What an arm costs stands beside what it gains; it is no measure to be better in.
_COST = "tokens"


def shared(panels: Sequence[Panel]) -> list[Panel]:
    """The panels, reduced to the examples that all of them have, in one order."""
    first, *others = panels
    for other in others:
        first, _ = first.beside(other)
    return [first, *(first.beside(other)[1] for other in others)]


def differences(
    panels: Sequence[Panel],
    reference: int,
    ranked: Sequence[bool],
    margins: Mapping[str, float],
    own: Own,
    looks: Sequence[Sequence[int]],
) -> tuple[list[Table | None], int]:
    """Each arm minus the reference, in the last round of each, on the same examples.

    Args:
        panels: of the same examples in one order.
        reference: which of them the others are compared with.
        ranked: whether an arm may be judged; of one that may not (an oracle) there are differences
            and no verdicts.
        margins, own: as in :func:`selfcorrect.measures.compare.compare`.
        looks: by arm, how many examples there were whenever it was compared with the reference.

    Returns:
        By arm, ``None`` for the reference, else ``round`` and ``reference_round``; ``level``;
        ``difference``: measure → the table of :func:`selfcorrect.measures.compare.compare` with
        ``p`` of every measure that has a test, ``p_holm``, ``together``, the interval that holds
        together with those of all other comparisons, and the ``verdict`` that follows;
        ``change``: the same of the difference between the changes from first to last round, where
        both have two rounds and the first ones differ; ``parity``; ``by_round``: the outcome's
        difference in the rounds that both have, not adjusted. And how many comparisons these are.
    """
    found: list[Table | None] = []
    for k, panel in enumerate(panels):
        pair = panel, panels[reference]
        found.append(None if k == reference else _single(pair, margins, own, looks[k]))
    judged = [(k, told) for k, told in enumerate(found) if told and ranked[k]]
    tests = sum(len(_tested(told)) for _, told in judged)
    for k, told in judged:
        pair = panels[k], panels[reference]
        _together(told, _single(pair, margins, own, looks[k], family=max(1, tests)), tests)
    _adjust([told for _, told in judged])
    for k, unranked in enumerate(found):
        if unranked is None or ranked[k]:
            continue
        for each in (*unranked["difference"].values(), unranked["change"]):
            if each is not None:
                each |= {"verdict": None, "p": None, "n_needed": None}
    return found, tests


def _single(
    pair: tuple[Panel, Panel],
    margins: Mapping[str, float],
    own: Own,
    looks: Sequence[int],
    *,
    family: float = 1.0,
) -> Table:
    """One comparison, as if it were the only one or one of a family."""
    arm, reference = pair
    ends = arm.rounds[-1], reference.rounds[-1]
    difference = compare(arm, reference, ends, margins, own, looks=looks, family=family)
    difference.pop(_COST, None)
    columns = arm.at(ends[0]), reference.at(ends[1])
    for m in arm.measures if family == 1 else ():  # p is the same in any family
        if m.name in difference and m.name != arm.outcome.name and m.of_record is not None:
            x, y = columns[0][m.name], columns[1][m.name]
            share = m.kind == "share"
            difference[m.name]["p"] = (
                share_test(x, y, arm.clusters) if share else _flipped(x - y, arm.clusters)
            )
    name = arm.outcome.name
    difference[name], found = stopped(pair, difference[name], margins, looks)
    return {
        "round": ends[0],
        "reference_round": ends[1],
        "level": level(looks),
        "difference": difference,
        "change": _change(pair, margins, looks, family),
        "parity": found,
        "by_round": [
            {"round": number, **told}
            for number, told in zip(arm.rounds, by_round(arm, reference), strict=True)
            if told is not None
        ],
    }


def _flipped(d: Floats, clusters: NDArray[Any]) -> float | None:
    """p of differences [n] that lie evenly around 0, by sign flips of the clusters' sums."""
    with np.errstate(over="ignore", invalid="ignore"):
        x, members, missing = finite(d, clusters)
    return None if missing is not None or members[-1] == 0 else sign_flip(np.bincount(members, x))


def _change(
    pair: tuple[Panel, Panel], margins: Mapping[str, float], looks: Sequence[int], family: float
) -> Table | None:
    """By how much more one arm's outcome changed from its first to its last round."""
    outcome, clusters = pair[0].outcome, pair[0].clusters
    if any(len(panel.rounds) < 2 for panel in pair):
        return None
    one, other = (panel.columns["outcome"][:, 0] for panel in pair)
    if np.array_equal(one, other, equal_nan=True):
        return None  # it is the difference in the last round
    at, margin = 1 - (1 - level(looks)) / family, margins.get(outcome.name)
    # a share's changes are all of one size, so that those that were seen tell how clusters move
    room = replace(room_of(outcome), whole=outcome.kind == "mean").apart().apart()

    def changes(panel: Panel) -> list[Floats]:
        ends = panel.at(panel.rounds[-1]), panel.at(panel.rounds[0])
        ways = [ends, *other_counts(ends, outcome)]
        return [late["outcome"] - early["outcome"] for late, early in ways]

    with np.errstate(over="ignore", invalid="ignore"):
        mine, theirs = (changes(panel) for panel in pair)
        # as recorded; what isn't known for a rise of this arm and a fall of the other; against it
        rise, fall = (mine[1:] or mine * 2), (theirs[1:] or theirs * 2)
        ways = [mine[0] - theirs[0]]
        if len(mine) > 1 or len(theirs) > 1:
            ways += [rise[0] - fall[1], rise[1] - fall[0]]
    e, *others = (mean(way, clusters, level=at, room=room) for way in ways)
    p = _flipped(ways[0], clusters) if family == 1 else None
    told = verdict(e, margin, outcome.sign, p, at)
    endless = {
        sign * side
        for panel, side in zip(pair, (1, -1), strict=True)
        for sign in boundless((panel.at(panel.rounds[-1]), panel.at(panel.rounds[0])), outcome)
    }
    sides = {int(np.sign(x.value)) for x in (e, *others) if x.value is not None} | endless
    counted = [verdict(other, margin, outcome.sign) for other in others]
    counted += [("better" if sign == outcome.sign else "worse") for sign in endless]
    hangs = e.value is not None and hanging(told, counted, sides)
    return {
        **mean(ways[0], clusters, room=room).table(),
        "decides": None if e.low is None else [e.low, e.high],
        "p": p,
        "p_interval": p_of(e),
        "margin": margin,
        "verdict": "undecided" if hangs else told,
        "hangs": hangs,
        **({"few": True} if e.few and e.low is not None else {}),
    }


def _tested(told: Table) -> dict[str, Table]:
    """Those of an arm's comparisons that have a verdict."""
    every = {**told["difference"], CHANGE: told["change"]}
    return {name: each for name, each in every.items() if each and each["verdict"] is not None}


def _together(told: Table, joint: Table, tests: int) -> None:
    """Add to each comparison what its interval says among all others, and what stands for its p."""
    wide = {**joint["difference"], CHANGE: joint["change"]}
    for name, each in _tested(told).items():
        other = wide[name]
        each["together"] = other["decides"]
        each["n_needed"] = other.get("n_needed")
        each["_same"] = other["verdict"] == "same" and not each.get("hangs")
        each["_limit"] = 1 - told["level"]
        if each["p"] is not None:
            # a test by signs knows nothing of records that weren't seen
            each["_p"] = max(each["p"], each.get("p_interval") or 0.0)
        else:
            # no test is made; at the wider level the interval is one, at that level alone
            shown = other["verdict"] not in ("same", "undecided", None)
            each["_p"] = each["_limit"] / tests if shown else 1.0


def _adjust(judged: Sequence[Table]) -> None:
    """The verdicts of all comparisons together: a direction by Holm, "the same" by Bonferroni."""
    every = [each for told in judged for each in _tested(told).values()]
    ps = [each.pop("_p") for each in every]
    for each, p in zip(every, holm(ps).tolist(), strict=True):
        limit, same, alone = each.pop("_limit"), each.pop("_same"), each["verdict"]
        each["alone"] = alone
        each["p_holm"] = p if each["p"] is not None else None
        if alone in ("same", "undecided"):
            each["verdict"] = "same" if same and not each.get("depends") else "undecided"
        elif p > limit * (1 + 1e-9):
            each["verdict"] = "same" if same else "undecided"
        if each["verdict"] != "undecided":
            each["n_needed"] = None


def best(
    panels: Sequence[Panel],
    margins: Mapping[str, float],
    looks: Mapping[tuple[int, int], Sequence[int]],
) -> list[Table]:
    """Which arms may be the best, by the outcome in the last round of each.

    Args:
        panels: two or more, of the same examples in one order.
        margins: by measure, up to what size a difference counts as none.
        looks: by pair (i, j), i < j: how many examples there were whenever they were compared.

    Returns:
        By arm: ``value``, its outcome minus that of the best other arm, above 0 where it is
        *better*, whichever direction that is; ``low`` and ``high`` of Hsu's constrained interval,
        which holds 0 or ends there; ``level`` of each of its comparisons; ``worse_than``: the arms
        (by number) that are shown to be better, in spite of unread answers and of where one stops,
        so that it is excluded; ``against``: by the others' numbers, its outcome minus theirs on the
        examples of which both are known, ``None`` where unread answers decide which is better.
    """
    outcome = panels[0].outcome
    ends = [panel.columns["outcome"][:, -1] for panel in panels]
    found = []
    for i, panel in enumerate(panels):
        others = [j for j in range(len(panels)) if j != i]
        seen = {j: tuple(looks[min(i, j), max(i, j)]) for j in others}
        at = max(level(of) for of in seen.values())
        with np.errstate(over="ignore", invalid="ignore"):
            columns = np.stack([ends[i] - ends[j] for j in others], axis=1)
        joint = joint_level(columns, panel.clusters, level=at)
        against = {j: decided((panel, panels[j]), margins, seen[j], joint) for j in others}
        pairs = {j: None if t.get("hangs") else t["value"] for j, t in against.items()}
        found.append({**_nearest(against, outcome.sign), "level": joint, "against": pairs})
    left = [k for k, each in enumerate(found) if not each["worse_than"]]
    if len(left) == 1 and found[left[0]]["low"] is not None:
        found[left[0]]["low"] = 0.0
    return found


def decided(
    pair: tuple[Panel, Panel], margins: Mapping[str, float], looks: Sequence[int], at: float
) -> Table:
    """One arm's outcome minus another's in the last round of each, decided at a level.

    Args:
        pair: of the same examples in one order.
        margins: by measure, up to what size a difference counts as none.
        looks: how many examples there were whenever the two were compared.
        at: the level of the interval that decides, the looks allowed for.

    Returns:
        What :func:`selfcorrect.measures.ends.at_ends` says.
    """
    return at_ends(pair, margins, looks=looks, family=(1 - level(looks)) / (1 - at))


def _nearest(against: Mapping[int, Table], sign: int) -> Table:
    """An arm beside the best of the others."""
    worse = [j for j, told in against.items() if told["verdict"] == "worse"]
    values = [told["value"] for told in against.values()]
    if any(value is None for value in values):
        why = "no example has an answer in both that was read and graded"
        return {"value": None, "low": None, "high": None, "worse_than": worse, "why": why}
    value = min(sign * v for v in values)
    ends = [told["decides"] for told in against.values()]
    if any(each is None for each in ends):
        why = next(told["why"] for told in against.values() if told["decides"] is None)
        return {"value": value, "low": None, "high": None, "worse_than": worse, "why": why}
    turned = [sorted(sign * end for end in each) for each in ends]
    low, high = (min(each[end] for each in turned) for end in (0, 1))
    return {"value": value, "low": min(0.0, low), "high": max(0.0, high), "worse_than": worse}


def frontier(
    panels: Sequence[Panel], costs: Sequence[Floats], told: Sequence[Table]
) -> list[Table]:
    """Which arms no other beats in both outcome and cost.

    Args:
        panels: of the same examples in one order.
        costs: of each arm's dialogues [D] each.
        told: what :func:`best` says of them.

    Returns:
        By arm: ``on``, whether by the estimates no other arm has an outcome at least as good at no
        more cost, one of them strictly, each two on the examples of which both are known; an arm
        isn't beaten where unread answers decide which is better; ``open``: arms (by number) of
        which that is so and which cost no more; ``beaten_by``: those that beat it; ``shown``:
        those of them of which both are shown, the outcome as in :func:`best`, the cost by an
        interval at the same level.
    """
    sign, clusters = panels[0].outcome.sign, panels[0].clusters
    found = []
    for i in range(len(panels)):
        beaten, undecided = [], []
        for j, less in told[i]["against"].items():
            gained, saved = -sign * (nan if less is None else less), _of(costs[i] - costs[j])
            if less is None and saved >= 0:
                undecided.append(j)
            if gained >= 0 and saved >= 0 and gained + saved > 0:
                beaten.append(j)
        shown = []
        for j in told[i]["worse_than"]:
            less = mean(costs[j] - costs[i], clusters, level=told[i]["level"])
            if j in beaten and _no_more(less):
                shown.append(j)
        found.append({"on": not beaten, "open": undecided, "beaten_by": beaten, "shown": shown})
    return found


def _of(x: Floats) -> float:
    known = x[np.isfinite(x)]
    return float(known.mean()) if len(known) else nan


def _no_more(less: Estimate) -> bool:
    """Whether a difference in cost is shown to be no more than 0; where all clusters have the same,
    it is what it is."""
    if less.value is None:
        return False
    return less.value <= 0 if less.high is None else less.high <= 0
