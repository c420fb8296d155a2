"""What commands have really used of models' servers; the records say what each arm takes alone.

One note a command, in ``timing/``: the sums that its servers counted, finding out what they can
and what was lost among them.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from selfcorrect.errors import UserError
from selfcorrect.models.used import Used, together
from selfcorrect.runs.header import RUN
from selfcorrect.runs.store import Store

Table = dict[str, Any]
_NOTE = re.compile(r"timing/spent-[\dTZ]+-\d+-[0-9a-f]{8}\.json")
#: What is added up.
_SUMS = ("requests", "prompt", "cached", "generated", "tokens")
_MOST = 10**15
#: Bytes of a note.
_LONGEST = 2**16


@contextmanager
def accounted(
    stores: Sequence[Store], used: Callable[[], Sequence[Used]]
) -> Iterator[Callable[[], None]]:
    """Note what a command uses, in the folders of the runs that it was asked for: whenever what is
    given is called, and at the end, however that comes."""
    now = datetime.now(UTC)
    # two commands of one second may be of one process, or of two machines with one number
    one = f"{os.getpid()}-{uuid4().hex[:8]}"
    name = f"timing/spent-{now:%Y%m%dT%H%M%SZ}-{one}.json"

    def keep() -> None:
        every = [each for each in used() if each.requests]
        if not every:
            return
        whole = together(every)
        table = {
            **{name: getattr(whole, name) for name in (*_SUMS, "money")},
            "runs": len(stores),
            "host": socket.gethostname(),
            "process": os.getpid(),
            "began": now.isoformat(timespec="seconds"),
        }
        for store in stores:
            if store.has(RUN):
                store.put(name, json.dumps(table).encode(), replace=True)

    try:
        yield keep
    finally:
        with suppress(UserError):  # of a folder that can't be written the records have said so
            keep()


def spent_on(store: Store) -> Table | None:
    """What the commands that a run was asked of have used together: ``commands``, how many there
    were; ``requests``, ``prompt``, ``cached``, ``generated`` and ``tokens`` as their servers
    counted them; ``money`` by the stated prices, ``None`` where one isn't known; ``runs``, of how
    many runs together at most. ``None`` where nothing was noted."""
    every = [note for name in store.list("timing") if (note := _read(store, name)) is not None]
    if not every:
        return None
    money = [note["money"] for note in every]
    return {
        "commands": len(every),
        **{name: sum(note[name] for note in every) for name in _SUMS},
        "money": None if None in money else sum(money),
        "runs": max(note["runs"] for note in every),
    }


def _read(store: Store, name: str) -> Mapping[str, Any] | None:
    """A command's note; ``None`` for another file, or a damaged one."""
    if _NOTE.fullmatch(name) is None:
        return None
    try:
        note = json.loads(store.read(name, _LONGEST))
        counts = [note[each] for each in (*_SUMS, "runs")]
        money = note["money"]
    except (UserError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not all(type(each) is int and 0 <= each < _MOST for each in counts):
        return None
    paid = type(money) in (int, float) and 0 <= money < _MOST
    return note if money is None or paid else None
