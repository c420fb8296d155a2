"""Runs: one model × task × strategy × seed, in a folder that explains itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfcorrect.runs.arms import CONTROLS
from selfcorrect.runs.execute import Interrupted, run
from selfcorrect.runs.executors.base import ExecutorSettings
from selfcorrect.runs.measure import measure_spec
from selfcorrect.runs.model_spec import ModelSpec
from selfcorrect.runs.prepare import SHARED, Prepared, prepare
from selfcorrect.runs.progress import Progress
from selfcorrect.runs.received import read_received
from selfcorrect.runs.run import Run, find_run, open_run
from selfcorrect.runs.spec import RunSpec, StrategySpec, TaskSpec, make_spec, read_spec
from selfcorrect.tasks.received import reads

__all__ = [
    "CONTROLS",
    "SHARED",
    "ExecutorSettings",
    "Interrupted",
    "ModelSpec",
    "Prepared",
    "Progress",
    "Run",
    "RunSpec",
    "StrategySpec",
    "TaskSpec",
    "find_run",
    "make_spec",
    "measure_spec",
    "open_run",
    "prepare",
    "read_spec",
    "run",
]


def _summary(run: Run) -> dict[str, Any]:
    """Everything measured on the run and on its controls: see :func:`.summary.summarize`."""
    from selfcorrect.runs.summary import summarize

    return summarize(run)


def _report(run: Run, to: str | Path | None = None) -> Path:
    """Write ``report.html`` into the folder, or the file ``to``: see
    :func:`.report.write_report`."""
    from selfcorrect.runs.report import write_report

    return write_report(run, to=None if to is None else Path(to))


def _grade(
    run: Run,
    scorer: Any,
    *,
    options: Mapping[str, Any] | None = None,
    controls: bool = True,
) -> Run:
    """Grade the answers: see :func:`.grade.grade`."""
    from selfcorrect.runs.grade import grade

    return grade(run, scorer, options=options, controls=controls)


def _first_screen(run: Run) -> str:
    """The report's first screen, for a notebook."""
    from selfcorrect.report.page import first_screen

    return first_screen(_summary(run))


def _shown(run: Run, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG001
    """What a notebook shows: the first screen, and where it trusts no page, the verdict as text."""
    from selfcorrect.report.page import first_screen
    from selfcorrect.text import visible

    summary = _summary(run)
    said = visible(summary["verdict"], lines=True)
    return {"text/plain": f"{run!r}\n{said}", "text/html": first_screen(summary)}


# Tasks know no runs, and one of them is built from a run's dialogues.
reads(read_received)
# Imported where they are called: measuring brings libraries that finding a run doesn't need.
Run.summary, Run.report, Run.grade = _summary, _report, _grade
Run._repr_html_, Run._repr_mimebundle_ = _first_screen, _shown
