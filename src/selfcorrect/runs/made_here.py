"""Whether a run was made here: by this user's own commands, and not changed since.

A folder that somebody sent names places (data, concepts, servers) that this user never named, and
nobody can tell it from a run of one's own by looking at it. So ``run.toml`` is signed with a key
that never leaves this machine. A run without a valid signature is *received*: it is read as it is,
nothing that it names is opened, and nothing is written into it unasked.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

from selfcorrect.errors import UserError
from selfcorrect.runs.store import Store

RUN = "run.toml"
#: Beside it: the signature in hex.
SIGNATURE = ".made-here"
_KEY = 32


def sign(store: Store, text: bytes) -> None:
    """Say that a run's ``run.toml`` was written here; not where there is no place for a key."""
    if (key := _key(make=True)) is not None:
        store.put(SIGNATURE, _signature(key, text).encode(), replace=True)


def made_here(store: Store) -> bool:
    """Whether a run's ``run.toml`` is as it was written here."""
    if (key := _key()) is None:
        return False
    try:
        if not store.has(SIGNATURE) or not store.has(RUN):
            return False
        told = store.read(SIGNATURE)
        return hmac.compare_digest(told, _signature(key, store.read(RUN)).encode())
    except UserError:
        return False


def _signature(key: bytes, text: bytes) -> str:
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def _key(*, make: bool = False) -> bytes | None:
    """This user's key, which only they can read; ``None`` where there is none, or none can be
    kept."""
    with suppress(OSError):
        place = user_state_path("selfcorrect") / "made-here.key"
        if make and not place.exists():
            _written(place)
        key = place.read_bytes()
        return key if len(key) == _KEY else None
    return None


def _written(place: Path) -> None:
    """Make a key, at once: another process may do so, too."""
    place.parent.mkdir(parents=True, exist_ok=True)
    own = place.with_name(f"{place.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(_KEY))
    with suppress(FileExistsError):
        os.link(own, place)
    own.unlink()
