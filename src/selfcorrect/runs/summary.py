"""A run's summary: everything measured on it and on its controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from selfcorrect.errors import UserError
from selfcorrect.measures import rounds
from selfcorrect.measures.advice import moved
from selfcorrect.measures.catalogue import margins
from selfcorrect.measures.own import Own
from selfcorrect.measures.panel import Panel, columns_needed, panel
from selfcorrect.measures.worth import decision_of_run
from selfcorrect.report.notes import unseen
from selfcorrect.report.phrases import strategy_of
from selfcorrect.report.verdict import in_words
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
from selfcorrect.runs.labels import told as agreed
from selfcorrect.runs.labels import with_task
from selfcorrect.runs.looks import look_at
from selfcorrect.runs.notes import drawn_samples, graded, lacking_rounds, limited, of_data
from selfcorrect.runs.of_records import read_notes, without_controls
from selfcorrect.runs.pieces import pieces
from selfcorrect.runs.run import Run
from selfcorrect.runs.scores import UNREAD, Scores, apart_from, read_scores
from selfcorrect.runs.store import Store
from selfcorrect.runs.task_at_hand import task_of_run, values_of_task
from selfcorrect.tasks.copies import told

_MOST = 8


def summarize(run: Run) -> dict[str, Any]:
    """Everything measured on a run and on its controls, and what follows from it.

    Returns:
        ``{"folder", "spec", "record_version", "complete", "dialogues", "wanted", "examples",
        "outcome", "rounds": [...], "changes", "convergence", "converged_at", …, "controls": {name:
        {"folder", "dialogues", "against": {...}, "rounds": [...], …}}, "cost", "decision",
        "headline", "verdict", "notes"}``; ``wanted`` are the dialogues the run is to have,
        ``examples`` those its data have; ``cost`` is that of :func:`selfcorrect.runs.bill.bill`,
        ``decision`` of :func:`selfcorrect.measures.worth.decision_of_run`, with ``said``, its
        words; a run's and a control's own are of :func:`selfcorrect.measures.rounds.summarize`,
        ``against`` of ``against`` there.

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
            *of_data(run),
            *waiting(Store(run.folder), run.wanted),
            *([] if run.keeps_texts else [NOT_KEPT]),
            *told(header.about.get("copies", {}).get("count", 0)),
            *lacking_rounds(records),
            *graded(run, scores),
            *agreed(agreement),
            *drawn_samples(run),
            *unseen(own.outcome, len(records.clusters), len(np.unique(records.clusters))),
            *limited(run, records),
            *noted(run, len(records.examples)),
            *of_records.notes,
            *without_controls(run),
            *steered_alike(run, seen_from, of_records.steers),
            *([note] if note else []),
        ],
    }
    named = strategy_of(run.spec.strategy.name)
    # a file may be called as a control is, which then stands beside it
    named = run.spec.strategy.name if named in run.header.controls else named
    arms = {named: (run, records)}
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
    table["decision"] = decision_of_run(table, moved(records, within[own.outcome.name]))
    return in_words(table)


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
    values, scores = run.header.values or values_of_task(run, task), run.scores
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


def _scorer(scores: Scores) -> dict[str, str]:
    """Who graded the answers, as JSON has it."""
    return {"name": scores.scorer, "fingerprint": scores.fingerprint, "about": scores.about}


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
