"""A run's ``report.html``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfcorrect.runs.folder import REPORT
from selfcorrect.runs.store import Store

if TYPE_CHECKING:
    from selfcorrect.runs.folder import Run


def write(run: Run, summary: Mapping[str, Any] | None = None) -> Path:
    """See :meth:`selfcorrect.runs.folder.Run.report`.

    Args:
        run: the run.
        summary: its summary, where that is at hand.
    """
    from selfcorrect.report.dialogues import choose, embed
    from selfcorrect.report.page import page

    chosen = choose(run.read(["example", "round", "key"]))
    text = page(summary or run.summary(), embed(run.chunks(), chosen))
    Store(run.folder).put(REPORT, text.encode("utf-8", "replace"), replace=True)
    return run.folder / REPORT
