"""Where results and progress are written: by NO_COLOR without any escape codes."""

from __future__ import annotations

import os
from typing import Literal

from rich.console import Console


def printing() -> Console:
    """Standard output, for a result."""
    return _console(stderr=False)


def telling() -> Console:
    """Standard error, for how far a command is."""
    return _console(stderr=True)


def moves(console: Console) -> bool:
    """Whether a bar can be drawn there: else progress is lines."""
    return console.is_terminal and not _plain()


def _console(*, stderr: bool) -> Console:
    # rich itself would leave out colours, and keep bold and dim
    colours: Literal["auto"] | None = None if _plain() else "auto"
    # in a notebook it would draw with widgets, and warn where there are none
    return Console(stderr=stderr, color_system=colours, force_jupyter=False)


def _plain() -> bool:
    """Whether NO_COLOR asks for that (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))
