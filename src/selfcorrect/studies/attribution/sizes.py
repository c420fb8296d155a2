"""How large the arms are that a method is compared with, from what its own run took."""

from __future__ import annotations

import numpy as np
import polars as pl

from selfcorrect.models.kinds import kind_of
from selfcorrect.runs import Run
from selfcorrect.studies.neutral import STOCK, as_long, stock

#: Between so many samples a majority is taken, where nobody says how many.
LEAST, MOST = 3, 99
#: A prompt is longer than the repeated question by more words than this, or the question is left
#: out of the neutral one.
_ROOM = 3


def votes_of(method: Run, repeat: Run) -> int:
    """An odd number of samples that take about the tokens of the method's dialogues.

    A model in this process encodes the prompt once for all samples; a server charges for each.

    Args:
        method, repeat: runs of the same examples; what a first answer takes is told by the second.
    """
    every = method.read(["example", "encoded"])
    whole = float(every["encoded"].sum()) / max(1, every["example"].n_unique())
    first = repeat.read(["round", "encoded", "generated"]).filter(pl.col("round") == 1)
    generated = _mean(first["generated"])
    prompt = _mean(first["encoded"]) - generated
    once = kind_of(method.spec.model.name) != "served"
    # the last token of the prompt is encoded for each
    room, each = (whole - prompt, generated + 1) if once else (whole, prompt + generated)
    if each <= 0:  # the model counts no tokens
        return max(LEAST, method.spec.rounds | 1)
    return int(np.clip(2 * round((room / each - 1) / 2) + 1, LEAST, MOST))


def words_of(method: Run, repeat: Run) -> tuple[str, bool]:
    """Neutral words for the place of the method's, and whether the question is asked after them.

    With the question they are as long as what the method adds to its transcript in a later round,
    its reasons and advice included, but the answer; where the method says less than the question
    takes, the words stand alone.
    """
    wanted, question = _words(method), _words(repeat)
    ask = wanted >= question + _ROOM
    n = max(1, round(wanted - question if ask else wanted))
    spec = method.spec
    sentences = stock(spec.model.name, (), "") or STOCK
    return as_long(" ".join(["word"] * n), lambda text: len(text.split()), sentences, "0"), ask


def _words(run: Run) -> float:
    """Words that stand in a later round's transcript before the answer, the mean over records."""
    step = pl.element().struct
    said = step.field("shown") & (step.field("kind") != "answer")
    counted = pl.when(said).then(step.field("text").str.count_matches(r"\S+")).otherwise(0)
    records = run.read(["round", "steps"]).filter(pl.col("round") > 1)
    return _mean(records.select(pl.col("steps").list.eval(counted).list.sum())["steps"])


def _mean(values: pl.Series) -> float:
    known = values.drop_nulls()
    return float(known.mean()) if len(known) else 0.0  # type: ignore[arg-type]
