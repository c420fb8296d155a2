"""What a model's checks said, and whether that was true."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.panel import codes_of
from selfcorrect.runs import Run

_BOTH = re.compile(r"\b(?:right or wrong|wrong or right|correct or incorrect)\b")
_WORD = re.compile(
    r"(\bnot |n['’]t )?(?:entirely |fully |quite )?\b(right|correct|wrong|incorrect)\b"
)
_YES = re.compile(r"\W*(yes|no)\b")


def verdict(text: str, form: str) -> bool | None:
    """Whether a check says that the answer is right; ``None`` where it can't be read.

    Of a number, above 5 is right, below it wrong. Of words the last of right, correct, wrong and
    incorrect counts, the other way round after "not"; of a short check its yes or no, if it begins
    with one.
    """
    said = text.strip().lower()
    if form == "number":
        number = int(said) if said.isdigit() else 5
        return None if number == 5 else number > 5
    if form == "short" and (found := _YES.match(said)):
        return found[1] == "yes"
    words = _WORD.findall(_BOTH.sub(" ", said))
    if not words:
        return None
    negated, word = words[-1]
    return (word in ("right", "correct")) != bool(negated)


@dataclass(frozen=True)
class Checks:
    """The checks of a run, round 2 on.

    Attributes:
        examples: a number for each example [D], ascending, as a panel has it.
        categories: of each: its cluster's name, up to the last ``/`` where there is one.
        said: whether the check says right, 1 or 0 [D, T − 1]; NaN where it couldn't be read.
        true: whether that is so of the answer before [D, T − 1]; NaN where either isn't known.
        asked: whether there was a check [D, T − 1].
    """

    examples: NDArray[np.uint64]
    categories: NDArray[Any]
    said: Floats
    true: Floats
    asked: NDArray[np.bool_]


def checks_of(run: Run, form: str) -> Checks:
    """The checks of a run whose strategy is ``checking``, or its oracle.

    Args:
        run: complete or not.
        form: of its checks.
    """
    found: dict[tuple[str, int], tuple[float, float, bool]] = {}
    category: dict[str, str] = {}
    for frame in run.chunks(["example", "cluster", "round", "outcome", "problem", "steps"]):
        for row in frame.iter_rows(named=True):
            category[row["example"]] = row["cluster"].rsplit("/", 1)[0]
            texts = [step["text"] for step in row["steps"] if step["kind"] == "critique"]
            told = verdict(texts[-1], form) if texts else None
            graded = row["problem"] is None and row["outcome"] is not None
            found[row["example"], row["round"]] = (
                row["outcome"] if graded else np.nan,
                np.nan if told is None else float(told),
                bool(texts),
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
