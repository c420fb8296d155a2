"""What a model said when it was asked to distinguish, by dialogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.panel import codes_of
from selfcorrect.runs import Run

#: The option that says the same in the other order; of two people there is no third.
_TURNED = {0: 1, 1: 0, 2: 2}


@dataclass(frozen=True)
class Judgements:
    """Of each dialogue that was asked about, in both orders.

    Attributes:
        examples: a number for each dialogue's example [D], ascending, as a panel has it.
        clusters: of each [D]; the same question under two ids is in one.
        right: the share of both answers that are right, 0, .5 or 1 [D]; NaN where one of them
            couldn't be read.
        read: the share of both that could be read [D].
        consistent: whether both say the same [D]; NaN where one couldn't be read.
        label: what is right: see the task ``distinguish`` [D].
    """

    examples: NDArray[np.uint64]
    clusters: NDArray[Any]
    right: Floats
    read: Floats
    consistent: Floats
    label: Floats

    def at(self, examples: NDArray[np.uint64]) -> Judgements:
        """Those of these examples, in this order; all of them must be there."""
        rows = np.searchsorted(self.examples, examples)
        parts = (self.clusters, self.right, self.read, self.consistent, self.label)
        return Judgements(examples, *(part[rows] for part in parts))


def judgements(run: Run) -> Judgements:
    """Of a run of the task ``distinguish``; dialogues that were asked in one order only are left
    out."""
    found: dict[str, dict[int, tuple[int | None, bool]]] = {}
    about: dict[str, tuple[str, float]] = {}
    for frame in run.chunks(["example", "cluster", "choice", "problem", "outcome", "values"]):
        for row in frame.iter_rows(named=True):
            example, _, order = row["example"].rpartition("/")
            values = {each["name"]: each["value"] for each in row["values"] or ()}
            read = row["problem"] is None and row["choice"] is not None
            said = row["choice"] if read else None
            found.setdefault(example, {})[int(order)] = said, row["outcome"] == 1
            about[example] = row["cluster"], values.get("label", np.nan)
    names = sorted(example for example, both in found.items() if len(both) == 2)
    rows = []
    for example in names:
        (one, one_right), (two, two_right) = found[example][1], found[example][2]
        known = one is not None and two is not None
        rows.append(
            (
                (one_right + two_right) / 2 if known else np.nan,
                ((one is not None) + (two is not None)) / 2,
                float(_TURNED.get(one) == two) if known else np.nan,  # type: ignore[arg-type]
                about[example][1],
            )
        )
    columns = np.array(rows, dtype=np.float64).reshape(len(names), 4)
    codes = codes_of(pl.Series(names, dtype=pl.String))
    order = np.argsort(codes)
    clusters = np.array([about[example][0] for example in names], dtype=object)
    return Judgements(codes[order], clusters[order], *columns[order].T)
