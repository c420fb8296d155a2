"""Weighted sums of several arms' outcomes on the same examples, in their own unit and in log odds.

Whether effects add up depends on the scale: two that add up in log odds, of 2 each, lack .28 of
adding up in probability. So a contrast is taken on both, and an interaction can be claimed on both
only: its p is then the larger of the two, and 1 where they disagree on its side (an
intersection-union test: Berger & Hsu 1996, doi:10.1214/ss/1032280304).

In log odds it is a contrast of the arms' mean outcomes, no model of single examples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.figures import of_sums_with_p
from selfcorrect.measures.intervals import LEVEL, Estimate, mean, p_of
from selfcorrect.measures.outcomes import room_of
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.unread import Columns, boundless, other_counts, p_whatever, unknown
from selfcorrect.measures.unseen import Room
from selfcorrect.outcome import Outcome

Table = dict[str, Any]
#: The scales of a contrast.
SCALES = ("difference", "log_odds")
_ENDLESS = "unread answers have no bounds"


@dataclass(frozen=True, slots=True)
class Scaled:
    """A contrast on one scale.

    Attributes:
        estimate: as recorded.
        p: two-sided, of 0, whatever unread answers are; ``None`` where it can't be told.
        unread: the lowest and the highest value that unread answers allow, ``None`` on a side
            without an end; ``None`` where all are known.
        sides: of 0 on which it may lie: −1, 0, 1.
        ways: the estimate as recorded, and as unread answers may have it.
    """

    estimate: Estimate
    p: float | None
    unread: tuple[float | None, float | None] | None
    sides: frozenset[int]
    ways: tuple[Estimate, ...]

    def at(self, level: float) -> tuple[float, float] | None:
        """An interval at another level that holds those of all ways; ``None`` where one has none
        or unread answers have no bounds."""
        ends = [e.at(level) for e in (self.estimate, *self.ways) if e.at and e.low is not None]
        if len(ends) <= len(self.ways):
            return None
        return min(low for low, _ in ends), max(high for _, high in ends)

    def table(self) -> Table:
        """As JSON has it."""
        table = {**self.estimate.table(), "few": self.estimate.few, "p": self.p}
        return table if self.unread is None else {**table, "unread": list(self.unread)}


@dataclass(frozen=True, slots=True)
class Contrast:
    """A contrast on both scales.

    Attributes:
        difference: in the outcome's unit.
        log_odds: of the arms' mean outcomes between the outcome's bounds.
    """

    difference: Scaled
    log_odds: Scaled

    @property
    def p_both(self) -> float | None:
        """Of a contrast that isn't on one side of 0 on both scales."""
        one, other = self.difference, self.log_odds
        if one.p is None or other.p is None:
            return None
        return max(one.p, other.p) if one.sides == other.sides else 1.0


def columns_at(panels: Sequence[Panel], round: int = -1) -> dict[str, Floats]:
    """What a contrast needs of arms, an example a row, an arm a column [D, A].

    A record that is missing where another arm has one is an answer that isn't known.

    Args:
        panels: of the same examples in one order.
        round: its place among the rounds.
    """
    found = {
        name: np.stack([panel.columns[name][:, round] for panel in panels], axis=1).astype(float)
        for name in ("outcome", "parse_rate", "gradable")
    }
    there = np.isfinite(found["parse_rate"])
    lacking = ~there & there.any(axis=1, keepdims=True)
    found["parse_rate"] = np.where(lacking, 0.0, found["parse_rate"])
    asked = (found["gradable"] == 1).any(axis=1, keepdims=True)
    found["gradable"] = np.where(lacking, asked, found["gradable"])
    return found


def contrast(
    columns: Columns, outcome: Outcome, weights: ArrayLike, clusters: NDArray[Any]
) -> Contrast:
    """A contrast of arms, Σ w y, over the examples of which all arms' outcomes are known.

    Args:
        columns: of :func:`columns_at`.
        outcome: of the task.
        weights: of each arm [A]; their sum is 0.
        clusters: of each example [D].

    Raises:
        ValueError: weights that don't sum to 0, or aren't one an arm.
    """
    w = np.asarray(weights, dtype=np.float64)
    y = columns["outcome"]
    if w.shape != y.shape[1:] or abs(w.sum()) > 1e-9:
        raise ValueError(f"one weight an arm, {y.shape[1:]}, that sum to 0; not {w.tolist()}")
    ways = [y, *_other_ways(columns, outcome, w)]
    endless = boundless((columns, columns), outcome)
    reach = float(w[w > 0].sum())
    unit = room_of(outcome)
    ends = (unit.high - unit.low) * reach
    # a share's differences are of few sizes, so that those that were seen tell how clusters move
    room = Room(-ends, ends, whole=outcome.kind == "mean")

    def difference(values: Floats) -> Estimate:
        with np.errstate(over="ignore", invalid="ignore"):
            return mean(values @ w, clusters, room=room)

    def odds(values: Floats) -> Estimate:
        return _of_odds(values, outcome, w, clusters)

    return Contrast(*(_scaled([each(way) for way in ways], endless) for each in (difference, odds)))


def _other_ways(columns: Columns, outcome: Outcome, w: Floats) -> list[Floats]:
    """The outcomes with all that isn't known counted for a rise of the contrast, and for a fall."""
    found = []
    for up, down in other_counts((columns, columns), outcome):
        # arms without a weight are no reason to leave an example out
        found.append(np.where(w > 0, up["outcome"], down["outcome"]))
    return found


def _of_odds(y: Floats, outcome: Outcome, w: Floats, clusters: NDArray[Any]) -> Estimate:
    low, high = outcome.bounds
    if not (math.isfinite(low) and math.isfinite(high)):
        return Estimate(None, None, None, 0, 0, "an outcome without bounds has no odds")
    scaled = (y - low) / (high - low)
    there = np.isfinite(scaled).all(axis=1)
    if not there.any():
        return Estimate(None, None, None, 0, 0, "no example has it in all arms")
    terms = np.column_stack([scaled[there], np.ones(int(there.sum()))])

    def value(sums: Floats) -> Floats:
        p = sums[..., :-1] / sums[..., -1:]
        return np.asarray((np.log(p) - np.log1p(-p)) @ w)

    return of_sums_with_p(terms, value, clusters[there])


def _scaled(ways: Sequence[Estimate], endless: set[int]) -> Scaled:
    """From the estimate as recorded, and as unread answers may have it."""
    e = ways[0]
    p = p_whatever(ways, [p_of(way) for way in ways])
    values = [way.value for way in ways]
    known = [value for value in values if value is not None]
    sides = frozenset({int(np.sign(value)) for value in known} | endless)
    if endless:
        p = None
        e = replace(e, low=None, high=None, why=_ENDLESS, at=None)
    unread: tuple[float | None, float | None] | None = None
    if len(ways) > 1 or endless:
        gone = len(known) < len(values)
        unread = (
            None if -1 in endless or gone else min(known),
            None if 1 in endless or gone else max(known),
        )
    return Scaled(e, p, unread, sides, tuple(ways))


def judged(contrasts: Mapping[str, Contrast], margin: float) -> Table:
    """Several contrasts together, as JSON has them.

    Args:
        contrasts: by name; p is Holm's over all of them.
        margin: up to what size one counts as none, in the outcome's unit.

    Returns:
        By name ``difference`` and ``log_odds``: a table each with ``p_holm``; ``p_both``: Holm's,
        of a contrast that isn't on one side of 0 on both scales; ``together``: the interval of
        ``difference`` that holds together with all others' (Bonferroni), whatever unread answers
        are; ``within``: it lies within the margin.
    """
    level = 1 - (1 - LEVEL) / max(1, len(contrasts))
    adjusted = {
        "difference": holm_by_name({name: c.difference.p for name, c in contrasts.items()}),
        "log_odds": holm_by_name({name: c.log_odds.p for name, c in contrasts.items()}),
        "both": holm_by_name({name: c.p_both for name, c in contrasts.items()}),
    }
    found = {}
    for name, each in contrasts.items():
        wide = each.difference.at(level)
        few = each.difference.estimate.few
        found[name] = {
            **{
                scale: {**getattr(each, scale).table(), "p_holm": adjusted[scale].get(name)}
                for scale in SCALES
            },
            "p_both": adjusted["both"].get(name),
            "together": None if wide is None else list(wide),
            "within": wide is not None and not few and -margin <= wide[0] and wide[1] <= margin,
        }
    return found


def state_of(difference: Mapping[str, Any], *, within: bool) -> str:
    """What is shown of a difference, by its table with ``few`` and ``p_holm``.

    Its p hold whatever unread answers are, so that a small one is enough.

    Args:
        difference: its table.
        within: whether its interval that holds together with the others' lies within the margin.

    Returns:
        ``few``: too few clusters; ``shown``: Holm's p is below .05; ``same``; else ``open``.
    """
    if difference["few"]:
        return "few"
    if difference["p_holm"] is not None and difference["p_holm"] < 0.05:
        return "shown"
    return "same" if within else "open"


def unread_in(columns: Columns, outcome: Outcome) -> NDArray[np.int64]:
    """How many answers of each arm aren't known [A]."""
    missing, _ = unknown((columns, columns), outcome)
    return np.asarray(missing.sum(axis=0))
