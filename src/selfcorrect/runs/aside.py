"""Dialogues that were set aside: what a server didn't give for a reason that was theirs alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from selfcorrect.errors import UserError
from selfcorrect.runs.pieces import gaps, pieces
from selfcorrect.runs.store import Store
from selfcorrect.text import visible

_LOG = logging.getLogger("selfcorrect")
FILE = "set-aside.json"
_MOST = 3


@dataclass(frozen=True, slots=True)
class Aside:
    """A dialogue that waits for the next command.

    Attributes:
        example: its example's id.
        why: a sentence.
    """

    example: str
    why: str


def allowed(share: float, wanted: int) -> int:
    """How many dialogues may be set aside: a share of them, and one at least, where any may be."""
    return max(1, int(share * wanted)) if share > 0 else 0


def too_many(found: Mapping[int, Aside], share: float, wanted: int) -> UserError | None:
    """The error of a run in which more are set aside than may be; ``None`` where there aren't."""
    if len(found) <= allowed(share, wanted) and len(found) < wanted:
        return None
    last = list(found.values())[-1]
    return UserError(
        f"{len(found):,} of {wanted:,} dialogues failed, more than --max-failed {share:g} allows, "
        f"so the run stopped; the last, {last.example}: {last.why.rstrip('.')}. What was finished "
        "is kept, and the same command goes on."
    )


def add(
    found: dict[int, Aside], more: Mapping[int, Aside], share: float, wanted: int
) -> dict[int, Aside]:
    """Enter dialogues that were set aside.

    Raises:
        UserError: see :func:`too_many`.
    """
    found.update(more)
    if more and (error := too_many(found, share, wanted)):
        raise error
    return found


def around(
    intervals: Sequence[tuple[int, int]], lost: Mapping[int, Aside]
) -> list[tuple[int, int]]:
    """Intervals of positions without those that were set aside."""
    found = []
    for start, end in intervals:
        for at in (at for at in sorted(lost) if start <= at < end):
            found += [(start, at)] if start < at else []
            start = at + 1
        found += [(start, end)] if start < end else []
    return found


@contextmanager
def noted(stores: Mapping[str, Store]) -> Iterator[dict[int, Aside]]:
    """Dialogues that are set aside while the context lasts, by position: noted in the folders of
    these arms, beside those of before that still wait, and said."""
    found: dict[int, Aside] = {}
    try:
        yield found
    finally:
        for store in stores.values():
            _keep(store, found)
    if found:
        _LOG.warning("selfcorrect: %s; the same command tries them again", visible(_told(found)))


def _keep(store: Store, found: Mapping[int, Aside]) -> None:
    """What is missing is told by the records alone; this says why."""
    there = _missing(store, {**read(store), **found})
    table = {str(at): {"example": each.example, "why": each.why} for at, each in there.items()}
    if table:
        store.put(FILE, json.dumps(table, indent=1).encode(), replace=True)
    elif store.has(FILE):
        store.remove(FILE)


def waiting(store: Store, end: int) -> list[str]:
    """A note on the dialogues before a position that a run lacks because they were set aside, or
    nothing. They seldom are such as the others."""
    found = {at: each for at, each in read(store).items() if at < end}
    return [f"{_told(found)}: what is measured is of the others."] if found else []


def read(store: Store) -> dict[int, Aside]:
    """The dialogues of a run that wait, by position; none where a file is damaged."""
    if not store.has(FILE):
        return {}
    try:
        table = json.loads(store.read(FILE))
        noted_there = {int(at): Aside(str(t["example"]), str(t["why"])) for at, t in table.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
    return _missing(store, noted_there)


def _missing(store: Store, noted: Mapping[int, Aside]) -> dict[int, Aside]:
    """Those whose records aren't there, in order."""
    held = pieces(store)
    return {at: each for at, each in sorted(noted.items()) if gaps(held, at, at + 1)}


def _told(found: Mapping[int, Aside]) -> str:
    """How many dialogues were set aside, and why the first of them: names and reasons."""
    some = list(found.values())[:_MOST]
    named = "; ".join(f"{each.example}: {each.why.rstrip('.')}" for each in some)
    more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
    number = "1 dialogue was" if len(found) == 1 else f"{len(found):,} dialogues were"
    return f"{number} set aside ({named}{more})"
