"""Prompts as people have them: JSONL, CSV, a text file with one a line, or a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from selfcorrect.tasks.data.frames import frame_rows
from selfcorrect.tasks.data.rows import TABLES, Row, build, files, text_lines
from selfcorrect.tasks.data.rows import rows as rows_of
from selfcorrect.tasks.source import Source

T = TypeVar("T")


def read_prompts(
    source: Source, make: Callable[[Row], T], skipped: list[str] | None
) -> list[tuple[str, T]]:
    """What is made of each prompt of a file, a folder or a frame, with its line for errors.

    Args:
        source: its data are a file of rows (JSON, CSV, TSV, Parquet) or a ``.txt`` file, or a
            folder of files of rows. A line of a text file is the field ``prompt``.
        make: of a row.
        skipped: where to list bad lines; ``None`` raises the first instead.

    Raises:
        UserError: for a missing file and bad lines, with file and line.
    """

    def placed(row: Row) -> tuple[str, T]:
        return row.where, make(row)

    if source.frame is not None:
        return build(frame_rows(source.frame), placed, skipped)
    found: list[tuple[str, T]] = []
    for path in files(source.data or "", TABLES):
        plain = path.suffix.casefold() == ".txt"
        rows = text_lines(path, "prompt") if plain else rows_of(path)
        found += build(rows, placed, skipped)
    return found


def name_of(row: Row) -> str:
    """The row's id, or else its file and line."""
    return row.name()
