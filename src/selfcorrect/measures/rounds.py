"""What a run measures in each round, each number with its interval, n and clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from selfcorrect.measures.intervals import Estimate, figure, means, proportion

#: The columns of the records that :func:`summarize` reads; never ``steps``.
COLUMNS = (
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
    records: pl.DataFrame | Iterable[pl.DataFrame],
    figures: Mapping[str, Figure] | None = None,
    values: Iterable[str] = (),
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Every measure in every round.

    All rounds are over the same dialogues: one that stopped early has records in the later rounds
    too, in which its answer stands at no further tokens.

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
        records: with at least :data:`COLUMNS`, whole or in parts that are let go one by one.
        figures: a task's own figures per round.
        values: names of the numbers that the task may put into its records.
        seed: of the resampling.

    Returns:
        ``{"rounds": [{"round", "n", "clusters", "unparsed", "low_mass", "measures"}]}``
        with JSON's types only.
    """
    frames = [records] if isinstance(records, pl.DataFrame) else records
    columns, own = _columns(frames, values)
    shown = list(values)
    rounds = []
    for number in np.unique(columns["round"]):
        which = np.flatnonzero(columns["round"] == number)
        of_round = {name: column[which] for name, column in columns.items()}
        rounds.append(_round(int(number), of_round, own, shown, figures or {}, seed))
    return {"rounds": rounds}


def _round(
    number: int,
    columns: Mapping[str, NDArray[Any]],
    own: Sequence[str],
    shown: Sequence[str],
    figures: Mapping[str, Figure],
    seed: int,
) -> dict[str, Any]:
    clusters = columns["cluster"]
    measures: dict[str, dict[str, Any]] = {
        "accuracy": proportion(columns["correct"], clusters).table(),
        "parse_rate": proportion(columns["parsed"], clusters).table(),
        "likeliest_differs": proportion(columns["differs"], clusters).table(),
    }
    names = (*_MEANS, *_COSTS, *shown)
    for name, estimate in means({c: columns[c] for c in names}, clusters, seed=seed).items():
        measures[name] = estimate.table()
    measures["tokens"] = dict(measures["encoded"])
    mass = columns["option_mass"][np.isfinite(columns["option_mass"])]
    median = float(np.median(mass)) if len(mass) else None
    measures["option_mass"]["median"] = median
    offered = {name: columns[name] for name in (*own, "correct", "choice")}
    for name, compute in figures.items():
        # Figures of a part of the data (bias_ambiguous/Age) are many: see intervals.figure.
        whole = "/" not in name
        measures[name] = _figure(compute, offered, clusters, seed, whole).table()
    return {
        "round": number,
        "n": len(clusters),
        "clusters": len(np.unique(clusters)),
        "unparsed": int((columns["parsed"] == 0).sum()),
        "low_mass": median is not None and median < LOW_MASS,
        "measures": measures,
    }


def _figure(
    compute: Figure,
    columns: Mapping[str, NDArray[np.float64]],
    clusters: NDArray[Any],
    seed: int,
    resample: bool,
) -> Estimate:
    def of(positions: NDArray[np.int64]) -> float:
        with np.errstate(all="ignore"):  # 0/0 is NaN, which the figure's contract allows
            return compute({name: column[positions] for name, column in columns.items()})

    return figure(of, clusters, seed=seed, resample=resample)


def _columns(
    frames: Iterable[pl.DataFrame], values: Iterable[str]
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The records as plain arrays [n], NaN where missing, and the names of the task's own.

    Clusters become numbers that follow from their names alone. Nothing larger than the arrays is
    held: a data frame of many small parts takes twice as much.
    """
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*_PLAIN, "cluster")}
    own: dict[str, list[tuple[int, NDArray[Any], NDArray[Any]]]] = {name: [] for name in values}
    n = 0
    for frame in frames:
        numbers = frame.select(**_PLAIN).fill_null(float("nan")).to_numpy()
        for name, column in zip(_PLAIN, numbers.T, strict=True):
            # whole numbers are exact in half the space
            parts[name].append(column.astype(np.float64 if name in _MEANS else np.float32))
        codes = [_code(name) for name in frame["cluster"].to_list()]
        parts["cluster"].append(np.array(codes, dtype=np.uint64))
        for name, rows, column in _values(frame):
            own.setdefault(name, []).append((n, rows, column))
        n += len(frame)
    columns: dict[str, NDArray[Any]] = {}
    for name in list(parts):
        pieces = parts.pop(name)
        columns[name] = np.concatenate(pieces) if pieces else np.empty(0)
    for name, given in own.items():
        columns[name] = np.full(n, np.nan)
        for start, rows, column in given:
            columns[name][start + rows] = column
    return columns, list(own)


_FLOAT = pl.Float64
_PLAIN = {
    **{name: pl.col(name).cast(_FLOAT) for name in (*_MEANS, *_COSTS)},
    **{name: pl.col(name).cast(_FLOAT) for name in ("round", "correct", "choice")},
    "parsed": pl.col("problem").is_null().cast(_FLOAT),
    "differs": (pl.col("choice") != pl.col("likeliest")).cast(_FLOAT),
}


def _code(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


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
