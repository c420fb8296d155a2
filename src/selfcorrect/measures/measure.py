"""What a measure is: where its numbers come from, how they are judged, what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import polars as pl
from numpy.typing import NDArray

from selfcorrect.outcome import Floats

#: From the columns of all rounds [D] each, the clusters [D] and a seed: per round the measures'
#: tables by name. What isn't a measure (a reliability diagram) goes beside them into the round.
OfRounds = Callable[
    [Sequence[Mapping[str, Floats]], NDArray[Any], int], Sequence[Mapping[str, Any]]
]


@dataclass(frozen=True)
class Measure:
    """A number that a run has in every round.

    Attributes:
        name: in JSON and everywhere else.
        label, text: for readers: its name, and what it is in a sentence or two.
        group: the heading under which the report shows it.
        kind: ``share`` of records, ``mean`` over records, ``round`` (computed from a round's
            records), ``way`` (of what became of each dialogue since the round before).
        form: how it is written: ``share`` (0 to 1), ``score``, ``nats``, ``tokens``, ``count``.
        better: the direction that is better; ``None`` where neither is.
        bounds: between what its values lie.
        ceiling: what bounds it further: ``options`` of a question, or ``samples`` beside an answer,
            of whose number it is at most the logarithm.
        margin: a change that is no larger counts as none; ``None``: it is never called the same.
        compared: rounds and runs are compared in it.
        band: its curve has a simultaneous band.
        column: the head of its column in the terminal's table; empty where it has none.
        explained: what the table says of that column, a phrase.
        needs: ``right``: only where an answer is right or wrong; ``options``: only where a question
            has options; ``samples``: only where replies were drawn beside the answers; ``truth``:
            only where the model was asked whether its answers are right; ``feedback``: only where
            a dialogue was given feedback.
        of_record: its value for a record.
        of_rounds: its values by round; measures of one function are computed together.
        of_way: from answers and their quality (1 right, 0 wrong) [D, T] each, its value for each
            dialogue and round.
        difference: of two rounds' columns, the clusters and a level, its estimate; by default that
            of a paired difference over records.
    """

    name: str
    label: str
    text: str
    group: str = "More"
    kind: Literal["share", "mean", "round", "way"] = "mean"
    form: str = "score"
    better: Literal["higher", "lower"] | None = None
    bounds: tuple[float, float] = (-inf, inf)
    ceiling: Literal["", "options", "samples"] = ""
    margin: float | None = None
    compared: bool = False
    band: bool = False
    column: str = ""
    explained: str = ""
    needs: Literal["", "right", "options", "samples", "truth", "feedback"] = ""
    of_record: pl.Expr | None = None
    of_rounds: OfRounds | None = None
    of_way: Callable[[Floats, Floats], Floats] | None = None
    difference: Callable[..., Any] | None = None

    @property
    def sign(self) -> int:
        """1 where more is better, −1 where less is, 0 where neither is."""
        return {"higher": 1, "lower": -1}.get(self.better or "", 0)


ANSWERS, SURE, CALIBRATION = "Answers", "How sure", "Calibration"
QUALITY, COST = "Uncertainty and quality", "Cost"
#: The headings, in the order of the report.
GROUPS = (ANSWERS, SURE, CALIBRATION, QUALITY, COST, "More")
