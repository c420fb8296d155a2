"""The answers of a run that couldn't be read: their texts, and how many there are in each round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from selfcorrect.report.numbers import count
from selfcorrect.report.unknown import MUCH
from selfcorrect.runs.run import Run

Table = dict[str, Any]


def unread_of(run: Run) -> Table:
    """The unread answers of a run, so that somebody can look at them.

    Returns:
        ``folder``; ``rounds``: of each ``round`` the number ``n`` of its answers and how many are
        ``unread``; ``texts``: each different text once, the most frequent first, with ``text``,
        ``problem``, ``count``, ``rounds``, one ``example`` that has it and that one's ``choices``.
        Only JSON's types.

    Raises:
        UserError: a file of the run is damaged.
    """
    frame = run.read(["example", "round", "text", "key", "problem", "choices"])
    rounds = (
        frame.group_by("round").agg(n=pl.len(), unread=pl.col("key").is_null().sum()).sort("round")
    )
    texts = (
        frame.filter(pl.col("key").is_null())
        .group_by("text", "problem", maintain_order=True)
        .agg(
            count=pl.len(),
            rounds=pl.col("round").unique().sort(),
            example=pl.col("example").first(),
            choices=pl.col("choices").first(),
        )
        .sort("count", descending=True, maintain_order=True)
    )
    return {
        "folder": str(run.folder),
        "rounds": rounds.to_dicts(),
        "texts": texts.to_dicts(),
    }


def many_unread(runs: Mapping[str, Run]) -> list[str]:
    """A sentence on runs in which more than a twentieth of a round's answers couldn't be read.

    Args:
        runs: by what a reader calls them.
    """
    worst = []
    for name, run in runs.items():
        frame = run.read(["round", "key"])
        told = frame.group_by("round").agg(n=pl.len(), unread=pl.col("key").is_null().sum())
        told = told.filter(pl.col("unread") > MUCH * pl.col("n")).sort("unread", descending=True)
        if len(told):
            row = told.row(0, named=True)
            worst.append((row["unread"] / row["n"], name, row, run.folder.name))
    if not worst:
        return []
    worst.sort(key=lambda each: -each[0])
    _, name, row, folder = worst[0]
    others = len(worst) - 1
    more = f", and over 5 % in {count(others, 'other run')}" if others else ""
    return [
        f"Many answers couldn't be read: {row['unread']:,} of {row['n']:,} in round {row['round']} "
        f"of {name}{more}. Look at them first: selfcorrect show {folder} --unread."
    ]
