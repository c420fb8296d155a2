"""Data in JSON: an object a line, a list of objects, or objects one after the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.lines import lines, not_text
from selfcorrect.tasks.data.row import Row, short

#: What the list of rows is called in a file that is one object around it.
_WRAPPED = ("data", "rows", "examples", "questions", "items", "instances", "records", "samples")
_LINES, _LIST, _OBJECTS = "JSON lines", "a JSON list", "JSON objects"
_BLANK = re.compile(r"\s*")


def json_rows(path: Path) -> Iterator[Row | UserError]:
    """The objects of a JSON file, however they are written: an object a line, indented or one after
    the other, a list of them, or an object that holds such a list as ``data`` or the like.

    Yields:
        A row, or the error that a bad one is (so that the caller may go on with the next).

    Raises:
        UserError: if the file can't be opened, is empty, or is no JSON at all.
    """
    first = list(islice(_filled(path), 2))
    begin = first[0].lstrip()[:1] if first else b""
    if begin == b"[":
        yield from array(path)
    elif begin == b"{" and (len(first) == 1 or _value(first[0]) is None):
        whole = _objects(path)
        yield from jsonl(path) if whole is None else _rows(path, whole)
    else:
        yield from jsonl(path)


def jsonl(path: Path) -> Iterator[Row | UserError]:
    """The objects of a JSONL file, a line each; blank lines are passed over.

    Yields:
        A row, or the error that a bad line is (so that the caller may go on with the next).

    Raises:
        UserError: if the file can't be opened or is empty.
    """
    for number, raw in lines(path):
        where = f"{path}:{number}"
        if (problem := not_text(where, raw)) is not None:
            yield problem
            continue
        line = raw.decode()
        if not line.strip():
            continue
        try:
            value = json.loads(line.rstrip())
        except json.JSONDecodeError as wrong:
            at = "at the line's end" if wrong.pos >= len(line.rstrip()) else f"column {wrong.colno}"
            yield UserError(f"{where}: not valid JSON ({wrong.msg}, {at})")
        except (ValueError, RecursionError):  # a number of 5,000 digits; 10,000 brackets
            yield UserError(f"{where}: JSON with numbers or nesting beyond reason")
        else:
            yield _row(where, value, _LINES)


def document(path: Path) -> Any:
    """The JSON that a file is as a whole.

    Raises:
        UserError: if the file can't be opened, or is no JSON.
    """
    text = b"".join(raw for _, raw in lines(path))
    if (problem := not_text(str(path), text)) is not None:
        raise problem
    try:
        return json.loads(text)
    except json.JSONDecodeError as wrong:
        raise UserError(f"{path}:{wrong.lineno}: not valid JSON ({wrong.msg})") from None
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
        raise UserError(f"{path}: expected a list of JSON objects, found {short(entries)}")
    yield from _entries(path, entries, _LIST)


def _entries(path: Path, entries: list[Any], form: str) -> Iterator[Row | UserError]:
    if not entries:
        raise UserError(f"{path}: the list is empty")
    for number, value in enumerate(entries, 1):
        yield _row(f"{path}:entry {number}", value, form)


def _row(where: str, value: Any, form: str) -> Row | UserError:
    if isinstance(value, dict):
        return Row(where, value, form)
    return UserError(f"{where}: expected a JSON object, found {short(value)}")


def _rows(path: Path, whole: list[Any]) -> Iterable[Row | UserError]:
    """Of objects one after the other, or of one that holds the list of all."""
    if len(whole) > 1:
        return _entries(path, whole, _OBJECTS)
    (only,) = whole
    held = [key for key, value in only.items() if _is_table(value)]
    if len(held) == 1 and held[0] in _WRAPPED:
        # the hub's server of rows puts each into an object of its own
        entries = [
            each["row"] if isinstance(each.get("row"), dict) else each for each in only[held[0]]
        ]
        return _entries(path, entries, f"a JSON list ({held[0]!r})")
    if only and all(_is_column(value) for value in only.values()):
        raise UserError(
            f"{path}: it is one JSON object with a column under each name ({', '.join(only)}), as "
            "pandas writes by default; write it with to_json(FILE, orient='records', lines=True)"
        )
    return [Row(f"{path}:1", only, "one JSON object")]


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _is_column(value: object) -> bool:
    """Whether a value is a column as pandas writes one: row number → cell."""
    return isinstance(value, dict) and bool(value) and all(key.isdecimal() for key in value)


def _objects(path: Path) -> list[Any] | None:
    """The objects that stand in a file one after the other, over one line or many; ``None`` where
    it isn't that and nothing else."""
    try:
        text = b"".join(raw for _, raw in lines(path)).decode()
        found, at, decoder = [], _BLANK.match(text).end(), json.JSONDecoder()  # type: ignore[union-attr]
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            if not isinstance(value, dict):
                return None
            found.append(value)
            at = _BLANK.match(text, at).end()  # type: ignore[union-attr]
    except (ValueError, RecursionError):
        return None
    return found


def _value(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _filled(path: Path) -> Iterator[bytes]:
    return (raw for _, raw in lines(path) if raw.strip())
