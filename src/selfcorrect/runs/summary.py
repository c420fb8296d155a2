"""A run's summary: everything measured on it and on its controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
import polars as pl

from selfcorrect import tasks
from selfcorrect.errors import UserError
from selfcorrect.measures import rounds
from selfcorrect.measures.advice import moved
from selfcorrect.measures.catalogue import Own, margins
from selfcorrect.measures.panel import Panel, columns_needed, panel
from selfcorrect.records import VERSION
from selfcorrect.report.notes import several, unseen
from selfcorrect.report.numbers import percent
from selfcorrect.report.verdict import concluded
from selfcorrect.runs.activated import (
    centre,
    centred,
    over_layers,
    steered_alike,
    values_of,
    with_activations,
)
from selfcorrect.runs.aside import waiting
from selfcorrect.runs.audit import noted
from selfcorrect.runs.bill import bill
from selfcorrect.runs.held import NOT_KEPT
from selfcorrect.runs.identity import data_fingerprint, task_of
from selfcorrect.runs.labels import told as agreed
from selfcorrect.runs.labels import with_task
from selfcorrect.runs.looks import look_at
from selfcorrect.runs.of_records import read_notes, without_controls
from selfcorrect.runs.pieces import pieces
from selfcorrect.runs.run import Run
from selfcorrect.runs.scores import UNREAD, Scores, apart_from, read_scores, scored_pieces
from selfcorrect.runs.spec import RunSpec
from selfcorrect.runs.store import Store
from selfcorrect.scorers.meanings import EMPTY, PREFIX
from selfcorrect.tasks.base import Task
from selfcorrect.tasks.copies import told

_MOST = 8
#: So large a share of samples is worth a note.
_MUCH = 0.05


def summarize(run: Run) -> dict[str, Any]:
    """Everything measured on a run and on its controls, and what follows from it.

    Returns:
        ``{"folder", "spec", "record_version", "complete", "dialogues", "wanted", "examples",
        "outcome", "rounds": [...], "changes", "convergence", "converged_at", …, "controls": {name:
        {"folder", "dialogues", "against": {...}, "rounds": [...], …}}, "cost", "decision",
        "headline", "verdict", "notes"}``; ``wanted`` are the dialogues the run is to have,
        ``examples`` those its data have; ``cost`` is that of :func:`selfcorrect.runs.bill.bill`,
        ``decision`` of :func:`selfcorrect.measures.worth.worth`, in words; a run's and a control's
        own are of :func:`selfcorrect.measures.rounds.summarize`, ``against`` of ``against`` there.

    Raises:
        UserError: a file of the run is damaged.
    """
    own, note = own_of(run)
    header, scores = run.header, run.scores
    records = panel_of(run, own)
    seen_from = centre(run, records, lambda control: panel_of(control, own))
    records = centred(records, seen_from)
    looks = look_at(run, records.clusters)
    seen = [look.n for look in looks]
    of_records = read_notes(run)
    spec = run.spec.model_dump(mode="json")
    within = margins_of(run, own)
    table: dict[str, Any] = {
        "folder": str(run.folder),
        "spec": spec,
        "record_version": header.version,
        "complete": run.complete,
        "dialogues": run.dialogues,
        "wanted": run.wanted,
        "examples": header.examples,
        "outcome": outcome_table(own, within),
        "scorer": None if scores is None else _scorer(scores),
        "graded_by": run.graded_by,
        "samples": spec["samples"],
        "meanings": None if run.meanings is None else _scorer(run.meanings),
        "unscored": _unscored(run, scores),
        "agreement": (agreement := with_task(run)),
        "oracle": _uses_truth(run),
        "steered": of_records.steers,
        "own": own.terms(),
        **rounds.summarize(records, within, own, looks=seen, seed=run.spec.seed),
        "chance": records.chance,
        "looks": [look.table() for look in looks],
        "activations": over_layers(run),
        "controls": {},
        "notes": [
            *_of_data(run),
            *waiting(Store(run.folder), run.wanted),
            *([] if run.keeps_texts else [NOT_KEPT]),
            *told(header.about.get("copies", {}).get("count", 0)),
            *_lacking(records),
            *_graded(run, scores),
            *agreed(agreement),
            *_drawn(run),
            *unseen(own.outcome, len(records.clusters), len(np.unique(records.clusters))),
            *_limited(run, records),
            *noted(run, len(records.examples)),
            *of_records.notes,
            *without_controls(run),
            *steered_alike(run, seen_from, of_records.steers),
            *([note] if note else []),
        ],
    }
    arms = {run.spec.strategy.name: (run, records)}
    for name in run.header.controls:
        try:
            if control := run.control(name):
                beside = centred(panel_of(control, own), seen_from)
                arms[name] = control, beside
                table["controls"][name] = {
                    "folder": str(control.folder),
                    "dialogues": control.dialogues,
                    **rounds.summarize(beside, within, own, looks=seen, seed=run.spec.seed),
                    "against": rounds.against(
                        records, beside, within, own, looks=_seen_beside(run, records, beside, name)
                    ),
                }
        except UserError as error:  # what it was to be compared with is still worth showing
            table["notes"].append(f"the control {name} is left out: {error}")
    table["cost"] = bill(arms)
    return concluded(table, moved(records, within[own.outcome.name]))


def _uses_truth(run: Run) -> bool:
    """Whether its strategy does: that is the same for all of its records."""
    first = next(iter(run.chunks(["oracle"])), None)
    return first is not None and bool(first["oracle"].any())


def _seen_beside(run: Run, records: Panel, control: Panel, name: str) -> list[int]:
    """How many examples both had whenever they were compared."""
    both = records.clusters[np.isin(records.examples, control.examples)]
    return [look.n for look in look_at(run, both, name)]


def own_of(run: Run) -> tuple[Own, str]:
    """What a run's task and its scorer state of their own numbers, and what is missing."""
    task, note = task_of_run(run)
    values, scores = run.header.values or _values(run, task), run.scores
    theirs = scores.values.items() if scores else ()
    taken = run.taken if theirs else set()
    further = {apart_from(name, taken): text for name, text in theirs}
    every = {**values, **further, **values_of(run.header)}
    columns = tuple(getattr(task, "columns", ()))
    columns += (run.recorded,) * bool(run.recorded)
    figures = task.figures if task else {}
    return Own(run.outcome, every, figures, columns, run.recorded), note


def margins_of(run: Run, own: Own) -> dict[str, float]:
    """The margins fixed for a run, where they are of what it is looked at by."""
    within = margins(own.outcome, {})
    fixed = run.header.spec.margins
    return within | {name: size for name, size in fixed.items() if name in within}


def outcome_table(own: Own, within: Mapping[str, float]) -> dict[str, Any]:
    """What an outcome is, as JSON has it."""
    return {
        "name": own.outcome.name,
        "kind": own.outcome.kind,
        "better": own.outcome.better,
        "margin": within[own.outcome.name],
        "scorer": own.outcome.scorer,
    }


def panel_of(run: Run, own: Own) -> Panel:
    """A run's records as arrays."""
    wanted, drawn = columns_needed(own.outcome), run.spec.samples.k
    stated = (*own.values, *own.columns)
    if not values_of(run.header):
        return panel(run.chunks(wanted), stated, own.outcome, drawn)
    frames = with_activations(run.chunks([*wanted, "activations"]), run.header)
    return panel(frames, stated, own.outcome, drawn)


def _limited(run: Run, records: Panel) -> list[str]:
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


def _scorer(scores: Scores) -> dict[str, str]:
    """Who graded the answers, as JSON has it."""
    return {"name": scores.scorer, "fingerprint": scores.fingerprint, "about": scores.about}


def _graded(run: Run, scores: Scores | None) -> list[str]:
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


def _unscored(run: Run, scores: Scores | None) -> dict[str, Any] | None:
    """Of which answers a scorer couldn't say how good they are: ``value``, the share of those that
    it was given; ``of``, how many these are; ``why``, its reasons with how often."""
    if scores is None:
        return None
    counts, of, store = Counter[str](), 0, Store(run.folder)
    for piece in pieces(store):
        if piece.start >= run.wanted or (found := read_scores(store, scores, piece)) is None:
            continue
        given = found.filter(pl.col("problem").is_null() | (pl.col("problem") != UNREAD))
        of += len(given)
        counts.update(given["problem"].drop_nulls())
    if not counts:
        return None
    return {"value": counts.total() / of, "of": of, "why": dict(counts.most_common(_MOST))}


def _drawn(run: Run) -> list[str]:
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


def _lacking(records: Panel) -> list[str]:
    """Dialogues that lack a round: they can't be paired there, and are missing in the others."""
    lacking = int((~records.there.all(axis=1)).sum()) if records.rounds else 0
    if not lacking:
        return []
    return [
        f"{lacking} of {len(records.examples)} dialogues lack a round: they count in the rounds "
        "they have, and comparisons leave them out."
    ]


def task_of_run(run: Run) -> tuple[Task | None, str]:
    """The run's task, for its own figures; the rest of a summary does without it. And what is left
    out without it, and why."""
    task, why, matters = opened_task(run)
    left_out = f"the figures of the task {run.header.spec.task.name} itself are left out"
    return task, f"{left_out}: {why}" if why and matters else ""


def opened_task(run: Run) -> tuple[Task | None, str, bool]:
    """The run's task on the data that it was run on; else why it can't be had, and whether its
    figures are missed."""
    if run.task is not None:
        return run.task, "", False
    spec = run.header.spec
    if tasks.is_own(spec.task.name):  # whoever sent the run may have written that file
        why = "a run is shown without running its task's own file."
        return None, why, bool(run.header.figures)
    if (at_hand := _at_hand(run)) is None:
        why = (
            f"{run.folder.name} wasn't made here, and no place that it names is opened; --data "
            "PLACE says where its data lie."
        )
        return None, why, bool(run.header.figures)
    try:
        task = task_of(at_hand)
        if run.header.version != VERSION:
            why = f"records of version {run.header.version} don't tell of which data."
            return None, why, bool(task.figures)
        # with other data its numbers would stand for something else
        if data_fingerprint(task) != run.header.about.get("fingerprints", {}).get("data"):
            data = at_hand.task.data
            changed = f"the data at {data} have" if data else "the task has"
            return None, f"{changed} changed since the run.", True
        return task, "", False
    except UserError as error:
        return None, str(error), True


def _at_hand(run: Run) -> RunSpec | None:
    """A run's spec whose places this user has named; ``None`` where only the run names them."""
    spec, task = run.header.spec, run.header.spec.task
    if run.data is None:
        ours = tasks.brings_all(task.name, task.data, task.options) or not run.received
        return spec if ours else None
    options = {k: v for k, v in task.options.items() if k not in tasks.PLACES or not run.received}
    told = {"data": run.data, "options": options}
    return spec.model_copy(update={"task": task.model_copy(update=told)})


def _values(run: Run, task: Task | None) -> Mapping[str, str]:
    """The task's numbers per record, where the header doesn't name them."""
    if task is not None:
        return task.values
    at_hand = _at_hand(run)
    if run.header.version == VERSION or at_hand is None or tasks.is_own(at_hand.task.name):
        return {}
    try:
        return task_of(at_hand).values
    except UserError:
        return {}


def _changed(data: str | None) -> str:
    return "the task has changed" if data is None else f"the data at {data} have changed"


def _of_data(run: Run) -> list[str]:
    told: list[str] = run.header.about.get("data", {}).get("read_as", [])
    if not (lines := run.header.about.get("skipped", {}).get("lines", [])):
        return told
    more = f", and {len(lines) - 1} more (see run.toml)" if len(lines) > 1 else ""
    were = "line of the data was" if len(lines) == 1 else "lines of the data were"
    return [*told, f"{len(lines):,} {were} left out: {lines[0]}{more}"]
