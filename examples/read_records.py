"""Reading a run's records with polars, and with SQL in DuckDB.

    python examples/read_records.py runs/planted-intrinsic-…      # pip install duckdb

One row is one round of one dialogue. docs/runs.md and src/selfcorrect/records.py say what each
column holds.
"""

import sys
from pathlib import Path

import duckdb
import polars as pl

import selfcorrect as sc


def with_polars(folder: str) -> pl.DataFrame:
    """Mean outcome and tokens of each round."""
    return (
        sc.open_run(folder)
        .records.group_by("round")
        .agg(
            pl.col("outcome").mean(),
            pl.col("key").is_null().sum().cast(pl.Int64).alias("unread"),
            pl.col("encoded").mean().alias("tokens"),
        )
        .sort("round")
    )


def with_duckdb(folder: str) -> pl.DataFrame:
    """The same in SQL, from the Parquet files as they lie in the folder."""
    query = """
        SELECT round,
               avg(outcome) AS outcome,
               count(*) FILTER (key IS NULL) AS unread,
               avg(encoded) AS tokens
        FROM read_parquet(?)
        GROUP BY round ORDER BY round
    """
    files = str(Path(folder) / "records" / "*.parquet")
    found = duckdb.execute(query, [files])
    names = [column[0] for column in found.description]
    return pl.DataFrame(found.fetchall(), schema=names, orient="row")


def changed(folder: str) -> pl.DataFrame:
    """What changed between the first two rounds: each pair of answers is of one example."""
    records = sc.open_run(folder).records.select("example", "round", "key", "outcome", "text")
    first, second = (records.filter(pl.col("round") == number) for number in (1, 2))
    return first.join(second, on="example", suffix="_2").filter(pl.col("key") != pl.col("key_2"))


def main() -> None:
    folder = sys.argv[1]
    print(with_polars(folder))
    print(with_duckdb(folder))
    print(changed(folder).select("example", "outcome", "outcome_2", "text", "text_2"))


if __name__ == "__main__":
    main()
