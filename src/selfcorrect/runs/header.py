"""``run.toml``: what a run is, read and checked when its folder is opened again."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import PurePath
from typing import Any

import tomli_w

from selfcorrect import records, toml_lines
from selfcorrect.errors import UserError
from selfcorrect.models.endpoint.keys import known_keys
from selfcorrect.outcome import ACCURACY, Outcome, bounds_of, bounds_table, with_bounds
from selfcorrect.runs.spec import RunSpec, make_spec
from selfcorrect.runs.store import Store

RUN = "run.toml"
#: Versions of records that can be read.
READ = (3, records.VERSION)
_LIBRARIES = ("selfcorrect", "torch", "transformers", "polars", "numpy", "safetensors")
_MOVE = "move the folder away and run the command again"
_KEYS = (
    "record_version",
    "hash",
    "examples",
    "first_transcript",
    "outcome",
    "values",
    "value_bounds",
    "figures",
    "spec",
    "controls",
    "plan",
)


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
        values: its numbers per record, a sentence on each; so that a run can be shown without it.
        figures: names of its figures per round.
        version: of the records; those of version 3 are read, and not added to.
    """

    spec: RunSpec
    hash: str
    examples: int
    about: Mapping[str, Any]
    transcript: str
    controls: Mapping[str, str]
    plans: tuple[Plan, ...] = ()
    outcome: Outcome = ACCURACY
    values: Mapping[str, str] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    version: int = records.VERSION

    def toml(self) -> bytes:
        table = {
            "record_version": self.version,
            "hash": self.hash,
            "examples": self.examples,
            "first_transcript": self.transcript,
            "outcome": _written(self.outcome),
            "values": dict(self.values),
            "value_bounds": {n: list(bounds_of(self.values[n])) for n in bounds_table(self.values)},
            "figures": list(self.figures),
            "spec": self.spec.toml(),
            **self.about,
            "controls": dict(self.controls),
            "plan": [{"start": p.start, "end": p.end, "arms": list(p.arms)} for p in self.plans],
        }
        text = tomli_w.dumps(_storable(table), multiline_strings=True)
        hidden = known_keys(_header_variables(self.spec)).hide(text).encode("utf-8", "replace")
        return hidden + _seal(hidden)


def _header_variables(spec: RunSpec) -> dict[str, str]:
    """Environment variables that hold values of headers."""
    models = (spec.model, *spec.models.values())
    return {variable: variable for each in models for _, variable in each.headers}


def as_written(data: bytes) -> bool:
    """Whether ``run.toml`` is what was written: nothing in it was changed by hand or by accident.

    One of an older version, without a last line that says so, is taken as it is.
    """
    text, last = data[: (at := data.rstrip().rfind(b"\n") + 1)], data[at:]
    return not last.startswith(b"#") or last == _seal(text)


def _seal(text: bytes) -> bytes:
    """The last line, a comment."""
    return f"# sha256 of the lines above: {hashlib.sha256(text).hexdigest()}\n".encode()


def _written(outcome: Outcome) -> dict[str, Any]:
    """TOML has infinities but no null, and what is empty says nothing."""
    table = {**outcome.table(), "bounds": list(outcome.bounds)}
    return {key: value for key, value in table.items() if value not in (None, "")}


def _storable(value: Any) -> Any:
    """TOML has no null: such keys are left out."""
    if isinstance(value, Mapping):
        return {k: _storable(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_storable(v) for v in value if v is not None]
    return value


def provenance(**tables: Mapping[str, Any]) -> dict[str, Any]:
    """What ``run.toml`` says for the reader: when, on which machine, with which versions."""
    return {
        "created": {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": platform.machine(),
            "system": platform.system(),
            "threads": os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count() or 1),
        },
        "versions": dict(_versions()),
        **tables,
    }


@cache
def _versions() -> Mapping[str, str]:
    """Of Python and the libraries that are installed; looking them up takes a while."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


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
        table = toml_lines.parse(store.read(RUN).decode())
        version = table["record_version"]
    except ValueError as error:  # not TOML, or not even text
        raise UserError(f"{where} is damaged ({error}): {_MOVE}.") from None
    except KeyError as error:
        raise UserError(f"{where} is damaged (it has no {error}): {_MOVE}.") from None
    if version not in READ:
        raise UserError(
            f"{where.parent} was written by another version of selfcorrect (records of version "
            f"{version}, here {records.VERSION}): choose another output folder, or use the "
            "version that wrote it."
        )
    try:
        if version == 3:  # which knew lettered questions only
            table = {**table, "outcome": ACCURACY.table()}
        plans = [(p["start"], p["end"], p["arms"]) for p in table.get("plan", ())]
        _check_types(table, plans)
        return Header(
            spec=make_spec(table["spec"]),
            hash=table["hash"],
            examples=table["examples"],
            about={k: table[k] for k in table if k not in _KEYS},
            transcript=table["first_transcript"],
            controls=table["controls"],
            plans=tuple(Plan(start, end, tuple(arms)) for start, end, arms in plans),
            outcome=Outcome.read(table["outcome"]),
            values=with_bounds(table.get("values", {}), table.get("value_bounds", {})),
            figures=tuple(table.get("figures", ())),
            version=version,
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
    for key in (
        "outcome",
        "values",
        "fingerprints",
        "skipped",
        "strategy",
        "data",
        "copies",
        "clusters",
        "answers",
    ):
        if not isinstance(table.get(key, {}), dict):
            raise TypeError(f"{key} is {table[key]!r}")
    lines = table.get("skipped", {}).get("lines", [])
    told = table.get("data", {}).get("read_as", [])
    for key, texts in (("skipped.lines", lines), ("data.read_as", told)):
        if not isinstance(texts, list):
            raise TypeError(f"{key} is {texts!r}")
    for text in (*lines, *told, *table.get("values", {}).values(), *table.get("figures", ())):
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is no text")
    names = [*table["controls"].values(), *(arm for _, _, arms in plans for arm in arms)]
    counts = [table.get(key, {}).get("count", 0) for key in ("copies", "clusters")]
    numbers = [table["examples"], *counts, *(n for start, end, _ in plans for n in (start, end))]
    for name in names:
        if not isinstance(name, str) or PurePath(name).name != name or name in ("", ".", ".."):
            raise TypeError(f"{name!r} is no name")
    for number in numbers:
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise TypeError(f"{number!r} is no count")
