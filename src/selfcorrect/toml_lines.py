"""TOML with line numbers: where a mistake is, and where tables and keys stand."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

#: The keys that lead to a value; of an array of tables also the position in it, from 0.
Place = tuple[str | int, ...]

_LINE_STRING = r'"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'"
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""+|' + r"'''.*?'''+|" + _LINE_STRING,
    re.DOTALL,
)
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_HEADER = re.compile(rf"(\[\[?)((?:{_LINE_STRING}|[^\]\"'\n])+)\]")
_KEY = re.compile(rf"((?:{_LINE_STRING}|[^=\"'\n\[])+)=")
_PLAIN = re.compile(r"[^\"'\[\]{}#\n]+")
#: Names, with dots between them, that lead to one value. tomllib's time grows with more than the
#: square of their number: a key of 100 kB took half a minute.
_MOST_NAMES = 64
_NAME = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_LONG = re.compile(
    rf"(?:^[ \t]*+\[?+\[?+|[{{,])[ \t]*+(?:{_NAME}\.[ \t]*+){{{_MOST_NAMES},}}+{_NAME}[=\]]",
    re.MULTILINE,
)
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class TomlError(ValueError):
    """A text isn't valid TOML.

    Attributes:
        line: where, from 1.
        reason: why, in words.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line, self.reason = line, reason


def parse(text: str) -> dict[str, Any]:
    """The table of a TOML text.

    Raises:
        TomlError: it isn't valid, or nested too deeply.
    """
    if found := _LONG.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise TomlError(line, f"a key has more than {_MOST_NAMES} names, with dots between them")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TomlError(1, "tables or lists are nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and numbers too long for int()
        found = _AT.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1 if found else 1
        reason = str(error)[: found.start()] if found else str(error)
        raise TomlError(line, reason[:1].lower() + reason[1:]) from None


def key_lines(text: str) -> dict[Place, int]:
    """Line numbers, from 1, of the tables and keys of a TOML text that :func:`parse` accepts.

    The n-th ``[[again]]`` is ``("again", n)``, counted from 0, and its key ``say``
    ``("again", n, "say")``. Keys inside inline tables aren't listed: ask :func:`line_of`.
    """
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    at, line, counted = 0, 1, 0
    while (at := _end(_BLANK, text, at)) < len(text):
        line, counted = line + text.count("\n", counted, at), at
        if header := _HEADER.match(text, at):
            *parents, name = _parts(header[2])
            table = (*_within(parents, counts), name)
            lines.setdefault(table, line)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
            table = (*table, counts[table]) if table in counts else table
            lines.setdefault(table, line)
            at = _end_of_line(text, header.end())
        elif key := _KEY.match(text, at):
            place = table
            for part in _parts(key[1]):
                place = (*place, part)
                lines.setdefault(place, line)
            at = _end_of_value(text, key.end())
        else:  # it isn't TOML; don't stand still
            at = _end_of_line(text, at)
    return lines


def line_of(lines: Mapping[Place, int], place: Place) -> int:
    """The line of a key, or else of the nearest thing around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _parts(dotted: str) -> list[str]:
    """``again."when".critique`` → its three parts."""
    inside = tomllib.loads(f"{dotted.strip()} = 0")
    parts: list[str] = []
    while isinstance(inside, dict):
        part, inside = next(iter(inside.items()))
        parts.append(part)
    return parts


def _within(parts: list[str], counts: Mapping[Place, int]) -> Place:
    """The place a header's parents name: of an array of tables, the latest one."""
    place: Place = ()
    for part in parts:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place])
    return place


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _end_of_value(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        if text[at] == "\n" and depth == 0:
            return at
        if text[at] == "#":
            newline = text.find("\n", at)
            at = len(text) if newline < 0 else newline
            continue
        depth += (text[at] in "[{") - (text[at] in "]}")
        at = max(_end(_STRING, text, at), _end(_PLAIN, text, at), at + 1)
    return at
