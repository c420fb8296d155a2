"""All rows of what a user gives as data: files, a folder, a data set of the hub, a frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.frames import frame_rows
from selfcorrect.tasks.data.hub import dataset_files, is_hub
from selfcorrect.tasks.data.recognise import PARQUET, head_of
from selfcorrect.tasks.data.rows import TABLES, Row, files, rows
from selfcorrect.tasks.data.tables import first_cells, table
from selfcorrect.tasks.source import Source

#: MMLU's files as published have no header: question, four choices, the letter of the right one.
_MMLU = ("question", "A", "B", "C", "D", "answer")


def rows_of(source: Source) -> Iterator[Row | UserError]:
    """The rows of a task's data, one file after the other.

    Raises:
        UserError: there is nothing there, or it can't be read.
    """
    if source.frame is not None:
        yield from frame_rows(source.frame)
        return
    for path in paths_of(source):
        yield from _rows(path)


def paths_of(source: Source) -> list[Path]:
    """The files of a task's data: one, those of a folder, or those of a data set of the hub.

    Raises:
        UserError: there are none.
    """
    data = source.data or ""
    if is_hub(data):
        return dataset_files(data, source.task, TABLES)
    found = files(data, TABLES)
    kinds = sorted({p.suffix for p in found[0].parent.iterdir() if p.suffix in TABLES})
    if Path(data).expanduser().is_dir() and len(kinds) > 1:
        raise UserError(
            f"{data}: the folder holds files of several kinds ({', '.join(kinds)}): give one file, "
            "or a folder with one kind"
        )
    return found


def _rows(path: Path) -> Iterator[Row | UserError]:
    if path.suffix.casefold() in (".csv", ".tsv") and not head_of(path).startswith(PARQUET):
        cells = first_cells(path, tabs=path.suffix.casefold() == ".tsv")
        letters = set("ABCD")
        if len(cells) == len(_MMLU) and cells[-1] in letters and not letters <= {*cells, "D"}:
            return table(path, names=_MMLU)
    return rows(path)
