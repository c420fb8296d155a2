"""Reading data files row by row: whatever is wrong is said with file and line.

What a file is, is told by its content: see :func:`rows`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from selfcorrect.errors import UserError
from selfcorrect.regular import check_file
from selfcorrect.tasks.data.json_files import array, document, json_rows, jsonl
from selfcorrect.tasks.data.lines import text_lines
from selfcorrect.tasks.data.recognise import PARQUET, begins, check_text, head_of
from selfcorrect.tasks.data.row import Row
from selfcorrect.tasks.data.tables import columns_of, table

__all__ = [
    "TABLES", "Row", "array", "build", "document", "files", "jsonl", "parquet", "rows", "table",
    "text_lines",
]  # fmt: skip

T = TypeVar("T")
#: Endings of files that :func:`rows` reads; the first kind that a folder holds is taken.
TABLES = (".jsonl", ".ndjson", ".parquet", ".csv", ".tsv", ".json")
#: So many bad lines are told in full.
SHOWN = 5
#: Where a line stands, at the beginning of what is wrong with it.
_PLACE = re.compile(r".+?:(?:row )?\d+: ")
_SEPARATED = (".csv", ".tsv", ".tab")


def files(data: str | Path, suffix: str | Sequence[str] = TABLES) -> list[Path]:
    """The file itself, or a folder's files with this suffix in sorted order.

    Args:
        data: of a user.
        suffix: or several; the first that the folder has is taken.

    Raises:
        UserError: if there is nothing there, or no such file in the folder.
    """
    path = Path(data).expanduser()
    wanted = (suffix,) if isinstance(suffix, str) else tuple(suffix)
    try:
        if path.is_dir():
            return _in_folder(path, wanted)
        if path.is_file():
            return [path]
        if path.exists():
            check_file(path)
    except OSError as problem:
        raise UserError(f"{path}: can't be read ({problem.strerror or problem})") from problem
    raise UserError(f"{path}: no such file or folder{_instead(str(data), path)}")


def _in_folder(path: Path, wanted: Sequence[str]) -> list[Path]:
    held = sorted(p for p in path.iterdir() if not p.name.startswith("."))
    for suffix in wanted:
        found = [p for p in held if p.suffix.casefold() == suffix and p.is_file()]
        if found:
            return found
    names = [f"{p.name}/" if p.is_dir() else p.name for p in held]
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    there = f"it holds {', '.join(names[:8])}{more}" if names else "it is empty"
    several = ", ".join(f"*{each}" for each in wanted[:-1])
    listed = f"{several} or *{wanted[-1]}" if several else f"*{wanted[0]}"
    raise UserError(f"{path}: the folder holds no {listed} files ({there})")


def _instead(data: str, path: Path) -> str:
    """What may be meant by the name of a file that isn't there."""
    from difflib import get_close_matches

    if data.startswith("hub:"):
        return "; only the tasks choices and bbq fetch data sets of the hub: give a file of it"
    if re.match(r"[a-z0-9+]+://", data, re.IGNORECASE):
        return "; it is an address: download the file and give its place"
    try:
        names = [p.name for p in path.parent.iterdir()]
    except (OSError, ValueError):
        names = []
    close = get_close_matches(path.name, names, n=1, cutoff=0.7)
    if close:
        return f"; did you mean {close[0]!r}?"
    named = re.fullmatch(r"[\w-]+/[\w.-]+", data)
    return f"; a data set of the hub is given as hub:{data}" if named else ""


def rows(path: Path) -> Iterator[Row | UserError]:
    """The rows of a file, by what is in it: Parquet; JSON, an object a line, a list of objects, or
    objects over several lines; else by its ending a table (``.csv``, ``.tsv``), in which it is
    found out what separates cells.

    Yields:
        A row, or the error that a bad one is.

    Raises:
        UserError: if the file can't be opened, is empty, or is something else.
    """
    head = head_of(path)
    if head.startswith(PARQUET):
        return parquet(path)
    check_text(path, head)
    ending, begin = path.suffix.casefold(), begins(head)
    if ending in _SEPARATED and begin not in (b"{", b"["):
        return table(path, tabs=ending != ".csv")
    if begin in (b"{", b"["):
        # a table whose first column happens to be called {…
        return table(path) if ending in _SEPARATED and not _is_json(path) else json_rows(path)
    if ending in (".json", ".jsonl", ".ndjson"):
        return jsonl(path)
    first = head.decode(errors="replace").splitlines()[0]
    return table(path) if columns_of(first) > 1 else jsonl(path)


def _is_json(path: Path) -> bool:
    try:
        return isinstance(next(json_rows(path), None), Row)
    except UserError:
        return False


def parquet(path: Path) -> Iterator[Row | UserError]:
    """The rows of a Parquet file; ``where`` counts them from 1.

    Raises:
        UserError: it can't be read, or has no rows.
    """
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as problem:
        why = str(problem).splitlines()[0]
        raise UserError(f"{path}: it is called Parquet and can't be read ({why:.200})") from None
    if frame.is_empty():
        listed = ", ".join(frame.columns) or "(none)"
        raise UserError(f"{path}: the Parquet file has no rows (its columns are {listed})")
    return (
        Row(f"{path}:row {number}", fields, "Parquet")
        for number, fields in enumerate(frame.iter_rows(named=True), 1)
    )


def build(
    rows: Iterable[Row | UserError],
    make: Callable[[Row], T | None],
    skipped: list[str] | None,
) -> list[T]:
    """Make something of every row.

    Args:
        rows: from :func:`rows`, :func:`jsonl` or :func:`table`.
        make: ``None`` leaves a row out without a word (another category, say).
        skipped: where to list bad lines; ``None`` raises an error instead, once all were looked at.

    Raises:
        UserError: for bad rows, unless they are listed: the one, or how many they are and what is
            wrong with the first :data:`SHOWN`.
    """
    made: list[T] = []
    first: list[UserError] = []
    reasons: set[str] = set()
    bad = looked = 0
    for row in rows:
        looked += 1
        try:
            if isinstance(row, UserError):
                raise row
            value = make(row)
        except UserError as problem:
            bad += 1
            if skipped is not None:
                skipped.append(str(problem))
            else:
                first += [problem] if len(first) < SHOWN else []
                reasons |= {_reason(problem)} if len(reasons) < SHOWN else set()
            continue
        if value is not None and not first:  # with bad rows nothing of it is used
            made.append(value)
    if len(first) == 1:
        raise first[0]
    if first and bad == looked:
        raise _all_bad(first, len(reasons), looked)
    if first:
        raise UserError(
            f"{bad:,} of {looked:,} lines can't be used"
            f"{f', of which these are the first {SHOWN}' if bad > SHOWN else ''}: mend them, or "
            "leave out what can't be used with --skip-bad.",
            details=[str(problem) for problem in first],
        )
    return made


def _reason(problem: UserError) -> str:
    """What is wrong with a line, without its place."""
    return _PLACE.sub("", str(problem), count=1)


def _all_bad(first: Sequence[UserError], reasons: int, looked: int) -> UserError:
    """The error of a file of which no line can be used: most likely it is another one than was
    meant, and leaving lines out wouldn't help."""
    if reasons == 1:
        return UserError(f"{first[0]} (so it is with all {looked:,} lines: is it the right file?)")
    more = f", of which these are the first {len(first)}" if looked > len(first) else ""
    return UserError(
        f"none of the {looked:,} lines can be used{more}: is it the right file?",
        details=[str(problem) for problem in first],
    )
