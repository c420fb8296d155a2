"""``selfcorrect list …``: the names that options accept, with a sentence on each."""

from __future__ import annotations

import json

import typer
from rich.table import Table
from rich.text import Text

from selfcorrect.cli import options as o
from selfcorrect.cli.consoles import printing
from selfcorrect.cli.ending import Listed
from selfcorrect.cli.helping import Command

listing = typer.Typer(
    cls=Listed,
    help="List what --task, --strategy, --model and --scorer accept, and the studies.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@listing.command("tasks", cls=Command)
def list_tasks(as_json: o.AsJson = False) -> None:
    """The tasks, with a sentence on each."""
    from selfcorrect import tasks

    _list({"": tasks.names()}, as_json)


@listing.command("strategies", cls=Command)
def list_strategies(as_json: o.AsJson = False) -> None:
    """The built-in strategies by group, with a sentence on each."""
    from selfcorrect import strategies

    _list(strategies.groups(), as_json)


@listing.command("models", cls=Command)
def list_models(as_json: o.AsJson = False) -> None:
    """What --model accepts, with a sentence on each."""
    from selfcorrect import models

    _list({"": models.names()}, as_json)


@listing.command("scorers", cls=Command)
def list_scorers(as_json: o.AsJson = False) -> None:
    """What --scorer accepts, with a sentence on each."""
    from selfcorrect import scorers

    _list({"": scorers.names()}, as_json)


@listing.command("meanings", cls=Command)
def list_meanings(as_json: o.AsJson = False) -> None:
    """What --meanings accepts, with a sentence on each."""
    from selfcorrect.scorers import meanings

    _list({"": meanings.names()}, as_json)


@listing.command("studies", cls=Command)
def list_studies(as_json: o.AsJson = False) -> None:
    """The studies, with a sentence on each."""
    from selfcorrect import studies

    _list({"": studies.names()}, as_json)


def _list(groups: dict[str, dict[str, str]], as_json: bool) -> None:
    """Names with their sentences, by group; the group "" has no heading."""
    if as_json:
        rows = [
            {"name": name, "about": about, **({"group": group} if group else {})}
            for group, names in groups.items()
            for name, about in names.items()
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    grid = Table.grid(padding=(0, 2))
    for k, (group, names) in enumerate(groups.items()):
        if group:
            grid.add_row(Text("\n" * (k > 0) + f"{group}:"))
        for name, about in names.items():
            grid.add_row(Text("  " * bool(group) + name, style="bold"), Text(about))
    printing().print(grid)
