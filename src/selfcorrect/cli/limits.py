"""Numbers on the command line that make no sense are refused before anything is done with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from selfcorrect.errors import UserError

#: The largest that an option may be, where its own definition doesn't say; of any other
#: :data:`LARGEST`.
_MOST: Mapping[str, int] = {
    "seed": 2**63 - 1,  # what a TOML integer holds
    "samples": 1000,
    "rounds": 1000,
    "max_thinking": 1_000_000,
    "chunk": 4096,
    "in_flight": 4096,
    "max_failed": 1,
    "budget_tokens": 10**15,
    "budget_money": 10**15,
    "workers": 1024,
    "worker_cpus": 1024,
    "worker_gpus": 1024,
    "limit": 10**9,
    "per_cluster": 10**6,
    "d": 1000,
    "steps": 10_000,
    "seeds": 1000,
    "folds": 1000,
    "votes": 1000,
    "directions": 10_000,
    "demonstrations": 1000,
    "fit": 1000,
    "layer": 10_000,
    "dose": 10**6,
    "tie": 1,
}
LARGEST = 10**9
#: The smallest that an option may be, where its own definition doesn't say; of any other 0.
_LEAST: Mapping[str, int] = {
    "rounds": 1, "limit": 1, "chunk": 1, "max_thinking": 1, "in_flight": 1, "budget_tokens": 1,
}  # fmt: skip
#: Those of a command that has an option of that name with another meaning.
_OF: Mapping[tuple[str, str], int] = {("construct", "n"): 1000}


def numbers(command: Any) -> Iterator[Any]:
    """The options of a command that are numbers."""
    for each in command.params:
        described = getattr(each, "type_descriptor", None)
        if getattr(described, "annotation", None) in (int, float):
            yield each


def most(command: str, option: Any) -> float:
    """The largest number that an option of a command may be."""
    if option.max is not None:
        return float(option.max)
    own = _OF.get((command, option.name), _MOST.get(option.name, LARGEST))
    return float(own) if option.type_descriptor.annotation is float else own


def check_numbers(command: Any, values: Mapping[str, Any]) -> None:
    """Check what was given for the options of a command.

    Raises:
        UserError: a number isn't finite, is too small, or larger than makes sense.
    """
    for option in numbers(command):
        value = values.get(option.name)
        if value is None:
            continue
        flag = next((name for name in option.opts if name.startswith("--")), option.name)
        if isinstance(value, float) and not isfinite(value):
            raise UserError(f"{flag} must be a finite number, not {value}.")
        least = _LEAST.get(option.name, 0) if option.min is None else option.min
        if value < least:
            raise UserError(f"{flag} must be at least {least:g}, not {_shown(value)}.")
        limit = most(command.name, option)
        if value > limit:
            raise UserError(f"{flag} must be at most {limit:,}, not {_shown(value)}.")


def _shown(value: float) -> str:
    """A number, however long."""
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a number of many digits"
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def guarded(command: Any) -> Any:
    """A command, or all of a group, with that check before it does anything."""
    for each in getattr(command, "commands", {}).values():
        guarded(each)
    if hasattr(command, "commands") or getattr(command, "checks_numbers", False):
        return command
    invoke = command.invoke

    def checked(context: Any) -> Any:
        check_numbers(command, context.params)
        return invoke(context)

    command.invoke, command.checks_numbers = checked, True
    return command
