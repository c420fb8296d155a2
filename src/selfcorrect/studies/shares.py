"""Shares of the same dialogues in several arms: how often something happens there, and compared.

What an unread answer would have been nobody knows, so a share comes with the least and the most
that its dialogues may be, and a comparison is claimed where all of that agrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import LEVEL, Estimate, proportion
from selfcorrect.measures.paired import holm_by_name, share_difference, share_test
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.ratios import bounds, hull, lacking, ratio
from selfcorrect.measures.unread import p_whatever, state_whatever
from selfcorrect.studies.base import Result

Masks = NDArray[np.bool_]
#: As recorded, and as unread answers may have it.
Estimates = list[Estimate]


@dataclass(frozen=True)
class Shares:
    """Whether something happened in each dialogue of an arm.

    Attributes:
        found: 1 or 0 [D], as recorded; NaN of a dialogue that isn't among them.
        least, most: the same had unread answers been otherwise [D].
    """

    found: Floats
    least: Floats
    most: Floats

    def where(self, rows: Masks) -> Shares:
        """Of some dialogues only."""
        return Shares(*(np.where(rows, x, np.nan) for x in (self.found, self.least, self.most)))

    @property
    def unread(self) -> int:
        """In how many dialogues it isn't known."""
        return int((np.nan_to_num(self.least) != np.nan_to_num(self.most)).sum())

    def table(self, clusters: NDArray[Any]) -> Result:
        """Its share as recorded."""
        return proportion(self.found, clusters).table()


def right(panel: Panel, round: int = -1) -> Shares:
    """Whether the answer of a round (by its place) is right."""
    outcome = panel.columns["outcome"][:, round]
    best = 1.0 if panel.outcome.better == "higher" else 0.0
    read = (panel.columns["parse_rate"][:, round] == 1) & np.isfinite(outcome)
    return _of(outcome == best, read, panel)


def kept(panel: Panel) -> Shares:
    """Whether the last answer is that of round 1; of dialogues whose first answer was read."""
    answers = panel.columns["answer"]
    same = answers[:, -1] == answers[:, 0]
    return _of(same, answers[:, -1] >= 0, panel).where(answers[:, 0] >= 0)


def otherwise(of: Shares) -> Shares:
    """Whether it did not happen."""
    return Shares(1 - of.found, 1 - of.most, 1 - of.least)


def _of(happened: Masks, known: Masks, panel: Panel) -> Shares:
    """What isn't known is recorded as not having happened, and may have."""
    asked = panel.columns["gradable"][:, 0] == 1
    found = np.where(asked, (happened & known).astype(float), np.nan)
    return Shares(found, found, np.where(asked & ~known, 1.0, found))


def _ways(one: Shares, other: Shares) -> list[tuple[Floats, Floats]]:
    """Both as recorded, and as unread answers make their difference largest, and smallest."""
    ways = [(one.found, other.found), (one.most, other.least), (one.least, other.most)]
    unread = one.where(np.isfinite(other.found)).unread + other.where(np.isfinite(one.found)).unread
    return ways if unread else ways[:1]


def _minus(ways: list[tuple[Floats, Floats]], clusters: NDArray[Any]) -> tuple[Result, Estimates]:
    """The difference of two shares of the same dialogues, and how it is in each way."""
    found = [share_difference(a, b, clusters) for a, b in ways]
    ps = [share_test(a, b, clusters) for a, b in ways]
    whole = hull(found)
    table: Result = {
        **found[0].table(),
        "few": found[0].few,
        "p": p_whatever(found, ps),
        "p_recorded": ps[0],
        "reach": None if whole.low is None else [whole.low, whole.high],
    }
    if len(ways) > 1:
        table["unread"] = bounds([e.value for e in found])
    return table, found


def judged(
    pairs: Mapping[str, tuple[Shares, Shares]], clusters: NDArray[Any], margin: float
) -> Result:
    """Differences that are claimed together.

    Args:
        pairs: by name, of which the second is taken off the first.
        clusters: of each dialogue [D].
        margin: up to what size a difference counts as none.

    Returns:
        By name its table, as recorded; ``few``; ``p``, whatever unread answers are; ``unread``, the
        lowest and highest value that they allow, where there are any; ``reach``, the interval over
        all of that; ``p_holm`` over all of them; and ``state``, see
        :func:`selfcorrect.measures.unread.state_whatever`, of which ``shown`` is ``more`` or
        ``less``, and ``hangs`` is ``unread``; ``None`` where there is nothing to compare.
    """
    ways = {name: _ways(*pair) for name, pair in pairs.items()}
    estimates: dict[str, Estimates] = {}
    found: Result = {}
    for name, each in ways.items():
        found[name], estimates[name] = _minus(each, clusters)
    adjusted, recorded = (holm_by_name({name: e[key] for name, e in found.items()}) for key in
                          ("p", "p_recorded"))  # fmt: skip
    level = 1 - (1 - LEVEL) / max(1, len(pairs))
    for name, e in found.items():
        e["p_holm"] = adjusted.get(name)
        del e["p_recorded"]
        wide = [share_difference(a, b, clusters, level=level) for a, b in ways[name]]
        state = state_whatever(estimates[name], wide, margin, e["p_holm"], recorded.get(name))
        e["state"] = _named(state, e)
    return found


def _named(state: str, e: Result) -> str | None:
    """A state as :func:`judged` calls it."""
    if e["value"] is None or e["low"] is None or e["reach"] is None:
        return None
    if state == "shown":
        return "more" if e["low"] > 0 else "less"
    return "unread" if state == "hangs" else state


def short_of(part: Shares, whole: Shares, clusters: NDArray[Any]) -> Result:
    """(whole − part) / whole of two shares of the same dialogues, its interval over whatever unread
    answers may be, and ``unread``: the lowest and highest value that they allow."""
    ways = _ways(part, whole)
    found = [lacking(ratio(a, b, clusters)) for a, b in ways]
    table: Result = {**hull(found).table(), "few": found[0].few}
    return table if len(ways) == 1 else {**table, "unread": bounds([e.value for e in found])}
