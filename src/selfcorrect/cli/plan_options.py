"""The options of ``plan``."""

from __future__ import annotations

from typing import Annotated

import typer

Examples = Annotated[
    int | None,
    typer.Option("--n", metavar="N", help="What can so many examples show?", min=2),
]
Difference = Annotated[
    float | None,
    typer.Option(
        metavar="D",
        help="Of the outcome, to be shown; of a share .05, which is 5 points, by default.",
        show_default=False,
        min=1e-9,
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(
        metavar="M",
        help="Within which the outcome stays the same; by default its own margin, .03 of accuracy.",
        show_default=False,
        min=1e-9,
    ),
]
Changed = Annotated[
    float | None,
    typer.Option(
        metavar="C",
        help="Share of answers that change between right and wrong; the default is .2.",
        show_default=False,
        min=1e-4,
        max=1,
    ),
]
PerCluster = Annotated[
    float | None,
    typer.Option(
        metavar="S", help="Examples of a cluster; the default is 1.", show_default=False, min=1
    ),
]
Icc = Annotated[
    float | None,
    typer.Option(
        metavar="R",
        help="How alike the changes of a cluster are, 0 to 1; the default is .1.",
        show_default=False,
        min=0,
        max=1,
    ),
]
Power = Annotated[
    float,
    typer.Option(metavar="P", help="The chance of showing what is there.", min=0.5, max=0.999),
]
Like = Annotated[
    str | None,
    typer.Option(
        metavar="RUN", help="Take those three from a run, a pilot say.", show_default=False
    ),
]
