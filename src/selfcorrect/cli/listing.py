"""``selfcorrect list …``: the names that options accept, with a sentence on each."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

listing = typer.Typer(
    help="List what --task, --strategy, --model and --scorer accept, and the studies.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@listing.command("tasks")
def list_tasks() -> None:
    """The tasks, with a sentence on each."""
    from selfcorrect import tasks

    _list(tasks.names())


@listing.command("strategies")
def list_strategies() -> None:
    """The built-in strategies, with a sentence on each."""
    from selfcorrect import strategies

    _list(strategies.names())


@listing.command("models")
def list_models() -> None:
    """What --model accepts, with a sentence on each."""
    from selfcorrect import models

    _list(models.names())


@listing.command("scorers")
def list_scorers() -> None:
    """What --scorer accepts, with a sentence on each."""
    from selfcorrect import scorers

    _list(scorers.names())


@listing.command("meanings")
def list_meanings() -> None:
    """What --meanings accepts, with a sentence on each."""
    from selfcorrect.scorers import meanings

    _list(meanings.names())


@listing.command("studies")
def list_studies() -> None:
    """The studies, with a sentence on each."""
    from selfcorrect import studies

    _list(studies.names())


def _list(names: dict[str, str]) -> None:
    grid = Table.grid(padding=(0, 2))
    for name, about in names.items():
        grid.add_row(Text(name, style="bold"), Text(about))
    Console().print(grid)
