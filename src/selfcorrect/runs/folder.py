"""A run's folder: what lies in it, and how it is checked when it is opened again.

``run.toml`` says what the run is; ``records/`` holds what the spec determines, one Parquet file a
piece; ``timing/`` what it doesn't determine.
"""

from __future__ import annotations

import io
import os
import platform
import re
import signal
import socket
import threading
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl
import tomli_w

from selfcorrect import records
from selfcorrect.errors import UserError, nearest
from selfcorrect.outcome import ACCURACY, Outcome
from selfcorrect.runs.place import place
from selfcorrect.runs.spec import RunSpec, make_spec
from selfcorrect.runs.store import Store
from selfcorrect.tasks.base import Task

RUN = "run.toml"
REPORT = "report.html"
_PIECE = re.compile(r"records/chunk-(\d+)\.(\d+)-(\d+)\.parquet")
_LIBRARIES = ("selfcorrect", "torch", "transformers", "polars", "numpy", "safetensors")


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


# --- run.toml ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A decision that must outlive a kill: these arms go through these positions together.

    Which arms share a batch is settled (and stored) before the first of their records is, and kept
    when the command is run again, so that nothing depends on where a process was killed.
    """

    start: int
    end: int
    arms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """The content of ``run.toml``.

    Attributes:
        spec: resolved (no ``auto``); its limit is the largest asked for, ``None`` for all.
        hash: see :func:`selfcorrect.runs.identity.spec_hash`.
        examples: how many examples the task has.
        about: fingerprints, versions, the strategy's steps, when it was created.
        transcript: the first example's first prompt exactly as the model was shown it.
        controls: arm → name of its folder beside this one.
        plans: see :class:`Plan`.
        outcome: how good an answer is, as the task has stated.
    """

    spec: RunSpec
    hash: str
    examples: int
    about: Mapping[str, Any]
    transcript: str
    controls: Mapping[str, str]
    plans: tuple[Plan, ...] = ()
    outcome: Outcome = ACCURACY

    def toml(self) -> bytes:
        table = {
            "record_version": records.VERSION,
            "hash": self.hash,
            "examples": self.examples,
            "first_transcript": self.transcript,
            "outcome": _written(self.outcome),
            "spec": self.spec.toml(),
            **self.about,
            "controls": dict(self.controls),
            "plan": [{"start": p.start, "end": p.end, "arms": list(p.arms)} for p in self.plans],
        }
        return tomli_w.dumps(_storable(table), multiline_strings=True).encode("utf-8", "replace")


def _written(outcome: Outcome) -> dict[str, Any]:
    """TOML has infinities but no null, and what is empty says nothing."""
    table = {**outcome.table(), "bounds": list(outcome.bounds)}
    return {key: value for key, value in table.items() if value not in (None, "")}


def _outcome(table: Mapping[str, Any]) -> Outcome:
    return Outcome.read(table)


def _storable(value: Any) -> Any:
    """TOML has no null: such keys are left out."""
    if isinstance(value, Mapping):
        return {k: _storable(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_storable(v) for v in value if v is not None]
    return value


def about(**tables: Mapping[str, Any]) -> dict[str, Any]:
    """What ``run.toml`` says for the reader: when, on which machine, with which versions."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "created": {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": platform.machine(),
            "system": platform.system(),
            "threads": os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count() or 1),
        },
        "versions": versions,
        **tables,
    }


def read_header(store: Store) -> Header | None:
    """Read ``run.toml``, or ``None`` where no run has begun.

    Raises:
        UserError: the file is damaged, or the records are of another version.
    """
    if not store.has(RUN):
        if store.list("records"):
            raise UserError(f"{store.root} has records but no {RUN}: {_MOVE}.")
        return None
    where = store.root / RUN
    try:
        table = tomllib.loads(store.read(RUN).decode())
        version = table["record_version"]
    except ValueError as error:
        raise UserError(f"{where} is damaged ({error}): {_MOVE}.") from None
    except KeyError as error:
        raise UserError(f"{where} is damaged (it has no {error}): {_MOVE}.") from None
    if version != records.VERSION:
        raise UserError(
            f"{where.parent} was written by another version of selfcorrect (records of version "
            f"{version}, here {records.VERSION}): choose another output folder, or use the "
            "version that wrote it."
        )
    try:
        plans = [(p["start"], p["end"], p["arms"]) for p in table.get("plan", ())]
        _check_types(table, plans)
        return Header(
            spec=make_spec(table["spec"]),
            hash=table["hash"],
            examples=table["examples"],
            about={k: table[k] for k in table if k not in _HEADER_KEYS},
            transcript=table["first_transcript"],
            controls=table["controls"],
            plans=tuple(Plan(start, end, tuple(arms)) for start, end, arms in plans),
            outcome=_outcome(table["outcome"]),
        )
    except KeyError as error:
        raise UserError(f"{where} is damaged (it has no {error}): {_MOVE}.") from None
    except (ValueError, TypeError, UserError) as error:
        raise UserError(f"{where} is damaged ({str(error).rstrip('.')}): {_MOVE}.") from None


def _check_types(table: Mapping[str, Any], plans: Sequence[tuple[Any, Any, Any]]) -> None:
    """Raises TypeError where a value is of a kind that this program doesn't write."""
    wanted = {"hash": str, "examples": int, "first_transcript": str, "controls": dict}
    for key, kind in wanted.items():
        if not isinstance(table[key], kind):
            raise TypeError(f"{key} is {table[key]!r}")
    texts = [*table["controls"].values(), *(arm for _, _, arms in plans for arm in arms)]
    numbers = [table["examples"], *(n for start, end, _ in plans for n in (start, end))]
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is no name")
    for number in numbers:
        if not isinstance(number, int) or number < 0:
            raise TypeError(f"{number!r} is no count")


_MOVE = "move the folder away and run the command again"
_HEADER_KEYS = (
    "record_version",
    "hash",
    "examples",
    "first_transcript",
    "outcome",
    "spec",
    "controls",
    "plan",
)


# --- records -------------------------------------------------------------------------------------


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
    with _undisturbed():
        records.frame(rows).write_parquet(buffer, compression="zstd", compression_level=3)
    return buffer.getvalue()


@contextmanager
def _undisturbed() -> Iterator[None]:
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


def read_piece(store: Store, piece: Piece, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The records of a piece, by example in order and round.

    Raises:
        UserError: the file is damaged.
    """
    wanted = list(columns) if columns is not None else list(records.SCHEMA)
    try:
        frame = pl.read_parquet(io.BytesIO(store.read(piece.name)), columns=wanted)
        return frame.cast({c: records.SCHEMA[c] for c in wanted})
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise _damaged(store, piece, reason) from None


def check_piece(store: Store, piece: Piece, ids: Sequence[str]) -> pl.DataFrame:
    """Read ``round`` and ``outcome`` of a piece, having checked that it holds these dialogues.

    Raises:
        UserError: the file is damaged, or holds others.
    """
    frame = read_piece(store, piece, ["example", "round", "outcome"])
    if frame["example"].unique(maintain_order=True).to_list() != list(ids):
        raise _damaged(store, piece, "it holds other examples than its name says")
    return frame


def _damaged(store: Store, piece: Piece, reason: str) -> UserError:
    return UserError(
        f"{store.root / piece.name} is damaged ({reason}): delete that file and run the same "
        "command again, which makes it anew."
    )


# --- a run ---------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Run:
    """A run as it lies in its folder, complete or not.

    Attributes:
        folder: where it lies.
        header: what ``run.toml`` says.
        limit: how many dialogues this view of it has at most; ``None``: all that were asked for.
        task: the task it was run on, where that is at hand; else the summary reads it anew.
    """

    folder: Path
    header: Header
    limit: int | None = None
    task: Task | None = None

    @property
    def spec(self) -> RunSpec:
        """The spec as resolved, with the limit of this view."""
        return self.header.spec.model_copy(update={"limit": self.limit or self.header.spec.limit})

    @property
    def wanted(self) -> int:
        """How many dialogues the run is to have."""
        return min(self.spec.limit or self.header.examples, self.header.examples)

    @property
    def dialogues(self) -> int:
        """How many dialogues it has."""
        missing = gaps(pieces(self._store), 0, self.wanted)
        return self.wanted - sum(end - start for start, end in missing)

    @property
    def complete(self) -> bool:
        return self.dialogues == self.wanted

    @property
    def records(self) -> pl.DataFrame:
        """All records, one row a round (:mod:`selfcorrect.records`), read anew at each access."""
        return self.read()

    def read(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Some columns of the records, by example in order and round.

        Raises:
            UserError: a file is damaged.
        """
        frames = list(self.chunks(columns))
        if not frames:
            wanted = columns if columns is not None else list(records.SCHEMA)
            return pl.DataFrame(schema={c: records.SCHEMA[c] for c in wanted})
        return pl.concat(frames)

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The same, piece by piece, so that not all of it need be held."""
        wanted = list(columns) if columns is not None else list(records.SCHEMA)
        for piece in pieces(self._store):
            if piece.start >= self.wanted:
                continue
            extra = [] if "example" in wanted else ["example"]
            frame = read_piece(self._store, piece, [*wanted, *extra])
            if piece.end > self.wanted:
                ids = frame["example"].unique(maintain_order=True)[: self.wanted - piece.start]
                frame = frame.filter(pl.col("example").is_in(ids.implode()))
            yield frame.select(wanted)

    def control(self, name: str) -> Run | None:
        """The run of a control (``repeat``, ``baseline``) beside this one, if it is there."""
        if name not in self.header.controls:
            return None
        folder = self.folder.parent / self.header.controls[name]
        header = read_header(Store(folder)) if folder.is_dir() else None
        return Run(folder, header, self.wanted, self.task) if header else None

    def __repr__(self) -> str:
        return f"<Run {str(self.folder)!r}: {self.dialogues} of {self.wanted} dialogues>"

    def summary(self) -> dict[str, Any]:
        """Everything measured on the run and on its controls, and what follows from it.

        Returns:
            ``{"folder", "spec", "complete", "dialogues", "wanted", "rounds": [...], "changes",
            "convergence", "converged_at", …, "controls": {name: {"folder", "dialogues",
            "against": {...}, "rounds": [...], …}}, "headline", "verdict", "notes"}``; what stands
            for a run and for a control is that of
            :func:`selfcorrect.measures.rounds.summarize`, and ``against`` that of
            :func:`selfcorrect.measures.rounds.against`. Only JSON's types.
        """
        from selfcorrect.runs.summary import summary

        return summary(self)

    def report(self) -> Path:
        """Write ``report.html`` into the folder: one self-contained file. Returns its path.

        Raises:
            UserError: the folder can't be written to, or is used by another process.
        """
        from selfcorrect.runs.report import write

        return write(self)

    def _repr_html_(self) -> str:
        from selfcorrect.report.page import first_screen

        return first_screen(self.summary())

    @property
    def _store(self) -> Store:
        return Store(self.folder)


def open_run(path: str | Path) -> Run:
    """Open the folder of a run.

    Raises:
        UserError: there is no run, it is damaged, or it is of another version.
    """
    folder = place(path)
    if folder.name in (RUN, REPORT):
        folder = folder.parent
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}.")
    header = read_header(Store(folder))
    if header is None:
        inside = sorted(p.parent.name for p in folder.glob(f"*/{RUN}"))
        hint = f"; did you mean one of the runs in it, such as {inside[0]}?" if inside else "."
        raise UserError(f"{folder} is not the folder of a run (it has no {RUN}){hint}")
    return Run(folder, header)


def find_run(name: str, out: Path) -> Run:
    """The run in a folder, or the only one in ``out`` whose name begins so.

    Raises:
        UserError: there is none, or more than one.
    """
    if "://" in name or place(name).exists():
        return open_run(name)
    known = sorted(path.parent.name for path in place(out).glob(f"*/{RUN}"))
    found = [each for each in known if each == name] or [k for k in known if k.startswith(name)]
    if len(found) == 1:
        return open_run(place(out) / found[0])
    if found:
        raise UserError(f"{len(found)} runs in {out} begin with {name!r}: {', '.join(found[:8])}.")
    if not known:
        raise UserError(f"there is no folder {name!r}, and no run in {out}.")
    raise UserError(f"no run in {out} begins with {name!r}: {nearest(name, known)}.")


def timing(seconds: float, dialogues: int) -> dict[str, Any]:
    """What is noted of a piece outside the records."""
    return {
        "seconds": round(seconds, 3),
        "dialogues": dialogues,
        "host": socket.gethostname(),
        "process": os.getpid(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
