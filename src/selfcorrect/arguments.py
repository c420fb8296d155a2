"""What the arguments of a function of the Python side have to fit, beside their types."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from selfcorrect.errors import UserError, nearest

_P = ParamSpec("_P")
_R = TypeVar("_R")

#: Arguments of :func:`selfcorrect.run` that say how a spec is run, not what is run.
_HOW = {"spec", "workers", "ray", "worker_cpus", "worker_gpus", "out", "controls", "progress"}


#: What an option of the command line is called in Python, where that isn't its own name.
_CALLED = {"no_controls": "controls", "concept": "concepts"}
_FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


def public(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function of the Python side: an argument that it doesn't have is a sentence, and what its
    errors say of the command line's options is said of its arguments, too."""
    has = inspect.signature(function)
    name = function.__name__
    free = any(each.kind is each.VAR_KEYWORD for each in has.parameters.values())

    @functools.wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for given in kwargs if not free else ():
            if given not in has.parameters:
                known = nearest(given, has.parameters)
                raise UserError(f"{name} has no argument {given!r}: {known}")
        try:
            has.bind(*args, **kwargs)
        except TypeError as error:
            raise UserError(f"{name} can't be called so: {error}.") from None
        try:
            return function(*args, **kwargs)
        except UserError as error:
            _say_arguments(error, has.parameters)
            raise

    return called


def _say_arguments(error: UserError, known: Collection[str]) -> None:
    """Add to an error which arguments the options that it speaks of are."""
    sentence = str(error.args[0])
    flags = dict.fromkeys(_FLAG.findall(sentence))
    names = {flag: flag.replace("-", "_") for flag in flags}
    told = {flag: _CALLED.get(each, each) for flag, each in names.items()}
    here = [
        f"--{flag} is the argument {each}"
        for flag, each in told.items()
        if each in known and f"({each})" not in sentence
    ]
    if here and "(In Python " not in sentence:
        error.args = (f"{sentence} (In Python {', '.join(here)}.)", *error.args[1:])


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
        what = "one run" if type(runs).__name__ == "Run" else f"a {type(runs).__name__}"
        raise UserError(
            f"{function} takes a list of runs, not {what} alone: write {function}([run])."
        )
    return runs


def options_of(options: Mapping[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A task's options with those that have a parameter of their own, where that is given."""
    return {**(options or {}), **{name: value for name, value in more.items() if value}}
