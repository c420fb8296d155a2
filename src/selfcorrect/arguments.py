"""What the arguments of a function of the Python side have to fit, beside their types."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from selfcorrect.errors import UserError

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Arguments of :func:`selfcorrect.run` that say how a spec is run, not what is run.
_HOW = {"spec", "workers", "ray", "worker_cpus", "worker_gpus", "out", "controls", "progress"}


def nothing_beside_a_spec(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Refuse arguments that would be ignored, as the spec decides what they say."""

    @functools.wraps(function)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        given = inspect.signature(function).bind(*args, **kwargs).arguments
        said = [
            name
            for name, value in given.items()
            if name not in _HOW and (name not in ("model", "task") or isinstance(value, str))
        ]
        if given.get("spec") is not None and said:
            raise UserError(
                f"{', '.join(said)} can't be given beside spec, which says it already: change the "
                "spec, or leave it out."
            )
        return function(*args, **kwargs)

    return checked


def served(
    base_url: str | None,
    in_flight: int | None,
    price: Sequence[float] | None,
    budget_tokens: int | None,
    budget_money: float | None,
) -> dict[str, Any]:
    """The settings of a model behind a server that were given."""
    given = {
        "base_url": base_url,
        "in_flight": in_flight,
        "price": price,
        "budget_tokens": budget_tokens,
        "budget_money": budget_money,
    }
    return {key: value for key, value in given.items() if value is not None}


def reading(lead_in: str | Sequence[str] | None, read: str | None) -> dict[str, Any]:
    """The options of a task that say how answers are read, where they were given."""
    leads = lead_in if lead_in is None or isinstance(lead_in, str) else list(lead_in)
    given = {"lead_in": leads, "read": read}
    return {key: value for key, value in given.items() if value is not None}


def several(function: str, runs: Sequence[_R]) -> Sequence[_R]:
    """The runs that a function was given.

    Raises:
        UserError: they are no list.
    """
    if isinstance(runs, str) or not isinstance(runs, Sequence):
        raise UserError(f"{function} takes a list of runs, not {runs!r:.60}.")
    return runs


def options_of(options: Mapping[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A task's options with those that have a parameter of their own, where that is given."""
    return {**(options or {}), **{name: value for name, value in more.items() if value}}
