"""Settings of a spec's table, put into it one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from selfcorrect.concepts.names import listed
from selfcorrect.errors import UserError
from selfcorrect.strategies import KINDS, parse_steering

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


def each_most(value: Any) -> Any:
    """Tokens by kind, given as ``64``, of every kind, or ``["64", "answer=8"]``; anything else as
    it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return dict.fromkeys(KINDS, value)
    if not isinstance(value, list | tuple):
        return value
    table: dict[str, Any] = {}
    for each in value:
        kind, of_one, most = str(each).rpartition("=")
        number = int(most) if most.isdecimal() and most.isascii() else most
        table |= {kind.strip(): number} if of_one else dict.fromkeys(KINDS, number)
    return table


#: What may be given as less than a table, by key.
_SHORT: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(NAMED, named),
    "samples": counted,
    "concepts": listed,
    "steer": _steered,
    "max_tokens": each_most,
}


def short(key: str, value: Any) -> Any:
    """What a command line would give for a setting that is a table: the inverse of what
    :func:`put` makes of it.

    Returns:
        A text or a list of texts; the value itself where none says the same.
    """
    write = _WRITTEN.get(key)
    if write is None or not isinstance(value, Mapping):
        return value
    written = write(value)
    try:
        return written if _SHORT[key](written) == value else value
    except (UserError, ValueError):
        return value


def _steer_text(table: Mapping[str, Any]) -> str:
    layers, at = table.get("layers"), table.get("at")
    among = ",".join(map(str, layers)) if isinstance(layers, list | tuple) else layers
    text = f"{table.get('concept')}:{table.get('alpha')}"
    return text + (f"@{among}" if among is not None else "") + (f":{at}" if at is not None else "")


#: What of those a command line writes as text, by key.
_WRITTEN: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "concepts": lambda files: [f"{name}={file}" if file else name for name, file in files.items()],
    "steer": _steer_text,
    "max_tokens": lambda most: [f"{kind}={number}" for kind, number in most.items()],
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
