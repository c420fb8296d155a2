"""A sheet in the terminal: title, question, findings, and the tables that belong there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from selfcorrect.report.sheet import Sheet, Table, filled, numeric
from selfcorrect.text import visible

#: Blanks between two columns; fewer where more don't fit.
_GAPS = (2, 1)


def show(sheet: Sheet, console: Console, *, tables: bool = True) -> None:
    """Print a sheet; what is too wide is wrapped, and a table's columns go into several tables.

    Args:
        sheet: what is shown.
        console: where.
        tables: its tables, too, and not its findings alone.

    Raises:
        ValueError: a table's row has not as many texts as there are columns.
    """
    _print(console, sheet.title, "bold")
    _print(console, sheet.question)
    console.print()
    for place, finding in enumerate(sheet.findings):
        _print(console, finding, "" if place else "bold")
    if sheet.units and tables:
        _print(console, sheet.units, "dim")
    for section in sheet.sections:
        for part in section.parts:
            if tables and isinstance(part, Table) and part.terminal:
                console.print()
                _print(console, part.title, "bold")
                if part.rows:
                    _table(filled(part), console)
                if part.below:
                    _print(console, part.below, "dim")


def _print(console: Console, text: str, style: str = "") -> None:
    console.print(Text(visible(text), style=style))


def _table(table: Table, console: Console) -> None:
    """The table as one, or as several that share the first column."""
    right = numeric(table)
    rows = [[visible(cell) for cell in row] for row in (table.columns, *table.rows)]
    columns = list(zip(*rows, strict=True))
    least = [
        max(_longest_word(head), *((cell_len if whole else _longest_word)(c) for c in cells), 1)
        for (head, *cells), whole in zip(columns, right, strict=True)
    ]
    full = [max(1, *map(cell_len, cells)) for cells in columns]
    gap = min(_GAPS, key=lambda gap: len(_groups(least, console.width, gap)))
    for place, group in enumerate(_groups(least, console.width, gap)):
        if place:
            console.print()
        padding = (0, gap - 1, 0, 0)  # the box has one blank between columns, too
        drawn = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding)
        room = console.width - gap * (len(group) - 1)
        for (k, _), width in zip(group, _widths(group, full, room), strict=True):
            justify: Literal["left", "right"] = "right" if right[k] else "left"
            drawn.add_column(Text(rows[0][k]), justify=justify, width=width, overflow="fold")
        for row in rows[1:]:
            drawn.add_row(*(Text(row[k]) for k, _ in group))
        console.print(drawn)


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _groups(least: Sequence[int], width: int, gap: int) -> list[list[tuple[int, int]]]:
    """Columns that stand side by side, each with how narrow it may be; the first is in every group.

    Groups are about as long as each other. A word that is wider than the terminal leaves is broken.
    """
    head = (0, min(least[0], max(1, width // 3)))
    most = max(1, width - head[1] - gap)
    others = [(k, min(narrow, most)) for k, narrow in enumerate(least[1:], 1)]
    found = _filled(others, most, gap, len(others))
    even = _filled(others, most, gap, -(-len(others) // max(1, len(found))))
    return [[head, *group] for group in (even if len(even) == len(found) else found)] or [[head]]


def _filled(
    columns: Sequence[tuple[int, int]], width: int, gap: int, longest: int
) -> list[list[tuple[int, int]]]:
    groups: list[list[tuple[int, int]]] = []
    left = 0
    for k, narrow in columns:
        if not groups or left < narrow + gap or len(groups[-1]) == longest:
            groups.append([])
            left = width + gap
        groups[-1].append((k, narrow))
        left -= narrow + gap
    return groups


def _widths(group: Sequence[tuple[int, int]], full: Sequence[int], room: int) -> list[int]:
    """What is left of the room goes to the columns whose cells take the most lines."""
    widths = [narrow for _, narrow in group]
    wanted = [full[k] for k, _ in group]
    for _ in range(room - sum(widths)):
        lines, k = max((wanted[k] / widths[k], k) for k in range(len(widths)))
        if lines <= 1:
            break
        widths[k] += 1
    return widths
