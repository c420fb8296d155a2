"""Reading data files line by line: whatever is wrong is said with file and line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from selfcorrect.errors import UserError
from selfcorrect.messages import Image, image

T = TypeVar("T")
_BOM = b"\xef\xbb\xbf"
_UTF16 = re.compile(rb"\xff\xfe|\xfe\xff|\0[^\0]|[^\0]\0")
_CR = "its lines end in CR alone, as of old Macs; save it with line ends of LF or CRLF"
csv.field_size_limit(2**31 - 1)  # a cell may hold a whole article


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file as named fields; ``where`` is its ``file:line`` for errors."""

    where: str
    fields: dict[str, Any]

    def error(self, problem: str) -> UserError:
        """An error about this line, for the caller to raise."""
        return UserError(f"{self.where}: {problem}")

    def get(self, name: str, kind: type[T], default: T | None = None) -> T:
        """A field of the given type.

        Raises:
            UserError: if it is missing and has no default, or is of another type, or is a text
                with half a surrogate pair (no file could be written with it).
        """
        if name not in self.fields or self.fields[name] is None:
            if default is not None:
                return default
            raise self.error(f"the field {name!r} is missing")
        value = self.fields[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(f"{name!r} must be {_word(kind)}, not {_short(value)}")
        if isinstance(value, str):
            self.writable(name, value)
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """A text that isn't blank, as it stands.

        Raises:
            UserError: if it is missing, blank, or not a text.
        """
        value = self.get(name, str, default)
        if not value.strip() and value != default:
            raise self.error(f"{name!r} is empty")
        return value

    def texts(self, name: str, default: list[str] | None = None) -> list[str]:
        """A list of texts.

        Raises:
            UserError: if it is missing, or not a list of texts.
        """
        values = self.get(name, list, default)
        for value in values:
            if not isinstance(value, str):
                raise self.error(f"{name!r} must be a list of texts, and {_short(value)} is none")
            self.writable(name, value)
        return values

    def word(self, name: str) -> str:
        """A text or whole number, as text (data sets number things either way).

        Raises:
            UserError: if it is missing, blank, or something else.
        """
        if type(self.fields.get(name)) is int:
            return str(self.fields[name])
        return self.text(name)

    def optional(self, name: str) -> str:
        """A text or whole number, as text; empty where it is missing.

        Raises:
            UserError: if it is something else.
        """
        return "" if self.fields.get(name) in (None, "") else self.word(name)

    def name(self) -> str:
        """The row's ``id``; without one, its file's name and its line.

        Not ``where``: the same file must have the same ids wherever it lies.

        Raises:
            UserError: if the id is something else than a text or whole number.
        """
        path, _, line = self.where.rpartition(":")
        return self.optional("id") or f"{Path(path).name}:{line}"

    def image(self, name: str, location: object) -> Image:
        """An image; a path counts from the data's own folder.

        Raises:
            UserError: it isn't named, or isn't there.
        """
        if not isinstance(location, str) or not location.strip():
            raise self.error(f"{name} must be a path or an address, not {_short(location)}")
        self.writable(name, location)
        path, _, _ = self.where.rpartition(":")
        try:
            return image(location, Path(path).parent)
        except UserError as error:
            raise self.error(f"{name}: {error}") from None

    def writable(self, name: str, value: str) -> None:
        """Raise UserError if the text can't be stored as UTF-8."""
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.error(f"{name!r} holds bytes or escapes that are no Unicode text") from None


def files(data: str | Path, suffix: str = ".jsonl") -> list[Path]:
    """The file itself, or a folder's files with this suffix in sorted order.

    Raises:
        UserError: if there is nothing there, or no such file in the folder.
    """
    path = Path(data).expanduser()
    try:
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix == suffix and p.is_file())
            if not found:
                raise UserError(f"{path}: the folder holds no *{suffix} files")
            return found
        if path.is_file():
            return [path]
    except OSError as problem:
        raise UserError(f"{path}: can't be read ({problem.strerror or problem})") from problem
    raise UserError(f"{path}: no such file or folder")


def rows(path: Path) -> Iterator[Row | UserError]:
    """The rows of a file by its ending: :func:`table` of ``.csv`` and ``.tsv``, else
    :func:`jsonl`."""
    ending = path.suffix.casefold()
    return table(path, tabs=ending == ".tsv") if ending in (".csv", ".tsv") else jsonl(path)


def jsonl(path: Path) -> Iterator[Row | UserError]:
    """The objects of a JSONL file, a line each; blank lines are passed over.

    Yields:
        A row, or the error that a bad line is (so that the caller may go on with the next).

    Raises:
        UserError: if the file can't be opened or is empty.
    """
    for number, raw in _lines(path):
        where = f"{path}:{number}"
        try:
            line = raw.decode()
            if not line.strip():
                continue
            value = json.loads(line)
        except UnicodeDecodeError as problem:
            yield UserError(f"{where}: byte {problem.start + 1} of the line is not valid UTF-8")
        except json.JSONDecodeError as problem:
            yield UserError(f"{where}: not valid JSON ({problem.msg}, column {problem.colno})")
        except (ValueError, RecursionError):  # a number of 5,000 digits; 10,000 brackets
            yield UserError(f"{where}: JSON with numbers or nesting beyond reason")
        else:
            if isinstance(value, dict):
                yield Row(where, value)
            else:
                yield UserError(f"{where}: expected a JSON object, found {_short(value)}")


def document(path: Path) -> Any:
    """The JSON that a file is as a whole.

    Raises:
        UserError: if the file can't be opened, or is no JSON.
    """
    text = b"".join(raw for _, raw in _lines(path))
    try:
        return json.loads(text.decode())
    except UnicodeDecodeError as problem:
        raise UserError(f"{path}: byte {problem.start + 1} is not valid UTF-8") from None
    except json.JSONDecodeError as problem:
        raise UserError(f"{path}:{problem.lineno}: not valid JSON ({problem.msg})") from None
    except (ValueError, RecursionError):
        raise UserError(f"{path}: JSON with numbers or nesting beyond reason") from None


def array(path: Path) -> Iterator[Row | UserError]:
    """The objects of a JSON file that is one list of them.

    Yields:
        A row, whose ``where`` counts the list's entries from 1, or the error that a bad one is.

    Raises:
        UserError: if the file can't be opened, is no JSON, or holds something else than a list.
    """
    entries = document(path)
    if not isinstance(entries, list):
        raise UserError(f"{path}: expected a list of JSON objects, found {_short(entries)}")
    if not entries:
        raise UserError(f"{path}: the list is empty")
    for number, value in enumerate(entries, 1):
        where = f"{path}:entry {number}"
        if isinstance(value, dict):
            yield Row(where, value)
        else:
            yield UserError(f"{where}: expected a JSON object, found {_short(value)}")


def text_lines(path: Path, name: str) -> Iterator[Row | UserError]:
    """The lines of a text file, each as a row with one field of this name; blank ones are passed
    over.

    Yields:
        A row, or the error that a bad line is.

    Raises:
        UserError: if the file can't be opened or is empty.
    """
    for number, raw in _lines(path):
        where = f"{path}:{number}"
        try:
            line = raw.decode().strip()
        except UnicodeDecodeError as problem:
            yield UserError(f"{where}: byte {problem.start + 1} of the line is not valid UTF-8")
            continue
        if "\r" in line:
            yield UserError(f"{where}: {_CR}")
        elif line:
            yield Row(where, {name: line})


def table(path: Path, *, tabs: bool = False) -> Iterator[Row | UserError]:
    """The rows of a CSV file (or one with tabs and no quoting), by the names in its first line.

    Yields:
        A row whose values are texts, or the error that a bad line is.

    Raises:
        UserError: if the file can't be opened, is empty, or its header names a column twice.
    """
    starts: list[int] = []

    def lines() -> Iterator[str]:
        for number, raw in _lines(path):
            starts.append(number)
            # Bad bytes survive as lone surrogates, which the row check below finds: the reader
            # then goes on with the next line.
            yield raw.decode(errors="surrogateescape")

    reader = (
        csv.reader(lines(), delimiter="\t", quoting=csv.QUOTE_NONE)
        if tabs
        else csv.reader(lines(), strict=True)
    )
    header: list[str] | None = None
    while True:
        seen = len(starts)
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as problem:
            where = starts[seen] if seen < len(starts) else starts[-1]
            why = f"not a valid table row ({problem})"
            error = UserError(f"{path}:{where}: {_CR if 'new-line' in str(problem) else why}")
            if header is None:
                raise error from problem
            yield error
            continue
        where_row = f"{path}:{starts[seen]}"
        if not any(cell.strip() for cell in cells):
            continue
        if any("\udc80" <= c <= "\udcff" for cell in cells for c in cell):
            bad = UserError(f"{where_row}: the line is not valid UTF-8")
            if header is None:
                raise bad
            yield bad
        elif header is None:
            header = [cell.strip() for cell in cells]
            twice = sorted({name for name in header if header.count(name) > 1})
            if twice:
                raise UserError(f"{where_row}: the header names the column {twice[0]!r} twice")
        elif len(cells) != len(header):
            yield UserError(f"{where_row}: {len(cells)} cells where the header has {len(header)}")
        else:
            yield Row(where_row, dict(zip(header, cells, strict=True)))


def build(
    rows: Iterable[Row | UserError],
    make: Callable[[Row], T | None],
    skipped: list[str] | None,
) -> list[T]:
    """Make something of every row.

    Args:
        rows: from :func:`jsonl` or :func:`table`.
        make: ``None`` leaves a row out without a word (another category, say).
        skipped: where to list bad lines; ``None`` raises the first instead.

    Raises:
        UserError: for a bad row, unless they are listed.
    """
    made: list[T] = []
    for row in rows:
        try:
            if isinstance(row, UserError):
                raise row
            value = make(row)
        except UserError as problem:
            if skipped is None:
                raise
            skipped.append(str(problem))
            continue
        if value is not None:
            made.append(value)
    return made


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines without a byte order mark (split at \\n alone: JSON may hold U+2028)."""
    number = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if number == 1 and _UTF16.match(raw):
                    raise UserError(f"{path}: it is UTF-16 or no text; save it as UTF-8")
                yield number, raw.removeprefix(_BOM) if number == 1 else raw
    except OSError as problem:
        raise UserError(f"{path}: can't be read ({problem.strerror or problem})") from problem
    if number == 0:
        raise UserError(f"{path}: the file is empty")


def _word(kind: type) -> str:
    words = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}
    return words.get(kind, kind.__name__)


def _short(value: object) -> str:
    try:
        shown = json.dumps(value, default=str)
    except RecursionError:
        return "a value nested beyond reason"
    return shown if len(shown) <= 60 else shown[:57] + "..."
