"""A run's ``report.html``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfcorrect.report.dialogues import choose, embed
from selfcorrect.report.page import page
from selfcorrect.runs.run import REPORT, Run
from selfcorrect.runs.store import Store
from selfcorrect.runs.summary import summarize


def write_report(run: Run, summary: Mapping[str, Any] | None = None) -> Path:
    """Write ``report.html`` into a run's folder: one self-contained file. Returns its path.

    Args:
        run: the run.
        summary: its summary, where that is at hand.

    Raises:
        UserError: the folder can't be written to.
    """
    chosen = choose(run.read(["example", "round", "key"]))
    text = page(summary or summarize(run), embed(run.chunks(), chosen))
    Store(run.folder).put(REPORT, text.encode("utf-8", "replace"), replace=True)
    return run.folder / REPORT
