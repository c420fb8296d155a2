"""``selfcorrect verify``: what was looked at, in lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from selfcorrect.cli import options as o
from selfcorrect.errors import UserError
from selfcorrect.runs import find_run
from selfcorrect.text import clipped, visible

if TYPE_CHECKING:
    from selfcorrect.runs.verify import Verified


#: Problems that are printed: a folder of many bad files has as many.
MOST = 40


def verify(
    run: o.RunName,
    as_json: o.AsJson = False,
    out: o.Out = Path("runs"),
) -> None:
    """Look whether a run's folder holds what was written, and what records can hold.

    Digests, columns, ranges, whose records they are. Nothing is computed, written, or opened but
    the folder's own files; with a problem the status is 2.
    """
    from selfcorrect.runs import verify as looking

    found = looking.verify(find_run(run, out))
    if as_json:
        typer.echo(json.dumps(found.table(), indent=2, allow_nan=False))
    else:
        typer.echo(visible("\n".join(map(clipped, lines(found))), lines=True))
    if found.problems:
        some = f"{len(found.problems)} problem{'s' if len(found.problems) > 1 else ''}"
        raise UserError(f"{found.folder} has {some}: {found.problems[0]}")


def lines(found: Verified) -> Iterator[str]:
    """How much there is, each problem, and what nobody can tell."""
    from selfcorrect.report.numbers import count

    files = found.pieces + found.scored
    yield (
        f"{count(found.dialogues, 'dialogue')}, {count(found.records, 'record')}, in "
        f"{count(found.pieces, 'piece')}; {count(found.scored, 'piece')} of scores"
    )
    if found.missing:
        yield (
            f"{count(found.missing, 'dialogue')} within the run's limit aren't there yet: the same "
            "command again makes them."
        )
    if found.noted < files:
        yield (
            f"{count(files - found.noted, 'piece')} without a digest (older, or written to a "
            "bucket by two commands at once): of these only columns, ranges and names are checked."
        )
    yield from (f"problem: {problem}" for problem in found.problems[:MOST])
    if (further := len(found.problems) - MOST) > 0:
        yield f"… and {count(further, 'further problem')}; --json has all of them."
    if not found.problems:
        yield "No problems were found."
