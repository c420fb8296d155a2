"""The options that say how answers are read, and that show those that couldn't be."""

from __future__ import annotations

from typing import Annotated

import typer

LeadIn = Annotated[
    list[str] | None,
    typer.Option(
        "--lead-in",
        metavar="TEXT",
        help="A text after which an answer stands, besides the usual ones; the option again for "
        "several.",
        show_default=False,
    ),
]
Read = Annotated[
    str | None,
    typer.Option(
        "--read",
        metavar="REGEX",
        help="What an answer is in a reply, and nothing else: the last match's named group, such "
        "as 'Answer: (?P<answer>[A-D])'.",
        show_default=False,
    ),
]
Unread = Annotated[
    bool,
    typer.Option(
        "--unread",
        help="The answers that couldn't be read, the most frequent first, in place of the table.",
    ),
]
