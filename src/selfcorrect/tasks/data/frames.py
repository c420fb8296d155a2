"""Rows that a program gives: a frame of polars or pandas, a data set of another library, a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.cells import plain
from selfcorrect.tasks.data.row import Row, short


def is_frame(data: object) -> bool:
    """Whether data are given as an object, and not as the place of a file."""
    return data is not None and not isinstance(data, str | Path)


def frame_rows(data: object) -> Iterator[Row | UserError]:
    """The rows of a frame: of polars (lazy, too), of pandas, a ``datasets.Dataset``, or a list of
    dictionaries. ``where`` counts them from 1.

    Yields:
        A row, or the error that an entry of a list is.

    Raises:
        UserError: it is none of these, or has no rows.
    """
    form = f"a {type(data).__module__.split('.')[0]} {type(data).__name__}"
    number = 0
    for number, entry in enumerate(_entries(data), 1):
        where = f"frame:row {number}"
        if isinstance(entry, Mapping):
            yield Row(where, plain(entry), "a list" if isinstance(data, list | tuple) else form)
        else:
            yield UserError(f"{where}: expected a dictionary, found {short(entry)}")
    if not number:
        raise UserError(f"the data are {form} without rows: give some")


def _entries(data: Any) -> Iterable[Any]:
    if callable(collect := getattr(data, "collect", None)) and hasattr(data, "collect_schema"):
        data = collect() if not hasattr(data, "iter_rows") else data  # a LazyFrame
    if callable(rows := getattr(data, "iter_rows", None)):
        return rows(named=True)  # type: ignore[no-any-return]
    if callable(to_dict := getattr(data, "to_dict", None)) and hasattr(data, "columns"):
        return to_dict("records")  # type: ignore[no-any-return]
    if isinstance(data, list | tuple) or hasattr(data, "column_names"):
        return data  # type: ignore[no-any-return]
    held = [str(name) for name in data] if isinstance(data, Mapping) else []
    more = f" with {', '.join(held[:8])}; give one of them" if held else ""
    raise UserError(
        f"data can't be read from a {type(data).__name__}{more}: give a file, a frame of polars or "
        "pandas, a datasets.Dataset, or a list of dictionaries"
    )
