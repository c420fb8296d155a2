"""What was graded of a piece that wasn't whole when grading stopped, as a file."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from selfcorrect.runs.store import Store
from selfcorrect.scorers.base import Score


def read_part(store: Store, where: str, rows: Iterable[Hashable]) -> dict[Hashable, Score]:
    """What was graded of a piece that wasn't whole, by what each score depends on; nothing where
    the file isn't what :func:`part_bytes` makes: then it is graded again."""
    if not store.has(where):
        return {}
    try:
        table = json.loads(store.read(where))
        known = {_digest(key): key for key in rows}
        return {known[n]: _read_score(*told) for n, told in table.items() if n in known}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}


def part_bytes(found: Mapping[Hashable, Score]) -> bytes:
    """Scores of a part of a piece as a file."""
    table = {
        _digest(key): [plain(s.value), s.problem, plainly(s.values), s.said]
        for key, s in found.items()
    }
    return json.dumps(table).encode("utf-8", "replace")


def _read_score(value: Any, problem: Any, values: Any, said: Any) -> Score:
    """A score as it was kept; raises TypeError where it isn't one."""
    numbers = {str(name): plain(number) for name, number in values.items()}
    if not isinstance(said, str) or (value is None and not isinstance(problem, str)):
        raise TypeError("this isn't what was kept")
    return Score(plain(value), problem, numbers, said)


def _digest(key: Hashable) -> str:
    return blake2b(repr(key).encode("utf-8", "replace"), digest_size=16).hexdigest()


def plain(value: float | None) -> float | None:
    return None if value is None else float(value)


def plainly(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: plain(value) for name, value in values.items()}
