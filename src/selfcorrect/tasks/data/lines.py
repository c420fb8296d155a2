"""The lines of text files, numbered. Whatever reads text reads it here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.regular import open_file
from selfcorrect.tasks.data.recognise import check_text, head_of
from selfcorrect.tasks.data.row import Row

_BOM = b"\xef\xbb\xbf"
CR = "its lines end in CR alone, as of old Macs; save it with line ends of LF or CRLF"


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Numbered lines without a byte order mark (split at \\n alone: JSON may hold U+2028).

    Raises:
        UserError: the file can't be read, is empty, or is something else than text: see
            :mod:`selfcorrect.tasks.data.recognise`.
    """
    check_text(path, head_of(path))
    try:
        with open_file(path) as file:
            for number, raw in enumerate(file, 1):
                yield number, raw.removeprefix(_BOM) if number == 1 else raw
    except OSError as problem:
        raise UserError(f"{path}: can't be read ({problem.strerror or problem})") from problem


def not_text(where: str, raw: bytes) -> UserError | None:
    """Why a line is no text, or ``None``."""
    if b"\0" in raw:
        return UserError(f"{where}: the line holds NUL bytes: the file is damaged, or no text")
    try:
        raw.decode()
    except UnicodeDecodeError as problem:
        return UserError(
            f"{where}: byte {problem.start + 1} of the line is not valid UTF-8; if the file is in "
            "Latin-1 or Windows-1252, save it as UTF-8"
        )
    return None


def text_lines(path: Path, name: str) -> Iterator[Row | UserError]:
    """The lines of a text file, each as a row with one field of this name; blank ones are passed
    over.

    Yields:
        A row, or the error that a bad line is.

    Raises:
        UserError: as :func:`lines`.
    """
    for number, raw in lines(path):
        where = f"{path}:{number}"
        if (problem := not_text(where, raw)) is not None:
            yield problem
        elif "\r" in (line := raw.decode().strip()):
            yield UserError(f"{where}: {CR}")
        elif line:
            yield Row(where, {name: line}, "text with one on each line")
