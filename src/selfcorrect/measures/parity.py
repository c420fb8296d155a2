"""Whether a verdict depends on the round in which a run happened to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import apart, cut, mean
from selfcorrect.outcome import Outcome

#: So large a share of dialogues that go back and forth is what the verdict is about.
ALTERNATING = 0.05

_Row = Mapping[str, Any]


def parity(
    change: _Row,
    previous: _Row,
    both: tuple[Floats, Floats],
    clusters: NDArray[Any],
    outcome: Outcome,
    at: float,
) -> dict[str, Any]:
    """A difference up to the last round beside that up to the last but one.

    Where answers go back and forth, a difference in one round is a coin's side.

    Args:
        change: the outcome's difference in the last round, as
            :func:`selfcorrect.measures.compare.compare` has it.
        previous: the same of the last round but one.
        both: the differences of records in both rounds [n] each.
        clusters: of the records [n].
        outcome: of the task.
        at: the level of the intervals that decide.

    Returns:
        ``previous``; ``both``: the mean of both differences; ``agree``: whether the two have one
        verdict.
    """
    middle = mean(np.mean(both, axis=0), clusters, level=at)
    return {
        "previous": dict(previous),
        "both": cut(middle, apart(outcome.bounds)).table(),
        "agree": previous["verdict"] == change["verdict"],
    }
