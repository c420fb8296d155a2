"""``looks.json``: how large a run was whenever somebody looked at its numbers.

Beside ``run.toml`` and not in it, as a run may be looked at while another process writes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.errors import UserError
from selfcorrect.runs.run import Run
from selfcorrect.runs.store import Store

LOOKS = "looks.json"
#: Nobody looks more often; a longer file isn't one of ours.
_MOST = 1_000
#: Bytes of so many.
_LONGEST = 2**20


@dataclass(frozen=True, slots=True)
class Look:
    """That a run's numbers were shown.

    Attributes:
        n, clusters: how many dialogues it had, of how many clusters.
        at: when, in UTC.
        control: the control with which it was compared on so many examples; empty for the run's own
            numbers.
    """

    n: int
    clusters: int
    at: str
    control: str = ""

    @classmethod
    def now(cls, n: int, clusters: int, control: str) -> Look:
        return cls(n, clusters, datetime.now(UTC).isoformat(timespec="seconds"), control)

    def table(self) -> dict[str, Any]:
        table = asdict(self)
        return table if self.control else {k: v for k, v in table.items() if k != "control"}


def read_looks(store: Store) -> list[Look]:
    """The looks at a run so far, the smallest run first.

    Raises:
        UserError: the file is damaged.
    """
    if not store.has(LOOKS):
        return []
    try:
        table = json.loads(store.read(LOOKS, _LONGEST))
        looks = [
            Look(row["n"], row["clusters"], row["at"], row.get("control", "")) for row in table
        ]
        counts = [x for look in looks for x in (look.n, look.clusters)]
        texts = [x for look in looks for x in (look.at, look.control)]
        whole = all(type(x) is int and 0 < x < 10**12 for x in counts)
        if not whole or len(looks) > _MOST or not all(isinstance(x, str) for x in texts):
            raise ValueError("a look isn't two counts and a time")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{store.root / LOOKS} is damaged ({str(error).rstrip('.')}): it says how often the "
            "run was looked at, which its verdict takes into account; restore it, or move the "
            "folder away and run the command again."
        ) from None
    return sorted(looks, key=lambda look: look.n)


def write_looks(store: Store, looks: Sequence[Look]) -> None:
    """Note the looks at a run; not where its folder can't be written to."""
    text = json.dumps([look.table() for look in looks], indent=1) + "\n"
    with suppress(UserError):
        store.put(LOOKS, text.encode(), replace=True)


def looks_with(run: Run, shown: NDArray[np.uint64], control: str = "") -> list[Look]:
    """The looks at a run's own numbers, or at a comparison with a control, this one among them.

    Nothing is noted: for whoever needs their number before it is known whether anything is shown.
    What was claimed of so many dialogues when they were first shown stands: looks at fewer of them
    that came after that are left out. Of those fewer, and of more, they count: there they are
    chances of their own.

    Args:
        run: that is looked at.
        shown: the clusters of the dialogues whose numbers are shown [n].
        control: with which they are compared.
    """
    looks = _of(run, control)
    if len(shown) and len(shown) not in {look.n for look in looks}:
        looks.append(Look.now(len(shown), len(np.unique(shown)), control))
    when = min((look.at for look in looks if look.n == len(shown)), default="")
    counted = [look for look in looks if look.n >= len(shown) or look.at <= when]
    return sorted(counted, key=lambda look: look.n)


def _of(run: Run, control: str) -> list[Look]:
    return [look for look in read_looks(Store(run.folder)) if look.control == control]


def look_at(run: Run, shown: NDArray[np.uint64], control: str = "") -> list[Look]:
    """The same, noted in the run's folder where there was none of that size, unless the run was
    received."""
    looks = looks_with(run, shown, control)
    every = read_looks(store := Store(run.folder))
    if not run.received and (new := [look for look in looks if look not in every]):
        write_looks(store, [*every, *new])
    return looks
