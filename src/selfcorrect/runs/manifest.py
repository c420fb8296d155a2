"""``SHA256SUMS``: what every piece of records and scores was when it was written.

In the format of ``sha256sum``, which checks it, too. A file's line is there before the file is, so
that a kill leaves a line too many, never a file without one. Two commands that write to one bucket
at the same time may lose a line: such a piece is one of which nothing is known.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.runs.paths import is_local
from selfcorrect.runs.store import Store

MANIFEST = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([\w./-]+)")
#: Of a manifest that is read: some half a million pieces.
_LONGEST = 64 * 2**20


def put_noted(store: Store, name: str, data: bytes, *, replace: bool = False) -> None:
    """Store a piece, and note what it is; one that is there is left alone unless it is replaced.

    Raises:
        UserError: see :class:`Store`.
    """
    if not replace and store.has(name):
        return
    noted = dict(read_sums(store))
    digest = hashlib.sha256(data).hexdigest()
    if noted.get(name) != digest:
        noted[name] = digest
        lines = "".join(f"{noted[each]}  {each}\n" for each in sorted(noted))
        store.put(MANIFEST, lines.encode(), replace=True)
        _cached.cache_clear()  # files' times are too coarse to tell two changes in a row apart
    store.put(name, data, replace=replace)


def read_sums(store: Store) -> Mapping[str, str]:
    """The digests in hex by name; empty where there is no manifest, as in older runs.

    Raises:
        UserError: the file isn't a manifest.
    """
    if not store.has(MANIFEST):
        return {}
    if not is_local(store.root):
        return _parsed(store)
    stat = (store.root / MANIFEST).stat()
    return _cached(store.root, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)
def _cached(root: Path, _changed: int, _size: int) -> Mapping[str, str]:
    return _parsed(Store(root))


def _parsed(store: Store) -> Mapping[str, str]:
    found = {}
    short = (store.root / MANIFEST).stat().st_size <= _LONGEST
    lines = store.read(MANIFEST).decode("ascii", "replace").splitlines() if short else [""]
    for number, line in enumerate(lines, 1):
        if (parts := _LINE.fullmatch(line)) is None:
            raise UserError(
                f"line {number} of {store.root / MANIFEST} isn't a digest and a file's name, so "
                "nothing can be checked by it: restore it, or delete it to do without."
            )
        found[parts[2]] = parts[1]
    return found


def differs(sums: Mapping[str, str], name: str, data: bytes) -> bool:
    """Whether a file isn't what was written, as far as the manifest knows it."""
    return name in sums and sums[name] != hashlib.sha256(data).hexdigest()


def check_sum(store: Store, name: str, data: bytes) -> None:
    """Compare a file that was read with the manifest; not in a bucket, where that is one request
    more for every piece, and ``verify`` does it.

    Raises:
        ValueError: it isn't what was written.
    """
    if is_local(store.root) and differs(read_sums(store), name, data):
        raise ValueError(f"it isn't what was written, by its line in {MANIFEST}")
