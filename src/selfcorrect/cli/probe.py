"""``selfcorrect probe``: what a model's server can and can't do, before anything is run on it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from selfcorrect.cli import options as o
from selfcorrect.cli.consoles import printing
from selfcorrect.cli.spec import spec_from
from selfcorrect.errors import UserError
from selfcorrect.models.endpoint.capabilities import Row
from selfcorrect.text import visible

#: Seconds after which nothing more is asked, by default.
HURRY = 8.0

Patience = Annotated[
    float,
    typer.Option(
        "--patience",
        metavar="SECONDS",
        min=0.1,
        max=3600,
        help="After so long nothing more is asked; more for a slow server.",
    ),
]


def probe(
    model: o.ModelName = None,
    given: o.Given = None,
    base_url: o.BaseUrl = None,
    patience: Patience = HURRY,
    as_json: o.AsJson = False,
) -> None:
    """Find out what a model's server can and can't do, and what is done instead.

    By about fifty requests of a few tokens, in ten seconds at most, or as --patience says; thirty
    of them tell whether the same seed draws the same reply. A run does the same but those when it
    begins, with more time, and keeps what was found in its run.toml.
    """
    spec = spec_from(given, {"model.name": model, "model.base_url": base_url}).model
    if not spec.is_served:
        raise UserError(
            f"{spec.name} is no model behind a server, so there is nothing to find out: name one, "
            "--model openai:NAME, with its --base-url."
        )
    from selfcorrect.cli.parts import waiting
    from selfcorrect.cli.pulse import opening
    from selfcorrect.models import load

    began = time.monotonic()
    how = {**spec.served, "wait": min(spec.wait, patience), "hurry": patience}
    try:
        with waiting(opening(spec.name)):
            opened: Any = load(spec.name, **how)
    except UserError as error:
        said, stopped, _ = str(error.args[0]).partition(", so the run stopped")
        if not stopped:
            raise
        raise UserError(
            f"{said}: if it is slow, or still loads its model, give it more, such as --patience "
            f"{10 * patience:g}."
        ) from error
    try:
        rows, about, able = opened.rows(), opened.about, opened.capabilities
        spent = opened.spent()
    finally:
        opened.close()
    seconds = time.monotonic() - began
    if as_json:
        found = {
            "model": spec.name,
            "url": about["url"],
            "seconds": round(seconds, 3),
            "spent": spent,
            "can": asdict(able),
            "rows": [asdict(row) for row in rows],
        }
        typer.echo(json.dumps(found, indent=2, allow_nan=False))
        return
    console = printing()
    console.print(Text(visible(f"{spec.name} at {about['url']}"), style="bold"), soft_wrap=True)
    console.print(_table(rows))
    console.print(Text(visible(f"{spent or 'no tokens'}, {seconds:.1f} s")), soft_wrap=True)
    if able.doubts:
        console.print(
            f"not known: the server didn't tell within {patience:g} seconds ({able.doubt}), and a "
            "run would do without what it can't find out either. A run has more time; to see more "
            f"here, give --patience {10 * patience:g}.",
            highlight=False,
        )


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("of the server", no_wrap=True)
    table.add_column("can")
    table.add_column("so")
    for row in rows:
        table.add_row(*(Text(visible(part)) for part in (row.what, row.can, row.then)))
    return table
