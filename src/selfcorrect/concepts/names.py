"""Concepts as a spec names them: each by its name, perhaps with a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.concepts.file import check_name
from selfcorrect.errors import UserError


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
