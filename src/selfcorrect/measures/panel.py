"""Records as plain arrays: one row a dialogue, one column a round, so that rounds are paired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import log
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.errors import UserError
from selfcorrect.measures.catalogue import MEASURES, measures
from selfcorrect.measures.measure import Measure
from selfcorrect.outcome import ACCURACY, LARGEST, Outcome

Floats = NDArray[np.float64]

_HASHED = (1 << 52) - 1  # what a float holds exactly
#: Notes of records whose answer is that of the round before.
_STANDING = ("settled", "done", "ended", "kept")
#: Columns besides those of measures: what an answer is, and whether it could be read.
BASE = {
    "offered": pl.col("choices").list.len().cast(pl.Int16),
    "parse_rate": pl.col("problem").is_null(),
    "answer": pl.when(pl.col("key").is_not_null())
    .then((pl.col("key").hash(0) & _HASHED).cast(pl.Int64))
    .otherwise(-1),
    "choice": pl.col("choice"),
    "outcome": pl.col("outcome"),
    "gradable": pl.when(pl.col("choices").list.len() > 0)
    .then(pl.col("target").is_not_null())
    .otherwise(True),
    "stands": pl.col("notes")
    .list.eval(pl.element().struct.field("code").is_in(_STANDING))
    .list.any(),
}
#: What is known of an answer by the samples beside it; what they cost is of their round alone.
_BESIDE = [
    m.name for m in MEASURES
    if m.needs in ("samples", "truth") and m.of_record is not None and m.name != "sampled"
]  # fmt: skip
_ALWAYS = ("example", "cluster", "round", "choices", "values")


def expressions(outcome: Outcome = ACCURACY) -> dict[str, pl.Expr]:
    """A panel's columns, each as an expression over the records' columns."""
    found = dict(BASE)
    for measure in measures(outcome):
        if measure.of_record is not None and measure.name != outcome.name:
            found[measure.name] = measure.of_record
    return found


def columns_needed(outcome: Outcome = ACCURACY) -> list[str]:
    """The columns of the records that a panel is made from; never ``steps``."""
    needed = dict.fromkeys(_ALWAYS)
    for each in expressions(outcome).values():
        needed |= dict.fromkeys(each.meta.root_names())
    return list(needed)


def _whole(frame: pl.DataFrame) -> pl.DataFrame:
    """Records with the columns of samples and feedback, which those of a run without any need not
    have."""
    lacks = {
        name
        for measure in MEASURES
        if measure.needs in ("samples", "truth", "feedback") and measure.of_record is not None
        for name in measure.of_record.meta.root_names()
        if name not in frame.columns
    }
    return frame.with_columns(pl.lit(None, pl.Float64).alias(name) for name in lacks)


@dataclass(frozen=True)
class Panel:
    """All records of a run, D dialogues by T rounds.

    Attributes:
        rounds: their numbers, ascending.
        examples: a number for each dialogue's example [D] that follows from its id alone.
        clusters: a number for each one's cluster [D] that follows from its name alone.
        columns: name → [D, T], NaN where there is no record or the record doesn't have it: those
            measures that are numbers of a record, by their names, and ``answer``, a number that
            follows from the answer's key (−1 where it couldn't be read), ``choice``, ``offered``,
            how many options there are, ``outcome``, ``quality``, the outcome on a scale from 0, the
            worst, to 1, and ``gradable``, whether anything is known that an answer could be graded
            by.
        own: the task's own numbers by name [D, T].
        outcome: what the task says of its outcome.
        options: whether any of its questions has options.
        samples: whether any of its records has samples.
        choices: how many options a question has at most, 0 where that isn't known.
        drawn: how many samples are drawn beside an answer, 0 where that isn't known.
    """

    rounds: tuple[int, ...]
    examples: NDArray[np.uint64]
    clusters: NDArray[np.uint64]
    columns: Mapping[str, Floats]
    own: Mapping[str, Floats]
    outcome: Outcome = ACCURACY
    options: bool = True
    samples: bool = False
    choices: int = 0
    drawn: int = 0

    @property
    def truth(self) -> bool:
        """Whether the model was asked if its answers are right."""
        return "p_true" in self.columns and bool(np.isfinite(self.columns["p_true"]).any())

    @property
    def chance(self) -> float | None:
        """The share of right answers that guessing would give, where answers are options of which
        one is right; None elsewhere."""
        offered = self.columns.get("offered")
        if not self.options or self.outcome.kind != "share" or offered is None:
            return None
        found = offered[np.isfinite(offered) & (offered > 0)]
        return float(np.mean(1 / found)) if found.size and self.outcome.sign > 0 else None

    @property
    def feedback(self) -> bool:
        """Whether feedback was given of which it is known whether it told the answer."""
        return "leaked" in self.columns and bool(np.isfinite(self.columns["leaked"]).any())

    @property
    def there(self) -> NDArray[np.bool_]:
        """Where there is a record [D, T]."""
        return np.isfinite(self.columns["parse_rate"])

    @property
    def measures(self) -> list[Measure]:
        """Those that fit the run."""
        every = measures(self.outcome, self.options, self.samples, self.truth, self.feedback)
        most = {"options": self.choices, "samples": self.drawn}
        known = {name: log(n) for name, n in most.items() if n > 1}
        return [
            replace(m, bounds=(m.bounds[0], known[m.ceiling])) if m.ceiling in known else m
            for m in every
        ]

    def of(self, measure: Measure) -> Floats:
        """The column of a measure that is a number of a record [D, T]."""
        return self.columns["outcome" if measure.name == self.outcome.name else measure.name]

    def at(self, round: int) -> dict[str, Floats]:
        """All columns, the task's own included, in one round: [D] each."""
        place = self.rounds.index(round)
        return {name: c[:, place] for name, c in {**self.columns, **self.own}.items()}

    def only(self, rows: NDArray[Any]) -> Panel:
        """Some dialogues, given by position or as a mask."""
        return replace(
            self,
            examples=self.examples[rows],
            clusters=self.clusters[rows],
            columns={name: c[rows] for name, c in self.columns.items()},
            own={name: c[rows] for name, c in self.own.items()},
        )

    def beside(self, other: Panel) -> tuple[Panel, Panel]:
        """Both, reduced to the examples they share, in one order."""
        _, mine, others = np.intersect1d(
            self.examples, other.examples, assume_unique=True, return_indices=True
        )
        return self.only(mine)._with(other.own), other.only(others)._with(self.own)

    def _with(self, own: Mapping[str, Floats]) -> Panel:
        """With all the numbers of a task that another run has: none of its records may have one."""
        nothing = np.full((len(self.examples), len(self.rounds)), np.nan)
        return replace(self, own={**dict.fromkeys(own, nothing), **self.own})


def panel(
    records: pl.DataFrame | Iterable[pl.DataFrame],
    values: Iterable[str] = (),
    outcome: Outcome = ACCURACY,
    drawn: int = 0,
) -> Panel:
    """A panel of records.

    A dialogue that was over early, or that gave no new answer in a round, has no samples in it: as
    its last answer stands, so does what the samples beside that answer said.

    Args:
        records: with at least :func:`columns_needed`, whole or in parts that are let go one by one.
        values: names of the numbers that the task may put into its records.
        outcome: what the task says of its outcome.
        drawn: how many samples are drawn beside an answer, where there are any.

    Raises:
        UserError: an example has two records of one round; a number is beyond what it can be.
    """
    frames = [records] if isinstance(records, pl.DataFrame) else records
    wanted = expressions(outcome)
    # nothing larger than the arrays is held: a data frame of many parts takes twice as much
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*wanted, "round")}
    codes: dict[str, list[NDArray[np.uint64]]] = {"example": [], "cluster": []}
    own: dict[str, list[tuple[int, NDArray[Any], NDArray[Any]]]] = {name: [] for name in values}
    n, choices, samples = 0, 0, False
    for frame in map(_whole, frames):
        numbers = frame.select(**wanted, round=pl.col("round"))
        for name, series in zip(parts, numbers.get_columns(), strict=True):
            # short whole numbers are exact in half the space
            half = series.dtype in _SHORT
            column = series.cast(pl.Float32 if half else pl.Float64).fill_null(float("nan"))
            parts[name].append(column.to_numpy())
        for name, of in codes.items():
            distinct = frame[name].rle().struct.unnest()
            of.append(np.repeat(codes_of(distinct["value"]), distinct["len"].to_numpy()))
        for name, rows, column_of_task in _values(frame):
            own.setdefault(name, []).append((n, rows, column_of_task))
        choices = max(choices, int(frame["choices"].list.len().max() or 0))  # type: ignore[arg-type]
        samples = samples or frame["likelihood"].count() + frame["meanings"].count() > 0
        n += len(frame)
    if not n:
        nobody = np.empty(0, np.uint64)
        names = (*(name for name in wanted if name != "stands"), "quality")
        nothing: dict[str, Floats] = dict.fromkeys(names, np.empty((0, 0)))
        return Panel((), nobody, nobody, nothing, {}, outcome)

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
        found = np.concatenate(parts.pop(name))
        columns[name] = np.full(shape, np.nan, found.dtype)
        columns[name][row, column_of] = found
    _check_numbers(columns, outcome)
    columns["quality"] = quality(columns["outcome"], outcome)
    _stand(columns, columns.pop("stands") == 1)
    mine: dict[str, Floats] = {}
    for name, given in own.items():
        mine[name] = np.full(shape, np.nan)
        for start, rows, column_of_task in given:
            mine[name][row[start + rows], column_of[start + rows]] = column_of_task
        _check_number(name, mine[name], -np.inf, np.inf)
    return Panel(
        rounds=tuple(int(t) for t in rounds),
        examples=examples,
        clusters=clusters[first],
        columns=columns,
        own=mine,
        outcome=outcome,
        options=choices > 0,
        samples=samples,
        choices=choices,
        drawn=drawn if samples else 0,
    )


def _check_numbers(columns: Mapping[str, Floats], outcome: Outcome) -> None:
    """Raises UserError where a number of a record isn't one that it can be: whoever sent a run may
    have written anything, and what is computed of it has no value, or an impossible one."""
    for measure in measures(outcome):
        name = "outcome" if measure.name == outcome.name else measure.name
        if name in columns:
            _check_number(measure.name, columns[name], *measure.bounds)


def _check_number(name: str, values: Floats, low: float, high: float) -> None:
    largest = min(LARGEST, float(np.finfo(values.dtype).max))  # whole numbers are held in half
    beyond = (values < low - _ROUNDED) | (values > high + _ROUNDED) | (abs(values) > largest)
    if beyond.any():
        ends = [f"below {low:g}"] * (low > -np.inf) + [f"above {high:g}"] * (high < np.inf)
        raise UserError(
            f"a record has {name} {values[beyond][0]:g}, and none can have it "
            f"{' or '.join(ends) or 'as large'}: the run's files were damaged, or made by hand; "
            "see: selfcorrect verify."
        )


def _stand(columns: Mapping[str, Floats], stands: NDArray[np.bool_]) -> None:
    """Carry what samples say on to the rounds in which no answer was asked for, or none came."""
    for t in range(1, stands.shape[1]):
        for name in _BESIDE:
            x = columns[name]
            taken = stands[:, t] & np.isnan(x[:, t])
            x[taken, t] = x[taken, t - 1]


def quality(values: Floats, outcome: Outcome) -> Floats:
    """Outcomes on a scale from 0, the worst, to 1; NaN where their bounds are infinite."""
    low, high = outcome.bounds
    with np.errstate(invalid="ignore"):
        scaled = (values - low) / (high - low)
        scaled = np.where(np.isfinite(scaled), scaled, np.nan)
        return scaled if outcome.sign > 0 else 1 - scaled


#: Of a number that rounding has put beyond its bounds.
_ROUNDED = 1e-4
_SHORT = (pl.Boolean, pl.Int8, pl.Int16, pl.Int32)


def codes_of(names: pl.Series) -> NDArray[np.uint64]:
    """A number for each name [n] that follows from it alone."""
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
