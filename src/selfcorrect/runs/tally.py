"""The outcomes of graded answers, added up by arm and round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: Sum of the outcomes and number of graded answers, by arm and round.
Graded = dict[tuple[str, int], tuple[float, int]]


def tally(found: Graded, arm: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Count an arm's records."""
    for row in rows:
        if row["outcome"] is not None:
            total, of = found.get((arm, row["round"]), (0.0, 0))
            found[arm, row["round"]] = (total + row["outcome"], of + 1)
