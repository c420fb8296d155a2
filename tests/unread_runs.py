"""Runs some of whose answers nobody could read, though every one of them was right."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl

from selfcorrect.runs import Run, open_run
from tampered import put_records

#: What stands in an answer's place.
TEXT = "It is the one of which I spoke."


def garbled(run: Run, to: Path, rounds: int | tuple[int, ...] = -1, of: int = 1) -> Run:
    """A copy of a run in which the answers of a round couldn't be read.

    Args:
        run: any.
        to: a folder for the copy, which keeps the run's name.
        rounds: by number, or −1 for the last.
        of: every ``of``-th dialogue; below 0 all but these.
    """
    folder = to / run.folder.name
    shutil.copytree(run.folder, folder)
    numbers = rounds if isinstance(rounds, tuple) else (rounds,)
    last = max(run.records["round"])
    these = [last if number == -1 else number for number in numbers]
    for file in sorted((folder / "records").glob("*.parquet")):
        frame = pl.read_parquet(file)
        dialogue = pl.col("example").rank("dense") % abs(of) == 0
        dialogue = dialogue if of > 0 else ~dialogue
        lost = pl.col("round").is_in(these) & dialogue
        frame = frame.with_columns(
            pl.when(lost).then(pl.lit(TEXT)).otherwise(pl.col("text")).alias("text"),
            pl.when(lost).then(None).otherwise(pl.col("key")).alias("key"),
            pl.when(lost).then(None).otherwise(pl.col("choice")).alias("choice"),
            pl.when(lost).then(None).otherwise(pl.col("confidence")).alias("confidence"),
            pl.when(lost).then(pl.lit("no option")).otherwise(pl.col("problem")).alias("problem"),
            pl.when(lost).then(0.0).otherwise(pl.col("outcome")).alias("outcome"),
        )
        put_records(file, frame)
    return open_run(folder)
