"""Options on the images that data may name."""

from __future__ import annotations

from typing import Annotated

import typer

ImagesFrom = Annotated[
    str | None,
    typer.Option(
        "--images-from",
        metavar="DIR",
        help="The folder of the images that data name, and the only one that they may lie in "
        "(choices, measure); the default is the data's own.",
        show_default=False,
    ),
]
RemoteImages = Annotated[
    bool,
    typer.Option(
        "--remote-images",
        help="Data may name images by address, too, which the model's server then fetches from "
        "wherever they say.",
    ),
]
BoxFormat = Annotated[
    str | None,
    typer.Option(
        "--box-format",
        metavar="FORMAT",
        help="How the model writes boxes (grounding, shapes): pixels, unit or per-mille, as it is "
        "asked to; known of some families, and never guessed.",
        show_default=False,
    ),
]
