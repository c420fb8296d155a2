"""One row of a data file: fields that say what is wrong with them, and what is there instead."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from selfcorrect.errors import UserError
from selfcorrect.messages import CONFINED, Allowed, Image, held, image

T = TypeVar("T")
#: So many columns are named at most.
_MOST = 16


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file as named fields.

    Attributes:
        where: its ``file:line``, for errors.
        form: what the file was recognised as, for errors: ``JSON lines``.
        images: which ones it may name.
    """

    where: str
    fields: dict[str, Any]
    form: str = ""
    images: Allowed = CONFINED

    def error(self, problem: str) -> UserError:
        """An error about this line, for the caller to raise."""
        return UserError(f"{self.where}: {problem}")

    def missing(self, name: str) -> UserError:
        """An error that says that a field is missing, and what is there instead."""
        if name in self.fields:
            return self.error(f"the field {name!r} has no value")
        return self.error(f"the field {name!r} is missing; {self.there(name)}")

    def there(self, name: str) -> str:
        """What is there in place of a field that is missing: see :func:`there`."""
        return there(self.form, self.fields, name)

    def get(self, name: str, kind: type[T], default: T | None = None) -> T:
        """A field of the given type.

        Raises:
            UserError: if it is missing and has no default, or is of another type, or is a text
                with half a surrogate pair (no file could be written with it).
        """
        if name not in self.fields or self.fields[name] is None:
            if default is not None:
                return default
            raise self.missing(name)
        value = self.fields[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(f"{name!r} must be {_word(kind)}, not {short(value)}")
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
                raise self.error(f"{name!r} must be a list of texts, and {short(value)} is none")
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
        return self.optional("id") or place(self.where)

    def image(self, name: str, location: object) -> Image:
        """An image; a path counts from the data's own folder, or from the one that is named. In
        Parquet it may be the bytes of a file, alone or as the hub has them (``bytes``, ``path``).

        Raises:
            UserError: it isn't named, or isn't there.
        """
        if isinstance(location, dict):
            location = location.get("bytes") or location.get("path")
        if isinstance(location, bytes):
            try:
                return held(location, name)
            except UserError as error:
                raise self.error(str(error)) from None
        if not isinstance(location, str) or not location.strip():
            raise self.error(f"{name} must be a path or an address, not {short(location)}")
        self.writable(name, location)
        path, _, _ = self.where.rpartition(":")
        try:
            return image(location, Path(path).parent, self.images)
        except UserError as error:
            raise self.error(f"{name}: {error}") from None

    def writable(self, name: str, value: str) -> None:
        """Raise UserError if the text can't be stored as UTF-8."""
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.error(f"{name!r} holds bytes or escapes that are no Unicode text") from None


def place(where: str) -> str:
    """Where a row stands, without the folder of its file: ``file:line``."""
    path, _, line = where.rpartition(":")
    return f"{Path(path).name}:{line}"


def there(form: str, columns: Iterable[str], wanted: str = "") -> str:
    """What is there: the format, the columns, and which of them has nearly the name wanted.

    Args:
        form: of the file; empty where it isn't known.
        columns: their names.
        wanted: the one that isn't among them.
    """
    names = list(columns)
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    # half a surrogate pair can't be shown
    shown = [f"{name:.60}".encode(errors="backslashreplace").decode() for name in names[:_MOST]]
    listed = ", ".join(shown) + more
    close = nearest_column(wanted, names)
    hint = f" (did you mean {close!r}?)" if close is not None else ""
    return f"this is {form or 'a row'} with the fields {listed or '(none)'}{hint}"


def nearest_column(wanted: str, columns: Iterable[str]) -> str | None:
    """The column whose name is nearest to one that isn't there: but for capitals, spaces and
    underscores, else by letters; ``None`` if none is near."""
    plain = {plain_name(name): name for name in columns}
    close = difflib.get_close_matches(plain_name(wanted), plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def plain_name(name: str) -> str:
    """A column's name in small letters, without blanks and signs."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _word(kind: type) -> str:
    words = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}
    return words.get(kind, kind.__name__)


def short(value: object) -> str:
    """A value of the data for an error, as JSON, clipped."""
    try:
        shown = json.dumps(value, default=str)
    except RecursionError:
        return "a value nested beyond reason"
    return shown if len(shown) <= 60 else shown[:57] + "..."
