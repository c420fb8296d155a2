"""Settings of a spec's table, put into it one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from selfcorrect.concepts.names import listed
from selfcorrect.errors import UserError
from selfcorrect.strategies import parse_steering

#: Tables that may be given as a bare string: their ``name``.
NAMED = ("model", "task", "strategy", "scorer", "meanings")


def named(value: Any) -> Any:
    """``"smollm2"`` as the table that it stands for; anything else as it is."""
    return {"name": value} if isinstance(value, str) else value


def counted(value: Any) -> Any:
    """A number of samples as the table that it stands for; anything else as it is."""
    return {"k": value} if isinstance(value, int) else value


def _steered(value: Any) -> Any:
    return parse_steering(value) if isinstance(value, str) else value


#: What may be given as less than a table, by key.
_SHORT: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(NAMED, named),
    "samples": counted,
    "concepts": listed,
    "steer": _steered,
}


def put(table: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Put a setting into a table of settings.

    What stands for a table (``"smollm2"``, ``5`` samples, ``"kind:4"``, a list of concepts) sets
    what it says, and leaves the rest of the table that is there. A table replaces it.

    Args:
        table: of a spec.
        key: dotted.
        value: typed.
        where: the setting was given, for errors.

    Raises:
        UserError: something on the way isn't a table.
    """
    *parents, last = path = key.split(".")
    for depth, name in enumerate(parents, start=1):
        inner = table[name] = _as_table(path[:depth], table.get(name, {}))
        if not isinstance(inner, dict):
            raise UserError(f"{'.'.join(parents[:depth])} is not a table {where}.")
        table = inner
    had, new = _as_table(path, table.get(last)), _as_table(path, value)
    merged = isinstance(had, dict) and isinstance(new, dict) and not isinstance(value, dict)
    table[last] = {**had, **new} if merged else new


def _as_table(path: Sequence[str], value: Any) -> Any:
    """The table that a value stands for; the value itself where it stands for none, or is wrong,
    which is told once the whole is checked."""
    short = _SHORT.get(path[0]) if len(path) == 1 else None
    if len(path) == 2 and path[0] == "models":
        short = named
    try:
        return value if short is None else short(value)
    except (UserError, ValueError):
        return value


def strategy_setting(
    name: str | Path | None, parameters: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A strategy as a setting of a spec; none where the task is to say which it is."""
    if name is None and not parameters:
        return {}
    told = {} if name is None else {"name": str(name)}
    return {"strategy": {**told, "parameters": dict(parameters or {})}}
