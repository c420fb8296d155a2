"""How long replies were waited for: kept beside the records, in ``timing/``, by dialogue and round.

Of models behind servers alone: a local model makes the replies of many dialogues together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Table = dict[str, Any]
#: Seconds that no run takes, some thirty years: a note that says more is damaged. Sums stay finite.
LONGEST = 1e9
#: Bytes of a note in ``timing/``: of 4,096 dialogues with hundreds of replies each.
LONGEST_NOTE = 2**26
#: Of one dialogue: a list for each round with the seconds of each reply, ``None`` for a reply that
#: wasn't made by itself.
Waits = list[list[float | None]]

#: What is told of a number of seconds: so large a share of them is at most as long.
_SHARES = {"p50": 0.5, "p95": 0.95}


def rounded(seconds: Iterable[float | None]) -> list[float | None]:
    """Seconds as they are stored, to a millisecond."""
    return [None if each is None else round(each, 3) for each in seconds]


def read_waits(value: object) -> dict[str, dict[str, Waits]]:
    """What a file says of arms' dialogues, whoever wrote it; what can't be is left out."""
    arms = value if isinstance(value, dict) else {}
    return {
        str(arm): {str(example): waits for example, told in mine.items() if (waits := read(told))}
        for arm, mine in arms.items()
        if isinstance(mine, dict)
    }


def read(value: object) -> Waits | None:
    """What a file says of one dialogue; ``None`` where it can't be."""
    if not isinstance(value, list) or not all(isinstance(each, list) for each in value):
        return None
    whole = all(seconds is None or _is_time(seconds) for each in value for seconds in each)
    return value if whole else None


def _is_time(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= LONGEST  # type: ignore[operator]


def latency(every: Sequence[Waits], rounds: Sequence[int]) -> Table:
    """How long replies, dialogues and rounds were waited for.

    Args:
        every: of each dialogue.
        rounds: the numbers of the rounds that are told.

    Returns:
        ``{"request", "dialogue", "rounds": {number: ...}}``, each ``{"n", "p50", "p95"}`` in
        seconds, or ``None`` where nothing is known. ``request``: of each reply that was waited for,
        of several side by side the slowest. A dialogue's is the sum of its replies', and counts
        where all of them are known; a round's likewise, where the dialogue had a reply in it.
    """
    replies = [s for waits in every for each in waits for s in each if s is not None]
    dialogues = [total for waits in every if (total := _total(waits)) is not None]
    by_round = {
        number: [t for waits in every if (t := _total(waits[number - 1 : number])) is not None]
        for number in rounds
    }
    return {
        "request": _told(replies),
        "dialogue": _told(dialogues),
        "rounds": {number: _told(each) for number, each in by_round.items()},
    }


def _total(waits: Sequence[Sequence[float | None]]) -> float | None:
    """The seconds of some rounds; ``None`` where there was no reply, or one isn't known."""
    each = [seconds for mine in waits for seconds in mine]
    known = [seconds for seconds in each if seconds is not None]
    return sum(known) if known and len(known) == len(each) else None


def _told(seconds: Sequence[float]) -> Mapping[str, float] | None:
    if not seconds:
        return None
    found = {name: float(np.quantile(seconds, share)) for name, share in _SHARES.items()}
    return {"n": len(seconds), **found}
