"""Tables in text: CSV, TSV and their kin, with the delimiter found out."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.lines import CR, lines
from selfcorrect.tasks.data.row import Row

csv.field_size_limit(2**31 - 1)  # a cell may hold a whole article

_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
#: A line with which Excel says what separates cells.
_SAYS = re.compile(r"sep=(.)\r?\n?")
#: So many rows are looked at to find out what separates cells.
_LOOK = 1000


@dataclass(frozen=True, slots=True)
class _Form:
    delimiter: str
    quoted: bool = True
    escaped: bool = False

    @property
    def name(self) -> str:
        quotes = "" if self.quoted else ", without quotes"
        quotes = ", quotes in cells after backslashes" if self.escaped else quotes
        return f"a table (cells separated by {_NAMES.get(self.delimiter, self.delimiter)}{quotes})"

    @property
    def dialect(self) -> dict[str, Any]:
        if self.escaped:
            return {"delimiter": self.delimiter, "strict": True, "escapechar": "\\",
                    "doublequote": False}  # fmt: skip
        if self.quoted:
            return {"delimiter": self.delimiter, "strict": True}
        return {"delimiter": self.delimiter, "quoting": csv.QUOTE_NONE}


@dataclass(frozen=True, slots=True)
class _Record:
    """One row, from its first line (counted from 0) up to, not including, its end."""

    first: int
    end: int
    cells: tuple[str, ...] = ()
    problem: str = ""


def table(
    path: Path, *, tabs: bool = False, names: Sequence[str] | None = None
) -> Iterator[Row | UserError]:
    """The rows of a CSV file, by the names in its first line.

    What separates cells is found out: commas, semicolons, tabs or bars. A quote that isn't closed
    costs its own row: what it swallows is read as if it weren't there, or, where that is no part of
    the table, counted as bad lines, each by its number.

    Args:
        path: the file.
        tabs: it is called a file of tabs, so that is taken where nothing else is clear.
        names: of the columns, where the first line is a row already.

    Yields:
        A row whose values are texts, or the error that a bad line is.

    Raises:
        UserError: if the file can't be opened, is empty, or its header names a column twice.
    """
    # Bad bytes survive as lone surrogates, which the check of each row finds.
    text = [raw.decode(errors="surrogateescape") for _, raw in lines(path)]
    form, begin = _form(text, tabs)
    header = None if names is None else list(names)
    found = False  # a row, good or bad
    for record in _records(text, begin, form, len(header or ())):
        where = f"{path}:{record.first + 1}"
        wrong = record.problem or _unfit(record)
        cells = _trimmed(record.cells, len(header or " "))
        if header is not None and not wrong and len(cells) != len(header):
            wrong = f"{len(cells)} cells where the header has {len(header)}"
        if wrong and header is None:
            raise UserError(f"{where}: {wrong}")
        if wrong:
            found = True
            lost = [n for n in range(record.first + 1, record.end) if text[n].strip()]
            many = f"; it swallows {len(lost):,} further lines" if lost else ""
            yield UserError(f"{where}: {wrong}{many}")
            for each in lost:
                yield UserError(
                    f"{path}:{each + 1}: swallowed by the quote of line {record.first + 1}"
                )
        elif header is None:
            header = [cell.strip() for cell in cells]
            if twice := sorted(name for name, n in Counter(header).items() if n > 1):
                raise UserError(f"{where}: the header names the column {twice[0]!r:.200} twice")
        else:
            found = True
            yield Row(where, dict(zip(header, cells, strict=True)), form.name)
    if header is not None and not found:
        listed = ", ".join(header)
        raise UserError(f"{path}: {form.name} without rows; its first line names {listed:.300}")


def first_cells(path: Path, *, tabs: bool = False) -> list[str]:
    """The cells of a table's first row; empty where it can't be read as one.

    Raises:
        UserError: if the file can't be opened or is empty.
    """
    text = [raw.decode(errors="surrogateescape") for _, raw in lines(path)]
    form, begin = _form(text, tabs)
    record = next(_records(text, begin, form, 0), None)
    return [] if record is None else list(record.cells)


def columns_of(line: str) -> int:
    """Into how many cells a line falls by the delimiter that gives the most."""
    return max((len(_header([line], 0, _Form(each))) for each in _NAMES), default=1)


def _trimmed(cells: Sequence[str], width: int) -> list[str]:
    """Cells without empty ones at the end beyond a width: spreadsheets write columns that were used
    once, and have no name."""
    kept = list(cells)
    while len(kept) > width and not kept[-1].strip():
        kept.pop()
    return kept


def _unfit(record: _Record) -> str:
    cells = "".join(record.cells)
    if "\0" in cells:
        return "the line holds NUL bytes: the file is damaged, or no text"
    if any("\udc80" <= c <= "\udcff" for c in cells):
        return (
            "the line is not valid UTF-8; if the file is in Latin-1 or Windows-1252, save it as "
            "UTF-8"
        )
    return ""


# --- which delimiter, and whether there are quotes ---------------------------------------------


def _form(text: Sequence[str], tabs: bool) -> tuple[_Form, int]:
    """How a table is written, and the line with which it begins (counted from 0)."""
    usual = "\t" if tabs else ","
    says = _SAYS.fullmatch(text[0])
    if says is not None:
        return _Form(says[1]), 1
    forms = [form for each in _NAMES if len(_header(text, 0, form := _Form(each))) > 1]
    if not forms or (tabs and _Form(usual) in forms):
        forms = [_Form(usual)]
    if len(forms) > 1:
        forms.sort(key=lambda form: _order(text, form, usual))
    form = forms[0]
    return (_unquoted(text) if form.delimiter == "\t" else _escaped(text, form)), 0


def _header(text: Sequence[str], begin: int, form: _Form) -> tuple[str, ...]:
    for record in _records(text, begin, form, 0):
        return () if record.problem else record.cells
    return ()


def _order(text: Sequence[str], form: _Form, usual: str) -> tuple[float, int, bool]:
    """What makes a delimiter the right one: all rows have as many cells as the header, which are
    many; the one that the file's name says before others."""
    rows = _some(text, form)
    if rows is None or not rows:
        return 1.0, 0, form.delimiter != usual
    width = len(rows[0])
    return -sum(len(row) == width for row in rows) / len(rows), -width, form.delimiter != usual


def _escaped(text: Sequence[str], form: _Form) -> _Form:
    """Whether quotes in cells stand after backslashes, as databases and Spark write them: only
    where the table can't be read otherwise, and can be so."""
    usual = _some(text, form)
    if (usual is not None and _regular(usual)) or not any('\\"' in line for line in text):
        return form
    other = _Form(form.delimiter, escaped=True)
    found = _some(text, other)
    return other if found and len(found) > 1 and _regular(found) else form


def _unquoted(text: Sequence[str]) -> _Form:
    """Whether a table of tabs has quotes around cells, as spreadsheets write it, or none, as data
    sets are often published: then a quotation mark at the beginning of a cell belongs to it."""
    with_quotes, without = _Form("\t"), _Form("\t", quoted=False)
    quoted, plain = _some(text, with_quotes), _some(text, without)
    if quoted is None or not _regular(quoted):
        return without
    return without if plain and _regular(plain) and len(plain) != len(quoted) else with_quotes


def _some(text: Sequence[str], form: _Form) -> list[tuple[str, ...]] | None:
    """The cells of the first rows; ``None`` where one isn't a row at all."""
    found: list[tuple[str, ...]] = []
    for record in _records(text, 0, form, 0):
        if record.problem:
            return None
        found.append(record.cells)
        if len(found) == _LOOK:
            break
    return found


def _regular(rows: Sequence[Sequence[str]]) -> bool:
    return len({len(row) for row in rows}) == 1


# --- rows, whatever is wrong with their quotes --------------------------------------------------


def _records(text: Sequence[str], begin: int, form: _Form, width: int) -> Iterator[_Record]:
    """The rows of a table from a line on, blank ones left out.

    Args:
        width: of a row, if known; else it is the first row's.
    """
    at = begin
    while at < len(text):
        taken = at

        def feed() -> Iterator[str]:
            nonlocal taken
            while taken < len(text):
                taken += 1
                yield text[taken - 1]

        reader = csv.reader(feed(), **form.dialect)
        while True:
            at, problem = taken, ""
            cells: list[str] = []
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = _wording(str(error))
            if not problem and not any(cell.strip() for cell in cells):
                continue
            width = width or len(_trimmed(cells, 1))
            if not problem and (taken == at + 1 or len(_trimmed(cells, width)) == width):
                yield _Record(at, taken, tuple(cells))
                continue
            # It is bad. Of several lines, those after the first may be rows that a quote swallowed.
            end = taken
            if taken > at + 1 and (
                "never closed" in problem or _rows_of(text[at + 1 : taken], form, width)
            ):
                end = at + 1
            yield _Record(at, end, tuple(cells), problem or _several(cells, width))
            at = end
            break


def _rows_of(text: Sequence[str], form: _Form, width: int) -> bool:
    """Whether lines are rows of a table by themselves."""
    try:
        rows = [row for row in csv.reader(text, **form.dialect) if row]
    except csv.Error:
        return False
    return bool(rows) and all(len(_trimmed(row, width)) == width for row in rows)


def _wording(problem: str) -> str:
    if "new-line" in problem:
        return CR
    if "unexpected end" in problem:
        return 'a quote is opened here and never closed: close it, or write "" for one in a cell'
    return f'not a valid table row ({problem}): write "" for a quote in a quoted cell'


def _several(cells: Sequence[str], width: int) -> str:
    return (
        f"{len(cells)} cells where the header has {width}, over several lines: a quote is opened "
        "that is closed lines below"
    )
