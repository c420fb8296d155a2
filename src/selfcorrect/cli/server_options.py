"""Options of models behind a server: where it is, and what it may be asked and paid."""

from __future__ import annotations

from typing import Annotated

import typer

BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="Of the server of openai:NAME, such as http://localhost:8000/v1. Its key is taken "
        "from the environment variable OPENAI_API_KEY.",
        show_default=False,
    ),
]

InFlight = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Dialogues that a server is asked for at the same time; the default is 64.",
        show_default=False,
    ),
]

Price = Annotated[
    str | None,
    typer.Option(
        metavar="P,[C,]G",
        help="A server's price of a million prompt tokens (C: of those in its cache) and of a "
        "million generated ones.",
        show_default=False,
    ),
]

BudgetTokens = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Stop before a server has used so many tokens.", show_default=False
    ),
]

BudgetMoney = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Stop before a server has cost so much; needs --price.",
        show_default=False,
    ),
]

MaxFailed = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="So large a share of dialogues may be set aside, because a server refuses or loses "
        "their replies, before the run stops; the default is 0.05.",
        show_default=False,
    ),
]
