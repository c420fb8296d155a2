"""The names of concepts; and concepts as a spec names them: by name, perhaps with a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from selfcorrect.errors import UserError


def check_name(name: str) -> str:
    """A concept's name: letters, digits, ``-`` and ``_``, so that it can be a file's and a key; an
    option begins with ``-``, so no name does.

    Raises:
        UserError: it isn't one.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,39}", name):
        raise UserError(
            "a concept's name has letters, digits, - and _ (at most 40), and doesn't begin with -; "
            f"{name!r:.60} is none: choose another."
        )
    return name


def listed(value: Any) -> Any:
    """``["toxic", "biased=FILE"]`` as a table, which it may be already; anything else as it is.

    Raises:
        ValueError: a concept is named twice.
    """
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list | tuple) or not all(isinstance(each, str) for each in named):
        return value
    found: dict[str, str] = {}
    for name, _, file in (each.partition("=") for each in named):
        if name in found:
            raise ValueError(f"the concept {name!r} is named twice: give it once")
        found[name] = file
    return found


def checked(value: Mapping[str, str]) -> Mapping[str, str]:
    """The same.

    Raises:
        ValueError: a name isn't one.
    """
    try:
        for name in value:
            check_name(name)
    except UserError as error:
        raise ValueError(str(error).rstrip(".")) from None
    return value
