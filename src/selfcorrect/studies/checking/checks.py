"""What a model's checks said, and whether that was true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.panel import codes_of
from selfcorrect.records import category_of
from selfcorrect.runs import Run

#: What the strategies let a check say last, and whether that is that the answer is right.
_VERDICTS: Mapping[str, bool | None] = {
    "right": True,
    "wrong": False,
    **{str(n): None if n == 5 else n > 5 for n in range(1, 10)},
}


def verdict(said: str) -> bool | None:
    """Whether a check says that the answer is right; ``None`` where it can't be told.

    Only what was chosen among given words counts: ``right`` or ``wrong``; of a number, above 5 is
    right, below it wrong. Nothing is read out of sentences.
    """
    return _VERDICTS.get(said.strip())


@dataclass(frozen=True)
class Checks:
    """The checks of a run, round 2 on.

    Attributes:
        examples: a number for each example [D], ascending, as a panel has it.
        categories: of each, as :func:`selfcorrect.records.category_of` tells it.
        said: whether the verdict is right, 1 or 0 [D, T − 1]; NaN where none was chosen.
        true: whether that is so of the answer before [D, T − 1]; NaN where either isn't known.
        asked: whether there was a check [D, T − 1].
    """

    examples: NDArray[np.uint64]
    categories: NDArray[Any]
    said: Floats
    true: Floats
    asked: NDArray[np.bool_]


def checks_of(run: Run) -> Checks:
    """The checks of a run whose strategy is ``checking``, or its oracle, complete or not."""
    found: dict[tuple[str, int], tuple[float, float, bool]] = {}
    category: dict[str, str] = {}
    for frame in run.chunks(["example", "cluster", "round", "outcome", "problem", "steps"]):
        for row in frame.iter_rows(named=True):
            category[row["example"]] = category_of(row["cluster"])
            checks = [step for step in row["steps"] if step["kind"] == "critique"]
            chosen = [step["text"] for step in checks if step["choices"]]
            told = verdict(chosen[-1]) if chosen else None
            graded = row["problem"] is None and row["outcome"] is not None
            found[row["example"], row["round"]] = (
                row["outcome"] if graded else np.nan,
                np.nan if told is None else float(told),
                bool(checks),
            )
    names, rounds = sorted(category), sorted({number for _, number in found})
    nothing = (np.nan, np.nan, False)
    table = np.array([[found.get((name, t), nothing) for t in rounds] for name in names], float)
    right, said, asked = np.moveaxis(table, 2, 0)
    known = np.isfinite(right[:, :-1]) & np.isfinite(said[:, 1:])
    true = np.where(known, said[:, 1:] == right[:, :-1], np.nan)
    codes = codes_of(pl.Series(names, dtype=pl.String))
    order = np.argsort(codes)
    categories = np.array([category[name] for name in names], dtype=object)
    return Checks(
        codes[order], categories[order], said[order, 1:], true[order], asked[order, 1:] == 1
    )
