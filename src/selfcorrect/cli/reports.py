"""A run's page, written where it can be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from selfcorrect.errors import UserError
from selfcorrect.runs import Run
from selfcorrect.runs.report import write_report
from selfcorrect.text import visible


def written(run: Run, summary: Mapping[str, Any]) -> Path:
    """Write a run's report; the folder, and a word on standard error, where it can't be: a run that
    can be read is worth showing."""
    try:
        return write_report(run, summary)
    except UserError as error:
        typer.echo(f"selfcorrect: the report wasn't written: {visible(str(error))}", err=True)
        return run.folder
