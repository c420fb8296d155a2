"""A run's dialogues as a task is built from them (:mod:`selfcorrect.tasks.received`).

The folder may be from anybody: nothing in it is written to, run, or taken for a template, no path
that it names is opened, and every record is checked before it is used.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from selfcorrect import records
from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.runs.pieces import pieces
from selfcorrect.runs.run import Run, find_run
from selfcorrect.runs.store import Store
from selfcorrect.tasks.part import OPTION as PART
from selfcorrect.tasks.received import ReceivedDialogue, ReceivedRound, ReceivedRun
from selfcorrect.tasks.source import Source

#: A text of a received run has at most so many characters.
LONGEST = 1_000_000
_OUT = Path("runs")

_Text = Annotated[str, StringConstraints(max_length=LONGEST)]


class _Step(BaseModel):
    """What is read of a step."""

    model_config = ConfigDict(strict=True)

    role: Literal["system", "user", "assistant", "tool"]
    begin: bool
    shown: bool
    text: _Text


class _Record(BaseModel):
    """What is read of a record: its fields are the columns."""

    model_config = ConfigDict(strict=True)

    example: _Text
    cluster: _Text
    round: int
    choices: tuple[_Text, ...] | None
    text: _Text
    problem: str | None
    outcome: float | None
    steps: tuple[_Step, ...]


_COLUMNS = tuple(_Record.model_fields)
#: Whose record it is: without these there is no telling.
_NAMED = ("example", "cluster", "round")


def read_received(name: str) -> ReceivedRun:
    """The dialogues of a run.

    Args:
        name: its folder, or the beginning of its name in ``runs``.

    Raises:
        UserError: there is no such run, it has no dialogues, or none that are kept; a file is
            damaged, a record isn't what records are, has a text of more than :data:`LONGEST`
            characters or an outcome out of bounds, or a dialogue's rounds aren't 1, 2, 3 and so on.
    """
    run = find_run(name, _OUT)
    if not run.keeps_texts:
        raise UserError(
            f"{run.folder} keeps no answers, so nothing can be asked of its dialogues: give "
            "another run, or make it with --keep-harmful."
        )
    spec = run.header.spec
    task = spec.task
    options = {key: each for key, each in task.options.items() if key != PART}
    source = Source(task.name, task.data, tuple(task.categories), spec.seed, spec.skip_bad, options)
    _check_files(run)
    found: dict[str, list[_Record]] = {}
    for frame in run.chunks(_COLUMNS):
        for row in frame.iter_rows(named=True):
            found.setdefault(row["example"], []).append(_checked(run, row))
    if not found:
        raise UserError(f"{run.folder} has no dialogues yet: run it first.")
    dialogues = [_dialogue(run, name, rows) for name, rows in found.items()]
    return ReceivedRun(str(run.folder), source, run.outcome, dialogues)


def _check_files(run: Run) -> None:
    """Raise UserError for a file that can't be read, or whose columns are of other types.

    Later on types are made those of records: 1.5 would be round 1, and a number a text.
    """
    store = Store(run.folder)
    for piece in pieces(store):
        try:
            frame = pl.read_parquet(io.BytesIO(store.read(piece.name)))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise _damaged(run, f"{piece.name}: {reason}") from None
        for name in _COLUMNS:
            stored = frame.schema.get(name)
            if stored is None and run.header.version != records.VERSION and name == "outcome":
                continue  # it had another name
            if stored is None or not _fits(stored, records.SCHEMA[name]):
                there = "isn't there" if stored is None else f"holds {str(stored)[:60]}"
                raise _damaged(run, f"{piece.name}: the column {name!r} {there}")
            if name in _NAMED and frame[name].null_count():
                raise _damaged(run, f"{piece.name}: a record has no {name}")


def _fits(stored: Any, wanted: Any) -> bool:
    """Whether a column is of the type that records have; of a step some of its fields do."""
    if isinstance(wanted, pl.List):
        return isinstance(stored, pl.List) and _fits(stored.inner, wanted.inner)
    if isinstance(wanted, pl.Struct):
        types = dict(wanted)
        return isinstance(stored, pl.Struct) and all(
            name in types and _fits(kind, types[name]) for name, kind in stored
        )
    return bool(stored == wanted)


def _checked(run: Run, row: Mapping[str, Any]) -> _Record:
    try:
        # lists are tuples to the check, as nothing of a record is changed
        record = _Record.model_validate(
            {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}
        )
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = f"is {first['input']!r:.60}"
        if first["type"] == "string_too_long":
            what = f"has more than {LONGEST:,} characters"
        raise _damaged(run, f"{place} of a record of {row['example']!r:.60} {what}") from None
    if why := run.outcome.problem_with(record.outcome):
        raise _damaged(run, f"the outcome of a record of {record.example!r:.60} {why}")
    return record


def _dialogue(run: Run, example: str, rows: Sequence[_Record]) -> ReceivedDialogue:
    rows = sorted(rows, key=lambda row: row.round)
    numbers = [row.round for row in rows]
    if numbers != list(range(1, len(rows) + 1)):
        said = ", ".join(map(str, numbers[:8]))
        raise _damaged(run, f"the rounds of {example!r:.60} are {said}, not 1, 2 and so on")
    messages: list[Message] = []
    rounds = []
    for row in rows:
        for step in row.steps:
            if not step.shown or step.role == "system":
                continue
            if step.begin:
                messages = []
            messages.append(Message(step.role, (step.text,)))
        value = row.outcome if row.problem is None else None
        rounds.append(ReceivedRound(row.text, value, tuple(messages)))
    return ReceivedDialogue(example, rows[0].cluster, rows[0].choices or (), tuple(rounds))


def _damaged(run: Run, why: str) -> UserError:
    return UserError(f"{run.folder} is damaged ({why}): get it again.")
