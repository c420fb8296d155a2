"""A run's ``report.html``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.places import new_file
from selfcorrect.report.dialogues import choose, embed
from selfcorrect.report.page import page
from selfcorrect.report.sheet import is_page
from selfcorrect.runs.run import REPORT, Run
from selfcorrect.runs.store import Store
from selfcorrect.runs.summary import summarize
from selfcorrect.runs.thumbnails import thumbnails


def write_report(
    run: Run, summary: Mapping[str, Any] | None = None, to: Path | None = None
) -> Path:
    """Write ``report.html`` into a run's folder: one self-contained file. Returns its path.

    Args:
        run: the run.
        summary: its summary, where that is at hand.
        to: the file, in place of that one; one that is there is replaced if it is a report.

    Raises:
        UserError: the folder can't be written to, or ``to`` is no file's place.
    """
    place = None if to is None else new_file(to, "a report", is_page)
    chosen = choose(run.read(["example", "round", "key"]))
    embedded = embed(run.chunks(), chosen)
    text = page(summary or summarize(run), embedded, thumbnails(run, embedded["pictures"]))
    data = text.encode("utf-8", "replace")
    if place is not None:
        Store(place.parent).put(place.name, data, replace=True)
        return place
    try:
        Store(run.folder).put(REPORT, data, replace=True)
    except UserError as error:
        said = str(error).rstrip(".")
        raise UserError(f"{said}; or give another place with --report-to FILE.") from error
    return run.folder / REPORT
