"""Items: examples with what only their task may know. What every kind of task does with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Protocol, TypeVar

from selfcorrect.code_digest import digest_of
from selfcorrect.errors import UserError
from selfcorrect.tasks.base import Example


class _HasExample(Protocol):
    @property
    def example(self) -> Example: ...


Item = TypeVar("Item", bound=_HasExample)


def unique(items: Iterable[tuple[str, Item]], skipped: list[str] | None) -> list[Item]:
    """Items, each with the ``file:line`` it is from, without any whose id stood there before.

    Raises:
        UserError: for the second of one id, unless bad lines are listed in ``skipped``.
    """
    first: dict[str, str] = {}
    kept: list[Item] = []
    for where, item in items:
        name = item.example.id
        if name in first:
            problem = f"{where}: the id {name!r} was used before, in {first[name]}"
            if skipped is None:
                raise UserError(problem)
            skipped.append(problem)
        else:
            first[name] = where
            kept.append(item)
    return kept


def check_some(name: str, items: Sequence[object], skipped: Sequence[str]) -> None:
    """Raises UserError where a task has no items, which says why."""
    if items:
        return
    if skipped:
        why = f"all lines of its data are bad; the first: {skipped[0]}"
    else:
        why = "its data hold no lines; give a file with an example on each line"
    raise UserError(f"task {name!r} has no examples: {why}")


def digest(about: object, parts: Iterable[object]) -> str:
    """Sixteen hexadecimal digits that change when any of these does, by what ``repr`` shows."""
    found = blake2b(repr(about).encode(), digest_size=8)
    for part in parts:
        found.update(repr(part).encode())
    return found.hexdigest()


def together(items: Iterable[_HasExample]) -> list[tuple[str, str]]:
    """What is measured together, for a fingerprint: a run's order goes by it. Empty where nothing
    is, so that such a task keeps the fingerprint that it had."""
    return [(item.example.id, item.example.together) for item in items if item.example.together]


def source_of(function: Callable[..., object]) -> str:
    """What makes a user's function another one; of ours, its name."""
    name = f"{function.__module__}.{getattr(function, '__qualname__', '')}"
    return name if name.startswith("selfcorrect.") else digest_of(function)
