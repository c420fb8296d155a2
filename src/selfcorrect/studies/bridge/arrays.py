"""The three runs as arrays, on the examples that all of them have completely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.errors import UserError
from selfcorrect.measures.clusters import Floats
from selfcorrect.runs.run import Run

#: Answers count as greedy if at least this share of them is the most likely option.
GREEDY_FROM = 0.95

#: So many rounds of an anchor before its last one tell whether it has settled, and where it would.
_EARLIER = 2

#: What is predicted for each record.
QUANTITIES = ("probability", "accuracy")

_COLUMNS = (
    "example", "cluster", "round", "choices", "choice", "likeliest", "target", "outcome", "option_p"
)  # fmt: skip


@dataclass(frozen=True)
class Aligned:
    """What is needed of the three runs, on the examples that they share.

    Attributes:
        p: distributions over the options in each round [T, n, K]; options that an example doesn't
            have are 0.
        plus, minus: p+ and p− [n, K].
        target: the right option [n].
        correct: 1 where the answer given was right, else 0 [T, n].
        answers: the option answered [T, n]; one that couldn't be read counts as the likeliest.
        clusters: a number for each record's cluster [n].
        greedy: whether the answers count as the likeliest option, else as drawn.
        likeliest: the share of the answers read that are the most likely option.
        earlier: p+ and p− as they were one round earlier, and two [R, 2, n, K]; R is 0 … 2, as many
            as both anchors' runs have.
    """

    p: Floats
    plus: Floats
    minus: Floats
    target: NDArray[np.int64]
    correct: Floats
    answers: NDArray[np.int64]
    clusters: NDArray[np.int64]
    greedy: bool = True
    likeliest: float = 1.0
    earlier: Floats | None = None

    @property
    def positions(self) -> NDArray[np.int64]:
        """Which options p+ and p− like best, as a number [n]."""
        width = self.plus.shape[1]
        return np.asarray(self.plus.argmax(axis=1) * width + self.minus.argmax(axis=1))

    @property
    def quantities(self) -> dict[str, Floats]:
        """What is predicted for each record, by :data:`QUANTITIES`, as measured [T, n]."""
        return {"probability": self.of_target(self.p), "accuracy": self.correct}

    def of_target(self, p: Floats) -> Floats:
        """The probability of the right option [..., n] in distributions [..., n, K]."""
        return np.asarray(p[..., np.arange(len(self.target)), self.target])

    def accuracy(self, p: Floats) -> Floats:
        """The expected accuracy [..., n] of answers from distributions [..., n, K]."""
        if self.greedy:
            return np.asarray(p.argmax(axis=-1) == self.target, dtype=np.float64)
        return self.of_target(p)


def aligned(run: Run, negation: Run, anchor: Run) -> Aligned:
    """Read the three runs, and keep the examples that all of them have completely.

    Raises:
        UserError: no options' probabilities, no shared examples, or different options of one.
    """
    own = _records(run)
    rounds = run.spec.rounds
    whole = own.group_by("example").len().filter(pl.col("len") == rounds).select("example")
    anchors = [_ends(each) for each in (negation, anchor)]
    shared = whole
    for each in anchors:
        shared = shared.join(each, on="example", how="semi")
    if shared.is_empty():
        raise UserError(
            f"{run.folder}, {negation.folder} and {anchor.folder} share no example that all of "
            "them have completely: give runs on the same data, with the same limit and seed."
        )
    own = own.join(shared, on="example", how="semi").sort("example", "round")
    first = own.filter(pl.col("round") == own["round"].min())
    ends = [first.select("example").join(e, on="example", how="left") for e in anchors]
    for other, end in zip((negation, anchor), ends, strict=True):
        differ = first.filter(first["choices"] != end["choices"])
        if len(differ):
            raise UserError(
                f"{other.folder} asks example {differ['example'][0]!r} with other options, or in "
                f"another order, than {run.folder}: give a run on the same data and seed."
            )
    back = min(_EARLIER, *(each.spec.rounds - 1 for each in (negation, anchor)))
    n, width = len(first), int(own["option_p"].list.len().to_numpy().max())
    read = own.filter(pl.col("choice").is_not_null())
    likeliest = float((read["choice"] == read["likeliest"]).to_numpy().mean()) if len(read) else 0.0
    return Aligned(
        p=_padded(own["option_p"], width).reshape(n, rounds, width).swapaxes(0, 1),
        plus=_padded(ends[1]["option_p"], width),
        minus=_padded(ends[0]["option_p"], width),
        target=first["target"].to_numpy().astype(np.int64),
        correct=own["outcome"].cast(pl.Float64).to_numpy().reshape(n, rounds).T,
        answers=own.select(pl.coalesce("choice", "likeliest"))
        .to_series()
        .to_numpy()
        .astype(np.int64)
        .reshape(n, rounds)
        .T,
        clusters=np.unique(first["cluster"].to_numpy(), return_inverse=True)[1].astype(np.int64),
        greedy=likeliest >= GREEDY_FROM,
        likeliest=likeliest,
        earlier=np.array(
            [[_padded(end[f"back_{b}"], width) for end in ends[::-1]] for b in range(1, back + 1)]
        ).reshape(back, 2, n, width),
    )


def _records(run: Run) -> pl.DataFrame:
    """The graded records that have the options' probabilities."""
    outcome = run.outcome
    if (outcome.kind, outcome.better) != ("share", "higher"):
        raise UserError(
            f"the outcome of {run.folder} is {outcome.name}, which isn't right or wrong: give a "
            "run on a task whose answers are."
        )
    frame = run.read(_COLUMNS).filter(
        pl.col("option_p").is_not_null()
        & pl.col("target").is_not_null()
        & pl.col("outcome").is_not_null()
    )
    if frame.is_empty():
        raise UserError(
            f"{run.folder} has no record with the probabilities of lettered options: give a run "
            "on a task with options, such as bbq, choices or planted."
        )
    return frame


def _ends(run: Run) -> pl.DataFrame:
    """The last round's distributions, and the earlier ones (the last's where they are missing)."""
    frame = _records(run).select("example", "round", "choices", "option_p")
    rounds = [frame.filter(pl.col("round") == run.spec.rounds - b) for b in range(_EARLIER + 1)]
    ends = rounds[0]
    for b, before in enumerate(rounds[1:], 1):
        column = before.select("example", pl.col("option_p").alias(f"back_{b}"))
        ends = ends.join(column, on="example", how="left").with_columns(
            pl.coalesce(f"back_{b}", "option_p").alias(f"back_{b}")
        )
    return ends


def _padded(rows: pl.Series, width: int) -> Floats:
    table = np.zeros((len(rows), width))
    there = np.arange(width) < rows.list.len().to_numpy()[:, None]
    table[there] = rows.explode().to_numpy()
    return table
