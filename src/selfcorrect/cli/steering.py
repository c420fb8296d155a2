"""The option that steers a run."""

from __future__ import annotations

from typing import Annotated

import typer

Steer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME:ALPHA[@LAYERS][:reply]",
        help="Steer every reply by a concept: kind:4, kind:-4@12,13, kind:4@all:reply (from the "
        "last token before the reply on).",
        show_default=False,
    ),
]
