"""The spec that a command line describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, read_spec


def is_given(value: Any) -> bool:
    """Whether an option was given: flags and lists have no ``None``."""
    return value is not None and value is not False and value not in ([], ())


def spec_from(given: Sequence[str] | None, options: dict[str, Any]) -> RunSpec:
    """The spec that a command line describes: a file, settings over it, options over both.

    Args:
        given: the arguments: at most one file, the rest ``KEY=VALUE``.
        options: dotted key → value; see :func:`is_given`.

    Raises:
        UserError: two files, or whatever is wrong with the spec.
    """
    files = [each for each in given or () if "=" not in each]
    if len(files) > 1:
        raise UserError(
            f"give one spec file, not {' and '.join(map(repr, files))} (a setting is KEY=VALUE)."
        )
    values = {key: value for key, value in options.items() if is_given(value)}
    if "task.categories" in values:
        split = [name.strip() for each in values["task.categories"] for name in each.split(",")]
        values["task.categories"] = [name for name in split if name]
    overrides = [each for each in given or () if "=" in each]
    return read_spec(files[0] if files else None, overrides, values)
