"""``selfcorrect compare``: the table on the terminal, the page, or everything as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.text import Text

from selfcorrect.cli.consoles import printing
from selfcorrect.cli.sheet import show
from selfcorrect.text import visible


def compared(
    names: Sequence[str],
    reference: str,
    page: Path | None,
    scorer: str,
    data: str | None,
    out: Path,
    *,
    as_json: bool,
) -> None:
    """Compare the runs of these names, and show what was found."""
    from selfcorrect.report.comparison import sheet
    from selfcorrect.runs.compare import chosen, compare, page_of

    runs, against = chosen(names, reference or None, scorer, out, data)
    table = compare(runs, against)
    if page is None and not as_json:
        page = runs[0].folder.parent / "compare.html"
    if page is not None:
        page_of(table, page)
    if as_json:
        typer.echo(json.dumps(table, indent=2, allow_nan=False))
        return
    show(sheet(table), printing())
    for note in table["notes"]:
        typer.echo(visible(note))
    console = printing()
    console.print()
    console.print(Text("Advice", style="bold"))
    console.print(Text(visible(" ".join(table["advice"]["said"]))))
    typer.echo(visible(str(page)))
