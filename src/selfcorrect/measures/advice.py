"""Is more than one round worth it? What arms on the same examples say: which, and whom it hurts.

The gain of an arm is its last round minus a single answer, the best one at hand: of the first
rounds of all arms, and of arms that ask but once, the one that it gains least over. It has to be
shown over each of them, so choosing the best of these costs nothing; over arms it is adjusted by
Bonferroni.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.arms import decided
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.compare import compare
from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import LEVEL, Estimate, mean, proportion
from selfcorrect.measures.looks import level
from selfcorrect.measures.paired import holm
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.unread import unknown

Table = dict[str, Any]
#: How many examples there were at each look at two arms, by their numbers; at one arm by itself,
#: where both are the same.
Looks = Callable[[int, int], Sequence[int]]
#: Of fewer examples than these nothing is said of a category: no test of five could reach 5 %.
LEAST = 6
#: More groups than these aren't tested one by one: after Holm's correction none could be shown.
MOST = 100
#: An arm whose tokens differ from another's by more than this share isn't at equal tokens.
EQUAL = 0.2


@dataclass(frozen=True)
class Arms:
    """Arms that may be ranked, on the same examples in one order.

    Attributes:
        panels: of each.
        tokens: of each one's dialogues [D] each.
        votes: whether an arm takes a majority of samples in one round.
        left: whether an arm may be the best (:func:`selfcorrect.measures.arms.best`).
        margins: by measure, up to what size a difference counts as none.
        looks: see :data:`Looks`.
    """

    panels: Sequence[Panel]
    tokens: Sequence[Floats]
    votes: Sequence[bool]
    left: Sequence[bool]
    margins: Mapping[str, float]
    looks: Looks

    def once(self, k: int) -> bool:
        """Whether an arm is a single answer."""
        return len(self.panels[k].rounds) == 1 and not self.votes[k]

    def singles(self) -> list[tuple[int, Panel]]:
        """The single answers at hand, each once: by arm, its first round as a panel."""
        found: list[tuple[int, Panel]] = []
        for k, panel in enumerate(self.panels):
            first = _first(panel)
            y = first.columns["outcome"]
            known = (each.columns["outcome"] for _, each in found)
            if not self.votes[k] and not any(np.array_equal(y, x, equal_nan=True) for x in known):
                found.append((k, first))
        return found


def _first(panel: Panel) -> Panel:
    """Its first round alone."""
    return replace(
        panel,
        rounds=panel.rounds[:1],
        columns={name: x[:, :1] for name, x in panel.columns.items()},
        own={name: x[:, :1] for name, x in panel.own.items()},
    )


def gains(arms: Arms) -> list[Table | None]:
    """Each arm's gain over one round; ``None`` of an arm that is a single answer.

    Returns:
        By arm what :func:`selfcorrect.measures.arms.decided` says of the difference from the single
        answer that it gains least over, with ``moved``, how many outcomes differ, and ``over``, the
        arm whose first round that is; its ``verdict`` is ``better`` than every single answer,
        ``worse`` than one, ``same`` as one, or ``undecided``; ``None`` without an interval.
        Verdicts hold together for all arms.
    """
    several = [k for k in range(len(arms.panels)) if not arms.once(k)]
    found: list[Table | None] = [None] * len(arms.panels)
    for k in several:
        told = []
        for j, single in arms.singles():
            looks = arms.looks(k, j)
            at = 1 - (1 - level(looks)) / len(several)
            told.append({**_difference((arms.panels[k], single), arms, looks, at), "over": j})
        if told:
            found[k] = _least(told, arms.panels[k].outcome.sign)
    return found


def _least(told: Sequence[Table], sign: int) -> Table:
    known = [each for each in told if each["value"] is not None]
    if not known:
        return told[0]
    verdicts = {each["verdict"] for each in told}
    order = ("worse", "same", "undecided", None)
    verdict = next((each for each in order if each in verdicts), "better")
    those = [each for each in known if each["verdict"] == verdict] or known
    return {**min(those, key=lambda each: sign * each["value"]), "verdict": verdict}


def choose(arms: Arms, gained: Sequence[Table | None]) -> tuple[str, int]:
    """What is advised, and the arm that it is about.

    Returns:
        ``do``: the arm is the cheapest of those that may be the best and are shown to gain over
        every single answer. ``don't``: none may gain; ``undecided``: it isn't shown; the arm is
        then the one that looks best of those that may be the best, or of all where these are single
        answers.
    """
    several = [k for k, told in enumerate(gained) if told is not None]
    fit = [k for k in several if arms.left[k]]
    shown = [k for k in fit if _verdict(gained, k) == "better"]
    if shown:
        return "do", min(shown, key=lambda k: (float(arms.tokens[k].mean()), k))

    def looks_good(k: int) -> tuple[float, int]:
        y = arms.panels[k].columns["outcome"][:, -1]
        known = y[np.isfinite(y)]
        return (arms.panels[k].outcome.sign * float(known.mean()) if len(known) else -np.inf, -k)

    leader = max(fit or several, key=looks_good)
    settled = all(_verdict(gained, k) in ("same", "worse") for k in (fit or several))
    return ("don't" if settled or not fit else "undecided"), leader


def _verdict(gained: Sequence[Table | None], k: int) -> str | None:
    told = gained[k]
    return None if told is None else told["verdict"]


def sampled(arms: Arms, k: int) -> Table | None:
    """An arm beside a majority, the one nearest to its tokens; ``None`` where there is no other.

    Returns:
        ``arm``; ``difference``: the arm minus the majority; ``ratio`` of the majority's tokens to
        the arm's, ``None`` where none are counted; ``equal``: whether they are about as many.
    """
    others = [j for j, votes in enumerate(arms.votes) if votes and j != k]
    if not others:
        return None
    mine = float(arms.tokens[k].sum())
    ratios = {j: _ratio(arms, j, k) for j in others} if mine > 0 else dict.fromkeys(others)
    j = min(others, key=lambda j: (abs((float(arms.tokens[j].sum()) / (mine or 1)) - 1), j))
    ratio = ratios[j]
    return {
        "arm": j,
        "difference": beside(arms, k, j),
        "ratio": ratio and ratio.table(),
        "equal": ratio is not None and ratio.value is not None and abs(ratio.value - 1) <= EQUAL,
    }


def _ratio(arms: Arms, j: int, k: int) -> Estimate:
    terms = np.stack([arms.tokens[j], arms.tokens[k]], axis=1)
    clusters = arms.panels[k].clusters
    return of_sums(terms, lambda s: np.asarray(s[..., 0] / s[..., 1]), clusters, bounds=(0, np.inf))


def beside(arms: Arms, k: int, j: int) -> Table:
    """One arm's outcome minus another's, as in :func:`gains`, by itself."""
    looks = arms.looks(k, j)
    return _difference((arms.panels[k], arms.panels[j]), arms, looks, level(looks))


def _difference(pair: tuple[Panel, Panel], arms: Arms, looks: Sequence[int], at: float) -> Table:
    """What is decided of a pair, with ``moved``: how many outcomes differ."""
    d = pair[0].columns["outcome"][:, -1] - pair[1].columns["outcome"][:, -1]
    moved = int((d[np.isfinite(d)] != 0).sum())
    return {**decided(pair, arms.margins, looks, at), "moved": moved}


def moved(arm: Panel, single: Panel, margin: float) -> Table:
    """How often an arm undoes a good single answer, and mends a bad one.

    Args:
        arm: its last round is looked at.
        single: a panel of one round, of the same examples in one order.
        margin: of an outcome that is a number: what is worse by more than this is worse.

    Returns:
        ``harm``: of the answers that were right at first (of a number: of all) the share that is
        wrong (worse) at last; ``mend``: of those that were wrong the share that is right (of all,
        the share that is better). Each an estimate with ``unread``: the least and the largest share
        that answers which couldn't be read at last allow. A first answer that couldn't be read is
        neither.
    """
    outcome, clusters = arm.outcome, arm.clusters
    after, before = arm.at(arm.rounds[-1]), single.at(single.rounds[0])
    lost, was_lost = unknown((after, before), outcome)
    x, y = before["outcome"] * outcome.sign, after["outcome"] * outcome.sign
    x = np.where(was_lost, np.nan, x)
    if outcome.kind == "share":
        right = x == (1 if outcome.sign > 0 else 0)
        wrong = np.isfinite(x) & ~right
        worse, better = y < x, y > x
    else:
        right = wrong = np.isfinite(x)
        worse, better = y < x - margin, y > x + margin
    return {
        "harm": _share(right, worse, lost, clusters),
        "mend": _share(wrong, better, lost, clusters),
    }


def _share(of: NDArray[Any], which: NDArray[Any], lost: NDArray[Any], clusters: Any) -> Table:
    read = of & ~lost
    e = proportion(np.where(read, which, np.nan), clusters)
    n, unread, count = int(of.sum()), int((of & lost).sum()), int((which & read).sum())
    bounds = None if not unread else [count / n, (count + unread) / n]
    return {**e.table(), "unread": bounds}


def hurts(arm: Panel, single: Panel, margins: Mapping[str, float], groups: Sequence[str]) -> Table:
    """On which groups of examples an arm is worse than a single answer.

    Args:
        arm, single: as of :func:`moved`.
        margins: by measure.
        groups: the name of each example's group [D].

    Returns:
        ``groups``: those with :data:`LEAST` examples or more, each with ``name``, its difference,
        ``p_holm`` over all of them, and ``hurts``, whether it is shown to be worse; the largest
        loss first; ``few``: those with fewer, by their number of examples. Where a group is one
        cluster its examples count as independent: what is said is of that cluster.
    """
    outcome, name = arm.outcome, arm.outcome.name
    found, few = [], {}
    of = np.asarray(groups)
    for group in dict.fromkeys(groups):
        rows = of == group
        if rows.sum() < LEAST:
            few[group] = int(rows.sum())
            continue
        pair = arm.only(rows), single.only(rows)
        if len(np.unique(pair[0].clusters)) == 1:
            pair = (_apart(pair[0]), _apart(pair[1]))
        rounds = pair[0].rounds[-1], pair[1].rounds[0]
        found.append({"name": group, **compare(*pair, rounds, margins, names=(name,))[name]})
    tested = [each for each in found if each["p"] is not None]
    for each, p in zip(tested, holm([each["p"] for each in tested]).tolist(), strict=True):
        each["p_holm"] = p
    for each in found:
        each.setdefault("p_holm", None)
        shown = each["verdict"] == "worse" and each["p_holm"] is not None
        each["hurts"] = bool(shown and each["p_holm"] <= 1 - LEVEL)
    found.sort(key=lambda each: (outcome.sign * (each["value"] or 0.0), each["name"]))
    return {"groups": found, "few": few}


def _apart(panel: Panel) -> Panel:
    return replace(panel, clusters=panel.examples)


def enough(panel: Panel, margins: Mapping[str, float], looks: Sequence[int]) -> int | None:
    """The earliest round from which an arm's outcome is the same as in its last round, within the
    margin, in every round; ``None`` where that is shown of no round before the last."""
    name, last = panel.outcome.name, panel.rounds[-1]
    found = None
    for number in reversed(panel.rounds[:-1]):
        told = compare(panel, panel, (last, number), margins, looks=looks, names=(name,))[name]
        if told["verdict"] != "same":
            break
        found = number
    return found


def extra(more: Floats, less: Floats, clusters: NDArray[Any], each: float) -> Table:
    """What one arm takes more than a single answer, times ``each``."""
    return mean(each * (more - less), clusters).table()
