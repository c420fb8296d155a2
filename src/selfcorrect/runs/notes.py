"""What a reader of a run's numbers has to know of how they came about, a sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np

from selfcorrect.measures.panel import Panel
from selfcorrect.report.notes import several
from selfcorrect.report.numbers import percent
from selfcorrect.runs.pieces import pieces
from selfcorrect.runs.run import Run
from selfcorrect.runs.scores import Scores, read_scores, scored_pieces
from selfcorrect.runs.store import Store
from selfcorrect.scorers.meanings import EMPTY, PREFIX

#: So large a share of samples is worth a note.
_MUCH = 0.05


def of_data(run: Run) -> list[str]:
    told: list[str] = run.header.about.get("data", {}).get("read_as", [])
    if not (lines := run.header.about.get("skipped", {}).get("lines", [])):
        return told
    more = f", and {len(lines) - 1} more (see run.toml)" if len(lines) > 1 else ""
    were = "line of the data was" if len(lines) == 1 else "lines of the data were"
    return [*told, f"{len(lines):,} {were} left out: {lines[0]}{more}"]


def lacking_rounds(records: Panel) -> list[str]:
    """Dialogues that lack a round: they can't be paired there, and are missing in the others."""
    lacking = int((~records.there.all(axis=1)).sum()) if records.rounds else 0
    if not lacking:
        return []
    return [
        f"{lacking} of {len(records.examples)} dialogues lack a round: they count in the rounds "
        "they have, and comparisons leave them out."
    ]


def limited(run: Run, records: Panel) -> list[str]:
    """What a limit does to what is estimated."""
    of_data, seen = run.header.about.get("clusters", {}).get("count"), len(records.clusters)
    shared = (
        len(np.unique(records.clusters)) < seen
        if of_data is None  # earlier versions didn't count them
        else of_data < run.header.examples
    )
    if run.wanted >= run.header.examples or not shared:
        return []
    return [
        f"{run.wanted:,} of {run.header.examples:,} examples, clusters in turn, so that all "
        "clusters count about alike: where large clusters differ from small ones, all examples "
        "together may say something else."
    ]


def graded(run: Run, scores: Scores | None) -> list[str]:
    """By whom answers were graded, and of how many dialogues that is still to be done."""
    if scores is None:
        return []
    outcome = scores.outcome
    said = [
        f"{outcome.name} is what {scores.scorer} says: {scores.about}; {outcome.better} is better."
    ]
    if n := _undone(run, scores):
        said.append(
            f"{n:,} of {run.dialogues:,} dialogues aren't graded yet: selfcorrect grade does the "
            "rest."
        )
    return said


def drawn_samples(run: Run) -> list[str]:
    """How samples were drawn and grouped, and of how many dialogues that is still to be done."""
    drawn, meanings = run.spec.samples, run.meanings
    if not drawn.k:
        return []
    again = f"selfcorrect grade {run.folder} --scorer {PREFIX}"
    if meanings is None:
        return [
            f"the {drawn.k} samples beside every answer aren't grouped by what they mean, so there "
            f"is no semantic entropy: {again}{run.spec.meanings.name or 'key'} does that."
        ]
    said = [
        f"semantic entropy is over {drawn.k} samples at temperature {drawn.temperature:g} beside "
        f"every answer, so at most ln {drawn.k} = {log(drawn.k):.2f}; {meanings.about}."
    ]
    said += _of_samples(run, meanings)
    if n := _undone(run, meanings):
        said.append(
            f"of {n:,} of {run.dialogues:,} dialogues the samples aren't grouped yet: "
            f"{again}{meanings.scorer.removeprefix(PREFIX)} does the rest."
        )
    return said


def _of_samples(run: Run, meanings: Scores) -> list[str]:
    """Where entropy stood at its ceiling, and what samples said nothing or were cut."""
    store = Store(run.folder)
    rows = [
        {"round": at, "none": problem == EMPTY, **{v["name"]: v["value"] for v in values or ()}}
        for piece in pieces(store)
        if piece.start < run.wanted and (found := read_scores(store, meanings, piece)) is not None
        for at, problem, values in found.select("round", "problem", "values").iter_rows()
    ]
    said = []
    if n := sum(row.get("all_differ") == 1 for row in rows):
        said.append(
            f"In {n:,} of {len(rows):,} records every sample has a meaning of its own, so that "
            "semantic entropy stands at its ceiling."
        )
    if often := _often(rows, "empty"):
        none = sum(row["none"] for row in rows)
        said.append(
            f"samples that are empty: {often}. They are one meaning; a record of which all are "
            f"empty has no semantic entropy ({none:,} of {len(rows):,})."
        )
    if often := _often(rows, "cut"):
        said.append(f"samples that are longer than {meanings.scorer} reads, and were cut: {often}.")
    return said


def _often(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """In which rounds a share of the samples is large, and how large."""
    shares: dict[int, list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            shares.setdefault(row["round"], []).append(row[name])
    means = {at: sum(each) / len(each) for at, each in sorted(shares.items())}
    return several([f"{percent(m, 0)} % in round {at}" for at, m in means.items() if m > _MUCH])


def _undone(run: Run, scores: Scores) -> int:
    """Of how many dialogues a scorer hasn't scored the records yet."""
    store = Store(run.folder)
    there = scored_pieces(store, scores)
    missing = [p for p in pieces(store) if p.start < run.wanted and p not in there]
    return sum(min(p.end, run.wanted) - p.start for p in missing)
