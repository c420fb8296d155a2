"""A run's ``report.html``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.places import new_file, put
from selfcorrect.report.dialogues import choose, embed
from selfcorrect.report.flips import COLUMNS, flips
from selfcorrect.report.page import page, together
from selfcorrect.report.sheet import is_page
from selfcorrect.runs.run import REPORT, Run
from selfcorrect.runs.store import Store
from selfcorrect.runs.summary import summarize
from selfcorrect.runs.thumbnails import thumbnails


def write_report(
    run: Run, summary: Mapping[str, Any] | None = None, to: Path | None = None
) -> Path:
    """Write ``report.html`` into a run's folder: one self-contained file. Returns its path.

    A view of fewer dialogues than the folder holds leaves that page alone, which is of all of them,
    and has one of its own: ``report-limit-10.html``.

    Args:
        run: the run.
        summary: its summary, where that is at hand.
        to: the file, in place of that one; one that is there is replaced if it is a report.

    Raises:
        UserError: the folder can't be written to, or ``to`` is no file's place.
    """
    place = None if to is None else new_file(to, "a report", is_page)
    data = page_of(run, summary).encode("utf-8", "replace")
    if place is not None:
        put(place, data)
        return place
    name = page_name(run)
    try:
        Store(run.folder).put(name, data, replace=True)
    except UserError as error:
        said = str(error).rstrip(".")
        raise UserError(f"{said}; or give another place with --report-to FILE.") from error
    return run.folder / name


def page_name(run: Run) -> str:
    """What the page of a view of a run is called."""
    here = run.dialogues
    fewer = run.limit is not None and replace(run, limit=None).dialogues > here
    return f"{Path(REPORT).stem}-limit-{here}.html" if fewer else REPORT


def page_of(run: Run, summary: Mapping[str, Any] | None = None) -> str:
    """A run's report as HTML."""
    table = summary or summarize(run)
    light = run.read(list(COLUMNS))
    flipped = flips(light, table["outcome"])
    embedded = embed(run.chunks(), choose(light))
    return page(table, embedded, flipped, thumbnails(run, embedded["pictures"]))


def pages_of(runs: Sequence[Run]) -> str:
    """The reports of several runs as one page with a switch; equal names are numbered."""
    names = [run.folder.name or "run" for run in runs]
    told = [f"{n} ({k + 1})" if names.count(n) > 1 else n for k, n in enumerate(names)]
    return together({name: page_of(run) for name, run in zip(told, runs, strict=True)})


def write_pages(runs: Sequence[Run], to: Path) -> Path:
    """Write the reports of several runs into one file; one that is there is replaced.

    Raises:
        UserError: ``to`` is no file's place, or can't be written.
    """
    place = new_file(to, "a report", is_page)
    put(place, pages_of(runs).encode("utf-8", "replace"))
    return place
