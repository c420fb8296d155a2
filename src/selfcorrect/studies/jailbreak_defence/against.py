"""Differences of shares to no defence, whatever answers that couldn't be read are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.intervals import LEVEL, Estimate
from selfcorrect.measures.outcomes import paired, paired_test
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.unread import Columns, other_counts, p_whatever, state_whatever, unknown
from selfcorrect.outcome import Outcome

Pair = tuple[Columns, Columns]


def against(
    pairs: Mapping[str, Pair], outcome: Outcome, clusters: NDArray[Any], margin: float
) -> dict[str, Any]:
    """Several differences, after − before, on the same examples, judged together.

    Args:
        pairs: by name the columns after and before, each [n].
        outcome: a share.
        clusters: of each example [n].
        margin: up to what size a difference counts as none.

    Returns:
        By name the difference's table with ``after`` and ``before``, the shares; ``p``, whatever
        unread answers are; ``p_holm``, over all of them; ``unread``: how many answers aren't known,
        and ``allow``: the lowest and the highest difference that they allow, ``None`` where all
        are known; ``moved``: examples that differ; ``state``: see
        :func:`selfcorrect.measures.unread.state_whatever`.
    """
    ways = {name: _ways(pair, outcome, clusters) for name, pair in pairs.items()}
    p = {name: p_whatever(*each) for name, each in ways.items()}
    recorded = {name: ps[0] for name, (_, ps) in ways.items()}
    adjusted, as_recorded = holm_by_name(p), holm_by_name(recorded)
    level = 1 - (1 - LEVEL) / max(1, len(pairs))
    found = {}
    for name, (after, before) in pairs.items():
        estimates = ways[name][0]
        e = estimates[0]
        values = [each.value for each in estimates if each.value is not None]
        wide = [
            paired(outcome, a["outcome"], b["outcome"], clusters, level)
            for a, b in _counts((after, before), outcome)
        ]
        both = np.isfinite(after["outcome"]) & np.isfinite(before["outcome"])
        missing = unknown((after, before), outcome)
        found[name] = {
            **e.table(),
            "after": _mean(after["outcome"][both]),
            "before": _mean(before["outcome"][both]),
            "moved": int((after["outcome"] != before["outcome"])[both].sum()),
            "p": p[name],
            "p_holm": adjusted.get(name),
            "unread": int((missing[0] | missing[1]).sum()),
            "allow": [min(values), max(values)] if len(estimates) > 1 else None,
            "margin": margin,
            "state": state_whatever(
                estimates, wide, margin, adjusted.get(name), as_recorded.get(name)
            ),
        }
    return found


def _counts(pair: Pair, outcome: Outcome) -> list[Pair]:
    """The columns as recorded, and as unread answers may have it."""
    return [pair, *other_counts(pair, outcome)]


def _ways(
    pair: Pair, outcome: Outcome, clusters: NDArray[Any]
) -> tuple[list[Estimate], list[float | None]]:
    sides = [(a["outcome"], b["outcome"]) for a, b in _counts(pair, outcome)]
    estimates = [paired(outcome, a, b, clusters) for a, b in sides]
    return estimates, [paired_test(outcome, a, b, clusters) for a, b in sides]


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def rows_of(columns: Columns, rows: NDArray[Any]) -> Columns:
    """Some examples' columns."""
    return {name: np.asarray(column)[rows] for name, column in columns.items()}


def unadjusted(pair: Pair, outcome: Outcome, clusters: NDArray[Any]) -> dict[str, Any]:
    """One difference by itself, of a group say, of which nothing is claimed: its table, without an
    interval where unread answers could move it."""
    estimates, _ = _ways(pair, outcome, clusters)
    e = estimates[0]
    ends = [(each.low, each.high) for each in estimates]
    known = [(low, high) for low, high in ends if low is not None and high is not None]
    if len(known) < len(ends):
        return e.table()
    # as wide as all ways together
    return replace(e, low=min(x for x, _ in known), high=max(x for _, x in known)).table()
