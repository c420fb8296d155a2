"""``selfcorrect runs``: what there is, and what it came to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from selfcorrect.cli import options as o
from selfcorrect.cli.consoles import printing
from selfcorrect.report.numbers import MISSING
from selfcorrect.text import visible

if TYPE_CHECKING:
    from selfcorrect.runs.listed import ListedRun


Folder = Annotated[
    Path | None,
    typer.Argument(metavar="FOLDER", help="In which the runs' folders lie, as --out says it."),
]


def runs(folder: Folder = None, out: o.Out = Path("runs"), as_json: o.AsJson = False) -> None:
    """List the runs in a folder, newest first: what was run, what it came to, what it took.

    Controls stand with their runs.
    """
    from selfcorrect.runs.listed import list_runs

    out = folder or out
    found = list(list_runs(out))
    if as_json:
        typer.echo(json.dumps([each.table() for each in found], indent=2, allow_nan=False))
        return
    if not found:
        typer.echo(f"There are no runs in {visible(str(out))}.")
        return
    grid = _table([each for each in found if not each.problem])
    # a name that is cut off can't be copied: a line that is too long is left to the terminal
    wide = Console(width=10_000).measure(grid).maximum
    console = printing()
    console.width = max(wide, console.width)
    console.print(grid)
    if any(not each.problem for each in found):
        typer.echo("tokens, money: a dialogue's mean, without what was read to measure.")
    for each in found:
        if each.problem:
            typer.echo(f"{visible(each.name)}: {visible(each.problem)}")


def _table(found: Sequence[ListedRun]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    paid = any(each.money is not None for each in found)
    heads = ["run", "when (UTC)", "rounds", "n", "headline", "tokens", *["money"] * paid]
    for head in heads:
        right = head in ("rounds", "n", "tokens", "money")
        grid.add_column(head, justify="right" if right else "left", no_wrap=True)
    for each in found:
        n = f"{each.dialogues:,}"
        cells = [
            each.name,
            each.when.removesuffix("+00:00").replace("T", " ") or MISSING,
            str(each.rounds),
            n if each.dialogues == each.wanted else f"{n} of {each.wanted:,}",
            each.headline or MISSING,
            MISSING if each.tokens is None else f"{each.tokens:,.0f}",
        ]
        if paid:
            cells.append(MISSING if each.money is None else f"{each.money:.3g}")
        grid.add_row(*(Text(visible(cell)) for cell in cells))
    return grid
