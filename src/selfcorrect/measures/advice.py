"""Is more than one round worth it? What arms on the same examples say: which, and whom it hurts.

The gain of an arm is its last round minus a single answer, the best one at hand: of the first
rounds of all arms, and of arms that ask but once, the one that it gains least over. It has to be
shown over each of them, so choosing the best of these costs nothing; over methods it is adjusted by
Bonferroni, and of one method it is the interval of its run's own decision: what that is compared
with as a control is no further chance to find a method better. A gain within the margin counts as
none. What follows for the choice is :mod:`selfcorrect.measures.choice`'s.
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
from selfcorrect.measures.intervals import Estimate, mean, positive, proportion
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
#: An arm whose tokens differ from another's by more than this share isn't at equal tokens.
EQUAL = 0.2


@dataclass(frozen=True)
class Arms:
    """Arms that may be ranked, on the same examples in one order.

    Attributes:
        panels: of each.
        tokens: of each one's dialogues [D] each, NaN where nobody counted them.
        votes: whether an arm takes a majority of samples in one round.
        repeats: whether an arm merely asks again.
        left: whether an arm may be the best (:func:`selfcorrect.measures.arms.best`).
        margins: by measure, up to what size a difference counts as none.
        looks: see :data:`Looks`.
    """

    panels: Sequence[Panel]
    tokens: Sequence[Floats]
    votes: Sequence[bool]
    repeats: Sequence[bool]
    left: Sequence[bool]
    margins: Mapping[str, float]
    looks: Looks

    def once(self, k: int) -> bool:
        """Whether an arm is a single answer."""
        return len(self.panels[k].rounds) == 1 and not self.votes[k]

    def plain(self, k: int) -> bool:
        """Whether an arm is what a method has to be better than: asking again, or a majority."""
        return self.votes[k] or self.repeats[k]

    def together(self, k: int, those: Sequence[int]) -> int:
        """Of how many of these arms an arm is one, so that its interval holds for all of them: a
        method of the methods; asking again, or a majority, of all, as only another arm's failing
        brings it up."""
        return len(those) if self.plain(k) else sum(not self.plain(j) for j in those)

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
        answer that it gains least over, with ``moved``, how many outcomes differ, ``over``, the
        arm whose first round that is, and ``together``, with how many arms' its interval holds; its
        ``verdict`` is ``better`` than every single answer, ``worse`` than one, ``same`` as one, or
        ``undecided``; ``None`` without an interval.
        Verdicts hold together for all methods.
    """
    several = [k for k in range(len(arms.panels)) if not arms.once(k)]
    found: list[Table | None] = [None] * len(arms.panels)
    for k in several:
        told, of = [], arms.together(k, several)
        for j, single in arms.singles():
            looks = arms.looks(k, j)
            at = 1 - (1 - level(looks)) / of
            told.append({**difference((arms.panels[k], single), arms, looks, at), "over": j})
        if told:
            found[k] = {**_least(told, arms.panels[k].outcome.sign), "together": of}
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


def sampled(arms: Arms, k: int) -> Table | None:
    """An arm beside a majority, the one nearest to its tokens; ``None`` where there is no other.

    Returns:
        ``arm``; ``difference``: the arm minus the majority; ``ratio`` of the majority's tokens to
        the arm's, ``None`` where none are counted; ``equal``: whether they are about as many.
    """
    others = [j for j, votes in enumerate(arms.votes) if votes and j != k]
    if not others:
        return None
    ratios = {j: tokens_ratio(arms, j, k) for j in others}
    known = {j: e.value for j, e in ratios.items() if e is not None and e.value is not None}
    j = min(known, key=lambda j: (abs(known[j] - 1), j)) if known else others[0]
    ratio = ratios[j]
    return {
        "arm": j,
        "difference": beside(arms, k, j),
        "ratio": ratio and ratio.table(),
        "equal": j in known and abs(known[j] - 1) <= EQUAL,
    }


def tokens_ratio(arms: Arms, j: int, k: int) -> Estimate | None:
    """One arm's tokens to another's, over dialogues of which both are counted."""
    terms = np.stack([arms.tokens[j], arms.tokens[k]], axis=1)
    known = np.isfinite(terms).all(axis=1) & (terms[:, 1] > 0)
    if not known.any():
        return None
    clusters = arms.panels[k].clusters[known]
    value = lambda s: np.asarray(s[..., 0] / s[..., 1])  # noqa: E731
    return positive(of_sums(terms[known], value, clusters, bounds=(0, np.inf)))


def beside(arms: Arms, k: int, j: int) -> Table:
    """One arm's outcome minus another's, as in :func:`gains`, by itself."""
    looks = arms.looks(k, j)
    return difference((arms.panels[k], arms.panels[j]), arms, looks, level(looks))


def difference(pair: tuple[Panel, Panel], arms: Arms, looks: Sequence[int], at: float) -> Table:
    """What is decided of a pair; a direction within the margin is ``same``, and stands as
    ``small``."""
    told = dict(decided(pair, arms.margins, looks, at))
    told.pop("parity")
    if told["verdict"] in ("better", "worse") and told.get("within"):
        told |= {"small": told["verdict"], "verdict": "same"}
    return told


def moved(arm: Panel, margin: float) -> Table | None:
    """How often an arm undoes a good first answer of its own, and mends a bad one.

    Another arm's first answer is another draw: what differs from it was mostly never seen by this
    arm.

    Args:
        arm: its first and last rounds are looked at.
        margin: of an outcome that is a number: what is worse by more than this is worse.

    Returns:
        ``harm``: of the answers that were right at first (of a number: of all) the share that is
        wrong (worse) at last; ``mend``: of those that were wrong the share that is right (of all,
        the share that is better). Each an estimate with ``unread``: the least and the largest share
        that answers which couldn't be read at last allow, and then ``reach``, from the lower end of
        the interval of the one to the upper end of that of the other. A first answer that couldn't
        be read is neither. ``None`` where an arm has one round, a majority.
    """
    if len(arm.rounds) < 2:
        return None
    outcome, clusters = arm.outcome, arm.clusters
    after, before = arm.at(arm.rounds[-1]), arm.at(arm.rounds[0])
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
    if not unread:
        return {**e.table(), "unread": None}
    least, most = (proportion(np.where(of, which & read | lost & x, np.nan), clusters) for x in
                   (False, True))  # fmt: skip
    bounds = [count / n, (count + unread) / n]
    return {**e.table(), "unread": bounds, "reach": [least.low, most.high]}


def hurts(
    arm: Panel,
    single: Panel,
    margins: Mapping[str, float],
    groups: Sequence[str],
    looks: Sequence[int] = (),
) -> Table:
    """On which groups of examples an arm is worse than a single answer.

    Args:
        arm: its last round is looked at.
        single: a panel of one round, of the same examples in one order.
        margins: by measure.
        groups: the name of each example's group [D].
        looks: how many examples there were whenever the two were compared.

    Returns:
        ``groups``: those with :data:`LEAST` examples or more, each with ``name``, its difference,
        ``p_holm`` over all of them, ``hurts``, whether it is shown to be worse, and ``could``,
        whether it could be: with too few clusters no loss is large enough, and of one cluster,
        however many examples it has, nothing is told; the largest loss first; ``few``: those with
        fewer, by their number of examples.
    """
    outcome = arm.outcome
    looks = tuple(looks) or (max(1, len(groups)),)
    limit = 1 - level(looks)
    found, few = [], {}
    of = np.asarray(groups)
    for group in dict.fromkeys(groups):
        rows = of == group
        if rows.sum() < LEAST:
            few[group] = int(rows.sum())
            continue
        pair = arm.only(rows), single.only(rows)
        rounds = pair[0].rounds[-1], pair[1].rounds[0]
        found.append({"name": group, **_of_group(pair, rounds, margins, looks)})
    tested = [each for each in found if each["p"] is not None]
    # flips of K clusters say no less than 2^(1 - K)
    least = [1.0 if each.get("few") else min(1.0, 2.0 ** (1 - each["clusters"])) for each in tested]
    adjusted = holm([each["p"] for each in tested]), holm(least)
    for each, p, could in zip(tested, *(ps.tolist() for ps in adjusted), strict=True):
        each |= {"p_holm": p, "could": could <= limit}
    for each in found:
        each.setdefault("p_holm", None)
        each.setdefault("could", False)
        shown = each["verdict"] == "worse" and each["p_holm"] is not None
        each["hurts"] = bool(shown and each["p_holm"] <= limit)
    found.sort(key=lambda each: (outcome.sign * (each["value"] or 0.0), each["name"]))
    return {"groups": found, "few": few}


def _of_group(
    pair: tuple[Panel, Panel],
    rounds: tuple[int, int],
    margins: Mapping[str, float],
    looks: Sequence[int],
) -> Table:
    name = pair[0].outcome.name
    return compare(*pair, rounds, margins, looks=looks, names=(name,))[name]


def enough(panel: Panel, margins: Mapping[str, float], looks: Sequence[int]) -> int | None:
    """The earliest round from which an arm's outcome lies within the margin of that in its last
    round, in every round, on whichever side; ``None`` where that is shown of no round before the
    last."""
    name, last = panel.outcome.name, panel.rounds[-1]
    found = None
    for number in reversed(panel.rounds[:-1]):
        told = compare(panel, panel, (last, number), margins, looks=looks, names=(name,))[name]
        if not told.get("within"):
            break
        found = number
    return found


def extra(more: Floats, less: Floats, clusters: NDArray[Any], each: float) -> Table:
    """What one arm takes more than a single answer, times ``each``."""
    e = mean(each * (more - less), clusters)
    return (positive(e) if (more - less >= 0)[np.isfinite(more - less)].all() else e).table()
