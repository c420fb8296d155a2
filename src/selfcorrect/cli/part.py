"""The option that takes half of a task's clusters."""

from __future__ import annotations

from typing import Annotated

import typer

Part = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="PART",
        help="Half of the task's clusters, by a hash of their names: train or test; all of them by "
        "default. What a model was tuned on (see: tune) is refused.",
        show_default=False,
    ),
]
