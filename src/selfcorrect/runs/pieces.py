"""A run's records on disk: one Parquet file a piece, with a note of how long it took.

``records/`` holds what the spec determines, ``timing/`` what it doesn't.
"""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from selfcorrect import records
from selfcorrect.errors import UserError
from selfcorrect.runs.manifest import check_sum
from selfcorrect.runs.store import Store

#: Columns of version 3 from which those of today are made, where they differ.
_OF_VERSION_3 = {"outcome": "correct", "key": "choice", "cut": "steps"}
_PIECE = re.compile(r"records/chunk-(\d+)\.(\d+)-(\d+)\.parquet")


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """Dialogues ``start`` … ``end`` − 1 of the ordered examples, all of them in one chunk.

    A chunk holds fixed positions, whatever the limit; a piece is the part of it that one run of
    the command had within its limit.
    """

    chunk: int
    start: int
    end: int

    @property
    def name(self) -> str:
        return f"records/chunk-{self.chunk:05}.{self.start:07}-{self.end:07}.parquet"

    @property
    def timing(self) -> str:
        return f"timing/chunk-{self.chunk:05}.{self.start:07}-{self.end:07}.json"


def cut(start: int, end: int, chunk: int) -> list[Piece]:
    """The pieces of positions ``start`` … ``end`` − 1: cut where a chunk ends."""
    pieces = []
    while start < end:
        number = start // chunk
        stop = min(end, (number + 1) * chunk)
        pieces.append(Piece(number, start, stop))
        start = stop
    return pieces


def gaps(held: Sequence[Piece], start: int, end: int) -> list[tuple[int, int]]:
    """The intervals of ``start`` … ``end`` − 1 that no piece holds, in order."""
    missing = []
    for piece in sorted(held, key=lambda p: p.start):
        if piece.start > start:
            missing.append((start, min(piece.start, end)))
        start = max(start, piece.end)
        if start >= end:
            break
    if start < end:
        missing.append((start, end))
    return [(a, b) for a, b in missing if a < b]


def pieces(store: Store) -> list[Piece]:
    """The pieces whose records are complete, by position."""
    held = []
    for name in store.list("records"):
        if found := _PIECE.fullmatch(name):
            held.append(Piece(*(int(part) for part in found.groups())))
    return sorted(held, key=lambda p: p.start)


def piece_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The records of a piece as a file. The same rows give the same bytes."""
    buffer = io.BytesIO()
    with _without_interrupts():
        records.frame(rows).write_parquet(buffer, compression="zstd", compression_level=3)
    return buffer.getvalue()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Have Ctrl-C wait for the end: within polars it would turn up as some other error."""
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if seen:
        raise KeyboardInterrupt


#: What every record has: whose it is.
_NAMED = ("example", "cluster", "round")


def read_piece(
    store: Store,
    piece: Piece,
    columns: Sequence[str] | None = None,
    version: int = records.VERSION,
) -> pl.DataFrame:
    """The records of a piece, by example in order and round.

    Args:
        store: of the run.
        piece: which one.
        columns: some of them; by default all.
        version: of the records, as the run's header says; older ones are converted.

    Raises:
        UserError: the file is damaged.
    """
    file = store.read(piece.name)
    try:
        check_sum(store, piece.name, file)
    except ValueError as error:
        raise _damaged(store, piece, str(error), version) from None
    return decoded_piece(store, piece, file, columns, version)


def decoded_piece(
    store: Store,
    piece: Piece,
    file: bytes,
    columns: Sequence[str] | None = None,
    version: int = records.VERSION,
) -> pl.DataFrame:
    """The records of a piece, from its file, whose digest was looked at already.

    Raises:
        UserError: the file is damaged.
    """
    wanted = list(columns) if columns is not None else list(records.SCHEMA)
    try:
        data = io.BytesIO(file)
        if version == records.VERSION:
            lacks = records.LATER & set(wanted)
            if lacks:
                lacks -= set(pl.read_parquet_schema(data))
                data.seek(0)
            frame = pl.read_parquet(data, columns=[c for c in wanted if c not in lacks])
            frame = _with_empty(frame, lacks).select(wanted)
        else:
            stored = list(dict.fromkeys(_OF_VERSION_3.get(name, name) for name in wanted))
            lacks = records.LATER & set(wanted)
            old = pl.read_parquet(data, columns=[c for c in stored if c not in lacks])
            frame = _with_empty(records.from_version_3(old), lacks).select(wanted)
        frame = frame.cast({c: records.SCHEMA[c] for c in wanted})
    except (
        pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError,
    ) as error:  # fmt: skip
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise _damaged(store, piece, reason, version) from None
    for name in _NAMED:
        if name in wanted and frame[name].null_count():
            raise _damaged(store, piece, f"a record has no {name}", version)
    return frame


def _with_empty(frame: pl.DataFrame, lacks: Collection[str]) -> pl.DataFrame:
    """Records with the columns that weren't written yet when they were."""
    return frame.with_columns(pl.lit(None, records.SCHEMA[name]).alias(name) for name in lacks)


def check_piece(store: Store, piece: Piece, ids: Sequence[str]) -> pl.DataFrame:
    """Read ``round`` and ``outcome`` of a piece, having checked that it holds these dialogues.

    Raises:
        UserError: the file is damaged, or holds others.
    """
    frame = read_piece(store, piece, ["example", "round", "outcome"])
    if frame["example"].unique(maintain_order=True).to_list() != list(ids):
        raise _damaged(store, piece, "it holds other examples than its name says")
    return frame


def _damaged(store: Store, piece: Piece, reason: str, version: int = records.VERSION) -> UserError:
    what = "delete that file and run the same command again, which makes it again."
    if version != records.VERSION:
        what = f"records of version {version} can't be made again; delete it to see the others."
    return UserError(f"{store.root / piece.name} is damaged ({reason}): {what}")


def timing_note(seconds: float, dialogues: int) -> dict[str, Any]:
    """What is noted of a piece outside the records."""
    return {
        "seconds": round(seconds, 3),
        "dialogues": dialogues,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
