"""Records as plain arrays: one row a dialogue, one column a round, so that rounds are paired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.errors import UserError

Floats = NDArray[np.float64]

#: The columns of the records that a panel is made from; never ``steps``.
COLUMNS = (
    "example",
    "cluster",
    "round",
    "choices",
    "choice",
    "problem",
    "outcome",
    "target",
    "likeliest",
    "option_p",
    "option_mass",
    "confidence",
    "entropy",
    "first_choice_p",
    "encoded",
    "reused",
    "generated",
    "values",
)

_FLOAT = pl.Float64
_PARSED = pl.col("problem").is_null()
_CHANCE = 1 / pl.col("choices").list.len().cast(_FLOAT)
_CORRECT = pl.col("outcome").cast(_FLOAT)
# Σ_o (p_o − 1[o = y])² = Σ p_o² − 2 p_y + 1
_BRIER = (
    pl.col("option_p").list.eval(pl.element() ** 2).list.sum()
    - 2 * pl.col("option_p").list.get(pl.col("target"), null_on_oob=True)
    + 1
)
_CONFIDENCE = pl.col("confidence").cast(_FLOAT)

#: A panel's columns from a record's: what each is, see :class:`Panel`.
_FROM = {
    "outcome": _CORRECT,
    "parsed": _PARSED.cast(_FLOAT),
    "answer": pl.when(pl.col("choices").list.len() > 0).then(
        pl.col("choice").cast(_FLOAT).fill_null(-1.0)
    ),
    "choice": pl.col("choice").cast(_FLOAT),
    "differs": (pl.col("choice") != pl.col("likeliest")).cast(_FLOAT),
    "confidence": pl.when(_PARSED).then(_CONFIDENCE),
    "gap": pl.when(_PARSED).then(_CONFIDENCE - _CORRECT),
    "brier": pl.when(_PARSED & pl.col("option_p").is_not_null()).then(_BRIER),
    "confidence_all": pl.when(_PARSED).then(_CONFIDENCE).otherwise(_CHANCE),
    "gap_all": pl.when(_PARSED).then(_CONFIDENCE - _CORRECT).otherwise(_CHANCE - _CORRECT),
    "brier_all": pl.when(_PARSED)
    .then(pl.when(pl.col("option_p").is_not_null()).then(_BRIER))
    .otherwise(1 - _CHANCE),
    **{
        name: pl.col(name).cast(_FLOAT)
        for name in (
            "entropy",
            "option_mass",
            "first_choice_p",
            "encoded",
            "generated",
            "reused",
        )
    },
}


@dataclass(frozen=True)
class Panel:
    """All records of a run, D dialogues by T rounds.

    Attributes:
        rounds: their numbers, ascending.
        examples: a number for each dialogue's example [D] that follows from its id alone.
        clusters: a number for each one's cluster [D] that follows from its name alone.
        columns: name → [D, T], NaN where there is no record or the record doesn't have it.
            ``answer`` is the choice, or −1 where it couldn't be read (NaN where there are no
            choices); ``gap`` is confidence −
            correct, ``brier`` the record's Brier score, both of answers that could be read;
            ``confidence_all``, ``gap_all`` and ``brier_all`` take an answer that couldn't be
            read as wrong with confidence 1/|options|.
        own: the task's own numbers by name [D, T].
    """

    rounds: tuple[int, ...]
    examples: NDArray[np.uint64]
    clusters: NDArray[np.uint64]
    columns: Mapping[str, Floats]
    own: Mapping[str, Floats]

    @property
    def there(self) -> NDArray[np.bool_]:
        """Where there is a record [D, T]."""
        return np.isfinite(self.columns["parsed"])

    def at(self, round: int) -> dict[str, Floats]:
        """All columns, the task's own included, in one round: [D] each."""
        place = self.rounds.index(round)
        return {name: c[:, place] for name, c in {**self.columns, **self.own}.items()}

    def only(self, rows: NDArray[Any]) -> Panel:
        """Some dialogues, given by position or as a mask."""
        return Panel(
            self.rounds,
            self.examples[rows],
            self.clusters[rows],
            {name: c[rows] for name, c in self.columns.items()},
            {name: c[rows] for name, c in self.own.items()},
        )

    def beside(self, other: Panel) -> tuple[Panel, Panel]:
        """Both, reduced to the examples they share, in one order."""
        _, mine, others = np.intersect1d(
            self.examples, other.examples, assume_unique=True, return_indices=True
        )
        return self.only(mine), other.only(others)


def panel(records: pl.DataFrame | Iterable[pl.DataFrame], values: Iterable[str] = ()) -> Panel:
    """A panel of records.

    Args:
        records: with at least :data:`COLUMNS`, whole or in parts that are let go one by one.
        values: names of the numbers that the task may put into its records.

    Raises:
        UserError: an example has two records of one round.
    """
    frames = [records] if isinstance(records, pl.DataFrame) else records
    # nothing larger than the arrays is held: a data frame of many parts takes twice as much
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*_FROM, "round")}
    codes: dict[str, list[NDArray[np.uint64]]] = {"example": [], "cluster": []}
    own: dict[str, list[tuple[int, NDArray[Any], NDArray[Any]]]] = {name: [] for name in values}
    n = 0
    for frame in frames:
        numbers = frame.select(**_FROM, round=pl.col("round").cast(_FLOAT))
        for name, column in zip(parts, numbers.fill_null(float("nan")).to_numpy().T, strict=True):
            # whole numbers are exact in half the space
            parts[name].append(column.astype(np.float32 if name in _WHOLE else np.float64))
        for name, of in codes.items():
            distinct = frame[name].rle().struct.unnest()
            of.append(np.repeat(_codes(distinct["value"]), distinct["len"].to_numpy()))
        for name, rows, column in _values(frame):
            own.setdefault(name, []).append((n, rows, column))
        n += len(frame)
    if not n:
        nobody = np.empty(0, np.uint64)
        return Panel((), nobody, nobody, dict.fromkeys(_FROM, np.empty((0, 0))), {})

    clusters = np.concatenate(codes.pop("cluster"))
    examples, first, row = np.unique(
        np.concatenate(codes.pop("example")), return_index=True, return_inverse=True
    )
    rounds, column_of = np.unique(np.concatenate(parts.pop("round")), return_inverse=True)
    shape = (len(examples), len(rounds))
    if len(np.unique(row * shape[1] + column_of)) < n:
        raise UserError(
            "an example has two records of one round: the run's files were mixed with another "
            "run's; move the folder away and run the command again."
        )
    columns: dict[str, Floats] = {}
    for name in list(parts):
        columns[name] = np.full(shape, np.nan, np.float32 if name in _WHOLE else np.float64)
        columns[name][row, column_of] = np.concatenate(parts.pop(name))
    mine: dict[str, Floats] = {}
    for name, given in own.items():
        mine[name] = np.full(shape, np.nan)
        for start, rows, column in given:
            mine[name][row[start + rows], column_of[start + rows]] = column
    return Panel(tuple(int(t) for t in rounds), examples, clusters[first], columns, mine)


_WHOLE = {"outcome", "parsed", "answer", "choice", "differs", "encoded", "generated", "reused"}


def _codes(names: pl.Series) -> NDArray[np.uint64]:
    digests = (blake2b(name.encode(), digest_size=8).digest() for name in names.to_list())
    return np.array([int.from_bytes(d, "big") for d in digests], dtype=np.uint64)


def _values(frame: pl.DataFrame) -> list[tuple[str, NDArray[Any], NDArray[Any]]]:
    """The task's own numbers: name, rows that have it, and what they have."""
    long = (
        frame.select(pl.int_range(len(frame)).alias("row"), "values")
        .explode("values")
        .drop_nulls("values")
    )
    if long.is_empty():
        return []
    groups = long.unnest("values").drop_nulls().group_by("name", maintain_order=True)
    return [(str(name), g["row"].to_numpy(), g["value"].to_numpy()) for (name,), g in groups]
