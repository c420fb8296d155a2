"""What a user said about a task: where its data are, and its options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Allowed
from selfcorrect.tasks.reader import AS_USUAL, Reader

T = TypeVar("T", bool, int, str)
#: Options of tasks whose data may name images: see :attr:`Source.images`.
IMAGES = ("images_from", "remote_images")


@dataclass(frozen=True, slots=True)
class Source:
    """The arguments of :func:`selfcorrect.tasks.make`, for a task's module to check; ``frame`` are
    data that a program gives as an object."""

    task: str
    data: str | None = None
    categories: tuple[str, ...] = ()
    seed: int = 0
    skip_bad: bool = False
    options: Mapping[str, object] | None = None
    frame: object = None
    reader: Reader = AS_USUAL

    def only(
        self,
        *,
        data: bool = True,
        categories: bool = False,
        options: tuple[str, ...],
        frames: bool = False,
    ) -> None:
        """Refuse what this task doesn't take.

        Raises:
            UserError: for an unknown option (with the nearest names), or for data or categories
                where the task has none.
        """
        if self.data is not None and not data:
            raise UserError(
                f"task {self.task!r} brings its own questions: leave out data {self.data!r}"
            )
        if self.frame is not None and not frames:
            raise UserError(
                f"task {self.task!r} reads its data from files, not from a "
                f"{type(self.frame).__name__}: give the place of a file"
            )
        if self.categories and not categories:
            raise UserError(
                f"task {self.task!r} has no categories: leave out {', '.join(self.categories)!r}"
            )
        for name in self.options or {}:
            if name not in options:
                known = nearest(name, options) if options else "it has none"
                raise UserError(f"task {self.task!r} has no option {name!r}: {known}")

    def option(self, name: str, default: T) -> T:
        """An option's value, of the default's type.

        Raises:
            UserError: for a value of another type.
        """
        value = (self.options or {}).get(name, default)
        read: object = value
        if isinstance(value, str) and isinstance(default, bool):
            read = {"true": True, "false": False}.get(value.casefold())
        elif isinstance(value, str) and isinstance(default, int):
            read = int(value) if re.fullmatch(r"[+-]?\d{1,18}", value.strip(), re.ASCII) else None
        if isinstance(read, type(default)) and isinstance(read, bool) == isinstance(default, bool):
            return read
        wanted = {bool: "true or false", int: "a whole number", str: "a word"}[type(default)]
        raise UserError(f"option {name!r} of task {self.task!r} must be {wanted}, not {value!r}")

    @property
    def images(self) -> Allowed:
        """The images that data may name: in the folder ``images_from``, and, where
        ``remote_images`` says so, at addresses.

        Raises:
            UserError: there is no such folder.
        """
        named = self.option("images_from", "")
        folder = Path(named).expanduser() if named else None
        if folder is not None and not folder.is_dir():
            raise UserError(f"there is no folder of images {named!r}: see --images-from")
        return Allowed(folder, self.option("remote_images", False))

    def pairs(self, name: str) -> dict[str, list[str]]:
        """An option that gives values to names: a table, or texts ``name=value``; a value may be a
        list, or ``a,b``.

        Raises:
            UserError: for something else.
        """
        given = (self.options or {}).get(name)
        given = [given] if isinstance(given, str) else given
        if isinstance(given, Mapping):
            told: list[tuple[Any, Any]] = list(given.items())
        elif given is None or isinstance(given, list | tuple):
            parts = [str(each).partition("=") for each in given or ()]
            told = [(key, value) for key, _, value in parts]
        else:
            told = [("", "")]
        found: dict[str, list[str]] = {}
        for key, value in told:
            values = value if isinstance(value, list | tuple) else str(value).split(",")
            found.setdefault(str(key).strip(), []).extend(str(each).strip() for each in values)
        for key, values in found.items():
            if not key or not all(values):
                raise UserError(
                    f"option {name!r} of task {self.task!r} gives columns to fields, as "
                    f"question=Frage, not {given!r:.80}"
                )
        return found

    def one_of(self, name: str, default: str, known: tuple[str, ...]) -> str:
        """An option that is one of a few words.

        Raises:
            UserError: for another word, with the nearest.
        """
        value = self.option(name, default)
        if value not in known:
            raise UserError(
                f"option {name!r} of task {self.task!r} can't be {value!r}: "
                f"{nearest(value, [word for word in known if word])}"
            )
        return value

    def at_least(self, name: str, default: int, low: int, high: int | None = None) -> int:
        """An option that is a whole number within bounds.

        Raises:
            UserError: for a number outside of them.
        """
        value = self.option(name, default)
        if value < low or (high is not None and value > high):
            bounds = f"at least {low}" if high is None else f"from {low} to {high}"
            raise UserError(f"option {name!r} of task {self.task!r} must be {bounds}, not {value}")
        return value
