"""Which arm is advised, by what is shown of them.

A gain is no reason for a method where the question asked again, or a majority of samples for no
more tokens, may do as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfcorrect.measures.advice import EQUAL, Arms, Table, difference, tokens_ratio
from selfcorrect.measures.looks import level


@dataclass(frozen=True)
class Choice:
    """What is advised.

    Attributes:
        word: ``do``, ``don't`` or ``undecided``.
        arm: that it is about.
        alike: arms that may do as well, as far as this shows.
        cheapest: whether the arm is the cheapest of those that are left; ``None`` where tokens
            aren't known.
        open: of ``don't``, the controls of which it isn't settled that they gain nothing.
    """

    word: str
    arm: int
    alike: tuple[int, ...] = ()
    cheapest: bool | None = None
    open: tuple[int, ...] = ()


def choose(arms: Arms, gained: Sequence[Table | None]) -> Choice:
    """What is advised, and the arm that it is about.

    Returns:
        ``do``: the arm may be the best and is shown to gain over every single answer. A method is
        also shown to be better than asking again and than majorities for no more tokens, where such
        arms are at hand, and is the cheapest of those that are. Where no method is, it is of all
        that aren't told apart the cheapest; of arms at about equal tokens, or unknown ones, asking
        again or a majority. Where that one isn't shown to gain it is ``undecided``, about the
        method. ``don't``: no method may gain more than the margin, or no arm where there is no
        method; else ``undecided``: it isn't shown. Both are about the method that looks best of
        those that may be the best, or of all where none of them is and none gains; about another
        arm only where no method may be the best.
    """
    several = [k for k, told in enumerate(gained) if told is not None]
    fit = [k for k in several if arms.left[k]]
    shown = [k for k in fit if _verdict(gained, k) == "better"]
    if shown:
        return _among(arms, shown)

    def looks_good(k: int) -> tuple[float, int]:
        y = arms.panels[k].columns["outcome"][:, -1]
        known = y[np.isfinite(y)]
        return (arms.panels[k].outcome.sign * float(known.mean()) if len(known) else -np.inf, -k)

    def settled(k: int) -> bool:
        return _verdict(gained, k) in ("same", "worse")

    left = fit or several
    methods = [k for k in several if not arms.plain(k)]
    asked = [k for k in left if k in methods]
    if not asked:  # no method may be the best: it is about one still, if none gains
        asked = methods if methods and all(map(settled, methods)) else left
    leader = max(asked, key=looks_good)
    if fit and not all(map(settled, asked)):
        return Choice("undecided", leader)
    return Choice("don't", leader, open=tuple(k for k in left if not settled(k)) if fit else ())


def _among(arms: Arms, shown: Sequence[int]) -> Choice:
    """Of arms that are shown to gain: those beyond what asking again or a majority may do, or the
    cheapest of what isn't told apart."""
    beaten: set[int] = set()
    group, beyond = set(shown), []
    for k in shown:
        others = _rivals(arms, k)
        better = [j for j in others if _beats(arms, k, j, arms.together(k, shown))]
        beaten |= set(better)
        group |= set(others) - set(better)
        if not arms.plain(k) and len(better) == len(others):
            beyond.append(k)
    if beyond:
        costs = _costs(arms, beyond)
        k = min(beyond, key=lambda k: (costs[k], k)) if costs else beyond[0]
        return Choice("do", k, cheapest=bool(costs) or None)
    left = sorted(group - beaten)
    costs = _costs(arms, left)
    least = min(costs.values(), default=0.0)
    near = [j for j in left if not costs or costs[j] <= (1 + EQUAL) * least]
    plain = [j for j in near if arms.plain(j)]
    first = [j for j in plain if j in shown] or plain or near
    k = min(first, key=lambda j: (costs.get(j, 0.0), not arms.repeats[j], j))
    cheapest = len(near) == 1 if costs else None
    if k in shown:
        return Choice("do", k, tuple(j for j in left if j != k), cheapest)
    methods = [j for j in shown if not arms.plain(j)] or shown
    about = min(methods, key=lambda j: (costs.get(j, 0.0), j))
    return Choice("undecided", about, tuple(j for j in left if j != about), cheapest)


def _rivals(arms: Arms, k: int) -> list[int]:
    """What an arm has to be better than: asking again, and majorities that don't take more."""
    found = []
    for j in range(len(arms.panels)):
        if j == k or not arms.plain(j):
            continue
        ratio = tokens_ratio(arms, j, k) if arms.votes[j] else None
        if ratio is None or ratio.value is None or ratio.value <= 1 + EQUAL:
            found.append(j)
    return found


def _beats(arms: Arms, k: int, j: int, many: int) -> bool:
    """Whether an arm is shown to be better than another by more than counts as none, as one of so
    many arms of which that is asked."""
    looks = arms.looks(k, j)
    at = 1 - (1 - level(looks)) / many
    pair = arms.panels[k], arms.panels[j]
    return bool(difference(pair, arms, looks, at)["verdict"] == "better")


def _costs(arms: Arms, those: Sequence[int]) -> dict[int, float]:
    """Tokens of a dialogue by arm, of the dialogues that all have them of; empty where none are."""
    tokens = np.stack([arms.tokens[k] for k in those], axis=1)
    known = tokens[np.isfinite(tokens).all(axis=1)]
    return dict(zip(those, known.mean(axis=0).tolist(), strict=True)) if len(known) else {}


def _verdict(gained: Sequence[Table | None], k: int) -> str | None:
    told = gained[k]
    return None if told is None else told["verdict"]
