"""A run's summary, and how a run shows itself in a notebook."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from selfcorrect.errors import UserError
from selfcorrect.measures.rounds import COLUMNS, summarize
from selfcorrect.runs.identity import data_fingerprint, task_of

if TYPE_CHECKING:
    from selfcorrect.runs.folder import Run
    from selfcorrect.tasks.base import Task


def summary(run: Run) -> dict[str, Any]:
    """See :meth:`selfcorrect.runs.folder.Run.summary`."""
    task, note = _task(run)
    table: dict[str, Any] = {
        "folder": str(run.folder),
        "spec": run.spec.model_dump(mode="json"),
        "complete": run.complete,
        "dialogues": run.dialogues,
        "wanted": run.wanted,
        "rounds": _rounds(run, task),
        "controls": {},
        "notes": [*_skipped(run), *([note] if note else [])],
    }
    for name in run.header.controls:
        try:
            if control := run.control(name):
                table["controls"][name] = {
                    "folder": str(control.folder),
                    "dialogues": control.dialogues,
                    "rounds": _rounds(control, task),
                }
        except UserError as error:  # what it was to be compared with is still worth showing
            table["notes"].append(f"the control {name} is left out: {error}")
    return table


def _rounds(run: Run, task: Task | None) -> list[dict[str, Any]]:
    figures, values = (task.figures, tuple(task.values)) if task else ({}, ())
    rounds: list[dict[str, Any]] = summarize(
        run.chunks(COLUMNS), figures, values, seed=run.header.spec.seed
    )["rounds"]
    return rounds


def _task(run: Run) -> tuple[Task | None, str]:
    """The run's task, for its own figures; the rest of a summary does without it."""
    if run.task is not None:
        return run.task, ""
    spec = run.header.spec
    left_out = f"the figures of the task {spec.task.name} itself are left out"
    try:
        task = task_of(spec)
        # with other data its numbers would stand for something else
        if data_fingerprint(task) != run.header.about.get("fingerprints", {}).get("data"):
            return None, f"{left_out}: the data at {spec.task.data} have changed since the run."
        return task, ""
    except UserError as error:
        return None, f"{left_out}: {error}"


def _skipped(run: Run) -> list[str]:
    lines = run.header.about.get("skipped", {}).get("lines", [])
    if not lines:
        return []
    more = f", and {len(lines) - 1} more (see run.toml)" if len(lines) > 1 else ""
    return [f"{len(lines)} lines of the data were left out as malformed: {lines[0]}{more}"]


def html(run: Run) -> str:
    """The table of the rounds as HTML; whatever comes from data or names is escaped."""
    from rich.console import Console

    from selfcorrect.report.table import table

    console = Console(record=True, width=100, file=io.StringIO(), force_jupyter=False)
    console.print(table(run.summary(), console.width))
    return console.export_html(
        inline_styles=True, code_format='<pre style="line-height:1.2">{code}</pre>'
    )
