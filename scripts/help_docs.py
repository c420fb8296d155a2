"""Keep the help texts in docs/commands.md equal to what the commands print.

    python scripts/help_docs.py            # write them
    python scripts/help_docs.py --check    # status 1 if they differ

Each stands between ``<!-- help: COMMAND -->`` and ``<!-- end of help -->``; the rest of the page is
written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from selfcorrect.cli import app

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
_BLOCK = re.compile(r"(<!-- help: (.+?) -->\n).*?(<!-- end of help -->)", re.DOTALL)
_WIDTH = 78  # what a terminal of 80 columns leaves for text


def helps() -> dict[str, str]:
    """Every command and its help text, as printed on a terminal of 80 columns."""
    return dict(_helps(typer.main.get_command(app), "selfcorrect", None))


def _helps(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    settings = command.context_settings
    context = typer.Context(
        command, info_name=name, parent=parent, terminal_width=_WIDTH, **settings
    )
    yield context.command_path, command.get_help(context)
    for each, inner in getattr(command, "commands", {}).items():
        if inner.hidden:  # what only says how a command is called now
            continue
        yield from _helps(inner, each, context)


def filled(page: str) -> str:
    """The page with every help text as it is now.

    Raises:
        ValueError: a command has no place on the page, or a place no command.
    """
    texts = helps()
    places = [found[2] for found in _BLOCK.finditer(page)]
    if sorted(places) != sorted(texts):
        raise ValueError(
            f"{PAGE} has places for {sorted(places)}, the commands are {sorted(texts)}"
        )
    return _BLOCK.sub(lambda f: f"{f[1]}```text\n{texts[f[2]].rstrip()}\n```\n{f[3]}", page)


def main(arguments: list[str]) -> int:
    page = PAGE.read_text(encoding="utf-8")
    new = filled(page)
    if arguments == ["--check"]:
        if new != page:
            print(f"{PAGE} is out of date: run 'make help-docs'", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
