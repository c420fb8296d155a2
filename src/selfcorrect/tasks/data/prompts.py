"""Prompts as people have them: JSONL, CSV, or a text file with one a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.rows import Row, build, files, jsonl, text_lines
from selfcorrect.tasks.data.rows import rows as table_of

T = TypeVar("T")


def read_prompts(
    data: str, make: Callable[[Row], T], skipped: list[str] | None
) -> list[tuple[str, T]]:
    """What is made of each prompt of a file or folder, with its line for errors.

    Args:
        data: a ``.jsonl``, ``.csv``, ``.tsv`` or ``.txt`` file, or a folder of ``*.jsonl``. A
            line of a text file is the field ``prompt``.
        make: of a row.
        skipped: where to list bad lines; ``None`` raises the first instead.

    Raises:
        UserError: for a missing file and bad lines, with file and line.
    """
    found: list[tuple[str, T]] = []
    for path in files(data):
        rows: Iterable[Row | UserError]
        match path.suffix.casefold():
            case ".csv" | ".tsv":
                rows = table_of(path)
            case ".txt":
                rows = text_lines(path, "prompt")
            case _:
                rows = jsonl(path)
        found += build(rows, lambda row: (row.where, make(row)), skipped)
    return found


def name_of(row: Row) -> str:
    """The row's id, or else its file and line: not its path, as the same file must have the same
    ids wherever it lies."""
    path, _, line = row.where.rpartition(":")
    return row.optional("id") or f"{Path(path).name}:{line}"
