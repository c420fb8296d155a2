"""``selfcorrect advise``: whether more than one round is worth it, by the runs at hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from selfcorrect.cli.consoles import printing
from selfcorrect.cli.sheet import show


def advise(names: Sequence[str], scorer: str, out: Path, *, as_json: bool) -> None:
    """Compare the runs of these names, and show what that comes to."""
    from selfcorrect.runs.advised import advised

    advice = advised(names, scorer, out)
    if as_json:
        typer.echo(json.dumps(advice, indent=2, allow_nan=False))
    else:
        show(advice.sheet, printing())
