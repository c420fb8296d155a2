"""Prompts as people have them: JSONL, CSV, or a text file with one a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from selfcorrect.tasks.data.rows import TABLES, Row, build, files, text_lines
from selfcorrect.tasks.data.rows import rows as rows_of

T = TypeVar("T")


def read_prompts(
    data: str, make: Callable[[Row], T], skipped: list[str] | None
) -> list[tuple[str, T]]:
    """What is made of each prompt of a file or folder, with its line for errors.

    Args:
        data: a file of rows (JSON, CSV, TSV, Parquet) or a ``.txt`` file, or a folder of files
            of rows. A line of a text file is the field ``prompt``.
        make: of a row.
        skipped: where to list bad lines; ``None`` raises the first instead.

    Raises:
        UserError: for a missing file and bad lines, with file and line.
    """
    found: list[tuple[str, T]] = []
    for path in files(data, TABLES):
        plain = path.suffix.casefold() == ".txt"
        rows = text_lines(path, "prompt") if plain else rows_of(path)
        found += build(rows, lambda row: (row.where, make(row)), skipped)
    return found


def name_of(row: Row) -> str:
    """The row's id, or else its file and line."""
    return row.name()
