"""Parameters of a strategy: their defaults, what a run sets them to, and where they are used."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.strategies.base import KINDS, Parameter
from selfcorrect.strategies.schema import NO_REFERENCE, Check, File, is_rounds, shown
from selfcorrect.strategies.templates import fill, placeholders
from selfcorrect.toml_lines import Place

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What keys are called elsewhere.
_MEANT = {
    **dict.fromkeys(("later", "next", "then", "rest", "repeat", "rounds", "loop"), "again"),
    **dict.fromkeys(("start", "begin", "initial", "once"), "first"),
    **dict.fromkeys(("description", "title", "name", "doc"), "about"),
    **dict.fromkeys(("params", "options", "settings", "defaults"), "parameters"),
    **dict.fromkeys(("prompt", "ask", "text", "user", "message"), "say"),
    **dict.fromkeys(("reply", "answer", "generate", "output"), "elicit"),
    **dict.fromkeys(("model", "speaker", "by"), "from"),
}
_REFERENCE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _kind(value: Any) -> str | None:
    """What a parameter is, in words; ``None`` if it can't be one."""
    if isinstance(value, list | tuple):
        return "a list of rounds" if is_rounds(value, 1) else None
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number" if abs(value) < 2**53 else None
    if isinstance(value, float):
        return "a number" if math.isfinite(value) else None
    return "a text" if isinstance(value, str) else None


def _frozen(value: Any) -> Parameter:
    frozen: Parameter = tuple(value) if isinstance(value, list) else value
    return frozen


def read_defaults(file: File, table: Any) -> dict[str, Parameter]:
    """The ``[parameters]`` table, checked: name → default."""
    for key, value in table.items() if isinstance(table, dict) else ():
        place = ("parameters", key)
        if not _NAME.fullmatch(key):
            raise file.error(place, f"a parameter's name is letters, digits and _, not {key!r}")
        if key == "round" or key in KINDS:
            raise file.error(
                place, f"a parameter can't be called {key!r}: a dialogue has that name"
            )
        if _kind(value) is None:
            raise file.error(
                place,
                f"the parameter {key!r} must be a list of rounds from 1, a number, a text, "
                f"true or false, not {shown(value)}",
            )
    return {k: _frozen(v) for k, v in table.items()} if isinstance(table, dict) else {}


def resolve(
    name: str, defaults: Mapping[str, Parameter], given: Mapping[str, Any]
) -> dict[str, Parameter]:
    """The defaults, with the values that a run gives instead."""
    resolved = dict(defaults)
    for key, value in given.items():
        if key not in defaults:
            hint = nearest(key, defaults) if defaults else "it has none"
            raise UserError(f"the strategy {name} has no parameter {key!r}: {hint}")
        expected = _kind(defaults[key])
        if expected == "a number" and _kind(value) == "a whole number":
            value = float(value)
        if _kind(value) != expected:
            raise UserError(
                f"the parameter {key!r} of the strategy {name} must be {expected}, "
                f"not {shown(value)}"
            )
        resolved[key] = _frozen(value)
    return resolved


def referred(
    file: File, place: Place, name: str, parameters: Mapping[str, Parameter], used: set[str]
) -> tuple[Parameter, str]:
    """The parameter a key refers to, and how to speak of it in an error."""
    if name not in parameters:
        hint = nearest(name, parameters) if parameters else "there is no [parameters] table"
        raise file.error(place, f"{place[-1]} refers to {{{name}}}, which is no parameter: {hint}")
    used.add(name)
    return parameters[name], f" (the parameter {name!r})"


def fill_in(
    file: File, place: Place, template: str, parameters: Mapping[str, Parameter], used: set[str]
) -> str:
    """A template with the parameters in it filled in."""
    try:
        inside = placeholders(template) & set(parameters)
    except UserError as error:
        raise file.error(place, str(error)) from None
    for name in sorted(inside):
        if isinstance(parameters[name], tuple | bool):
            raise file.error(place, f"the parameter {name!r} is neither text nor number to be said")
    used |= inside
    return fill(template, parameters, inside)


def meant(key: str, known: Collection[str]) -> str:
    """Which key an unknown one may stand for: by its meaning, else by its letters."""
    means = _MEANT.get(key.lower())
    if means in known:
        return f"did you mean {means!r}? (known: {', '.join(sorted(known))})"
    return nearest(key, known)


def read_values(
    file: File,
    place: Place,
    table: Mapping[str, Any],
    checks: Mapping[str, Check],
    where: str,
    parameters: Mapping[str, Parameter],
    used: set[str],
) -> dict[str, Any]:
    """The table's values, references to parameters replaced, every key and type checked."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in checks:
            raise file.error((*place, key), f"unknown key {key!r} {where}: {meant(key, checks)}")
        said = ""
        reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if reference and key not in NO_REFERENCE:
            value, said = referred(file, (*place, key), reference[1], parameters, used)
        expected, test = checks[key]
        if not test(value):
            raise file.error((*place, key), f"{key} must be {expected}, not {shown(value)}{said}")
        values[key] = value
    return values
