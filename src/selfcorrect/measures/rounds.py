"""What a run measures in each round, each number with its interval, n and clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.measures.intervals import Estimate, figure, mean, proportion

#: The columns of the records that :func:`summarize` reads; never ``steps``.
COLUMNS = (
    "example",
    "cluster",
    "round",
    "choice",
    "problem",
    "correct",
    "likeliest",
    "option_mass",
    "confidence",
    "entropy",
    "first_choice_p",
    "encoded",
    "reused",
    "generated",
    "values",
)

#: A round whose median option mass is below this is flagged: the options were hardly considered.
LOW_MASS = 0.5

#: A number of one round from its records' columns, NaN where undefined.
Figure = Callable[[Mapping[str, NDArray[Any]]], float]

_MEANS = ("confidence", "entropy", "option_mass", "first_choice_p")
_COSTS = ("encoded", "generated", "reused")


def summarize(
    records: pl.DataFrame,
    figures: Mapping[str, Figure] | None = None,
    values: Iterable[str] = (),
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Every measure in every round.

    All rounds are over the same dialogues: where a strategy stopped a dialogue early, its last
    answer stands in the later rounds, at no further tokens (``stopped`` counts them).

    The measures, each ``{"value", "low", "high", "n", "clusters"}`` (with ``"why"`` where a number
    is missing; never NaN):

    - ``accuracy``: share correct; an answer that couldn't be read is not correct;
    - ``parse_rate``: share of answers that could be read;
    - ``confidence``: mean p of the answer given, over the answers read;
    - ``entropy``: mean entropy over the options, in nats;
    - ``option_mass``: mean Σ P(option) before normalising, with its ``median``;
    - ``first_choice_p``: mean p of the dialogue's choice in round 1;
    - ``likeliest_differs``: share of answers read that are not the likeliest option;
    - ``encoded``, ``generated``, ``reused``: mean tokens that went through the model (those
      generated among them), that were generated, and that came from the cache;
    - ``tokens``: as ``encoded``, the cost of a round;
    - the task's own ``values`` (means) and ``figures``.

    Args:
        records: with at least :data:`COLUMNS`, complete dialogues, sorted by example and round.
        figures: a task's own figures per round.
        values: names of the numbers that the task may put into its records.
        seed: of the resampling.

    Returns:
        ``{"rounds": [{"round", "n", "clusters", "unparsed", "stopped", "low_mass", "measures"}]}``
        with JSON's types only.
    """
    if records.is_empty():
        return {"rounds": []}
    carried = _carry_forward(records.select(COLUMNS))
    rounds = []
    for number in range(1, int(carried["round"].max()) + 1):  # type: ignore[arg-type]
        of_round = carried.filter(pl.col("round") == number)
        rounds.append(_round(number, of_round, figures or {}, tuple(values), seed))
    return {"rounds": rounds}


def _carry_forward(records: pl.DataFrame) -> pl.DataFrame:
    """One row per dialogue and round: a stopped dialogue's last row is repeated, without cost."""
    last = records.group_by("example", maintain_order=True).last()
    rounds = int(records["round"].max())  # type: ignore[arg-type]
    records = records.with_columns(stopped=pl.lit(False))
    short = last.filter(pl.col("round") < rounds)
    if short.is_empty():
        return records
    free = [pl.lit(0, records.schema[c]).alias(c) for c in _COSTS]
    later = (
        short.with_columns(pl.int_ranges(pl.col("round") + 1, rounds + 1).alias("_later"))
        .explode("_later")
        .with_columns(pl.col("_later").cast(records.schema["round"]).alias("round"), *free)
        .drop("_later")
        .with_columns(stopped=pl.lit(True))
    )
    return pl.concat([records, later])


def _round(
    number: int,
    rows: pl.DataFrame,
    figures: Mapping[str, Figure],
    values: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    clusters = rows["cluster"].rank("dense").to_numpy()  # numbers sort faster than strings
    parsed = rows["problem"].is_null()
    differs = (rows["choice"] != rows["likeliest"]).cast(pl.Float64)
    measures: dict[str, dict[str, Any]] = {
        "accuracy": proportion(_floats(rows["correct"]), clusters).table(),
        "parse_rate": proportion(_floats(parsed), clusters).table(),
        "likeliest_differs": proportion(_floats(differs), clusters).table(),
    }
    for name in (*_MEANS, *_COSTS):
        measures[name] = mean(_floats(rows[name]), clusters, seed=seed).table()
    measures["tokens"] = dict(measures["encoded"])
    mass = _floats(rows["option_mass"])
    median = float(np.median(mass[np.isfinite(mass)])) if np.isfinite(mass).any() else None
    measures["option_mass"]["median"] = median
    columns = _values(rows, values)
    for name, column in columns.items():
        measures[name] = mean(column, clusters, seed=seed).table()
    columns |= {"correct": _floats(rows["correct"]), "choice": _floats(rows["choice"])}
    for name, compute in figures.items():
        measures[name] = _figure(compute, columns, clusters, seed).table()
    return {
        "round": number,
        "n": len(rows),
        "clusters": len(np.unique(clusters)),
        "unparsed": int((~parsed).sum()),
        "stopped": int(rows["stopped"].sum()),
        "low_mass": median is not None and median < LOW_MASS,
        "measures": measures,
    }


def _figure(
    compute: Figure,
    columns: Mapping[str, NDArray[np.float64]],
    clusters: NDArray[Any],
    seed: int,
) -> Estimate:
    def of(positions: NDArray[np.int64]) -> float:
        with np.errstate(all="ignore"):  # 0/0 is NaN, which the figure's contract allows
            return compute({name: column[positions] for name, column in columns.items()})

    return figure(of, clusters, seed=seed)


def _values(rows: pl.DataFrame, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """The task's own numbers as columns, NaN where a record has none."""
    n = len(rows)
    long = (
        rows.select(pl.int_range(n).alias("row"), "values")
        .explode("values")
        .drop_nulls("values")
        .unnest("values")
    )
    columns = {name: np.full(n, np.nan) for name in names}
    for (name,), part in long.group_by("name", maintain_order=True):
        column = columns.setdefault(str(name), np.full(n, np.nan))
        column[part["row"].to_numpy()] = _floats(part["value"])
    return columns


def _floats(column: pl.Series) -> NDArray[np.float64]:
    """As float64 [n], NaN where missing."""
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
