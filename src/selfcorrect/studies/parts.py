"""The finished parts of a long analysis, kept as files until the whole is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from typing import Any

from selfcorrect.runs.paths import is_local
from selfcorrect.runs.store import Store
from selfcorrect.studies.base import Parts


def kept(store: Store, folder: str, progress: Callable[[int, int], object]) -> Parts:
    """Parts that lie in a folder of the store: those that are there, and where to put new ones.

    Parts that another version of selfcorrect has computed are not used.
    """
    version = metadata.version("selfcorrect")
    done = {}
    for name in store.list(folder):
        try:
            part = json.loads(store.read(name))
            if part["version"] == version:
                done[part["key"]] = part["found"]
        except (ValueError, KeyError, TypeError):  # no part of ours: it is computed again
            continue

    def keep(key: str, found: Any) -> None:
        part = {"version": version, "key": key, "found": found}
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        store.put(f"{folder}/{name}.json", json.dumps(part).encode(), replace=True)

    return Parts(done, keep, progress)


def part_key(*deciding: object) -> str:
    """The key of a part: equal for equal things that decide what is in it."""
    return hashlib.blake2b(json.dumps(deciding).encode(), digest_size=8).hexdigest()


def drop(store: Store, folder: str) -> None:
    """Remove the parts: the whole result is stored."""
    for name in store.list(folder):
        store.remove(name)
    if is_local(store.root):
        with suppress(OSError):  # there is none, or something else lies in it
            (store.root / folder).rmdir()
