"""Runs: one model × task × strategy × seed, in a folder that explains itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
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


def _in_cell(run: Run) -> str:
    """What a notebook shows, see :mod:`selfcorrect.report.notebook`."""
    return _shown(run)["text/html"]


def _shown(run: Run, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG001
    """The same as a notebook asks for it, and the verdict as text."""
    from selfcorrect.report.notebook import of_run
    from selfcorrect.report.phrases import conclusion
    from selfcorrect.runs.report import page_name
    from selfcorrect.text import visible

    summary = _summary(run)
    page = Path(str(run.folder)) / page_name(run)
    said = visible("\n".join(conclusion(summary)), lines=True)
    html = of_run(summary, page if page.is_file() else None)
    return {"text/plain": f"{said}\n{run!r}", "text/html": html}


def _chart(run: Run, name: str = "curves") -> str:
    """A chart of the report as SVG, to be written into a file: for a Markdown page or a paper.

    Args:
        run: the run.
        name: ``curves``, ``cost``, ``flow``, ``settled``, ``reliability``, ``measure`` (entropy),
            ``activations``, or ``parts/`` and a measure.

    Raises:
        UserError: there is none of that name, or the run has no numbers for it.
    """
    from selfcorrect.report.charts import charts
    from selfcorrect.report.notebook import curve

    summary = _summary(run)
    found = curve(summary, name)
    if found is None:
        there = ", ".join(charts(summary)) or "none"
        raise UserError(f"this run has no chart {name!r}; it has {there}.")
    return found


def _pandas(run: Run) -> Any:
    """The records as a pandas data frame; nested columns hold lists and dictionaries.

    Raises:
        UserError: pandas isn't installed.
    """
    try:
        import pandas
    except ImportError:
        raise UserError(
            "pandas isn't installed: pip install pandas; run.records is a polars DataFrame."
        ) from None
    return pandas.DataFrame({column.name: column.to_list() for column in run.records})


# Tasks know no runs, and one of them is built from a run's dialogues.
reads(read_received)
# Imported where they are called: measuring brings libraries that finding a run doesn't need.
Run.summary, Run.report, Run.grade = _summary, _report, _grade
Run.chart, Run.pandas = _chart, _pandas
Run._repr_html_, Run._repr_mimebundle_ = _in_cell, _shown
