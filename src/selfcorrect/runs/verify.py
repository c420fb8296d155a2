"""Whether a run's folder holds what was written, and what records can hold; nothing is computed
from it, nothing is opened but the folder's own files, and nothing is written."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from selfcorrect import records
from selfcorrect.errors import UserError
from selfcorrect.runs.aside import FILE
from selfcorrect.runs.header import RUN, as_written
from selfcorrect.runs.looks import read_looks
from selfcorrect.runs.manifest import MANIFEST, differs, read_sums
from selfcorrect.runs.paths import is_local
from selfcorrect.runs.pieces import Piece, decoded_piece, gaps, pieces
from selfcorrect.runs.run import Run
from selfcorrect.runs.scores import SCORES, Scores, all_scores, decoded_scores, scored_pieces
from selfcorrect.runs.store import Store

#: What a number of a record lies within, by its column or its field; beside the outcome's bounds.
_WITHIN: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("option_p", "confidence", "first_choice_p", "agreement", "p_true"), (0, 1)),
    **dict.fromkeys(("option_mass", "p"), (0, 1)),
    **dict.fromkeys(("option_logp", "choice_logp", "token_logps", "logp", "likelihood"), (-inf, 0)),
    **dict.fromkeys(("entropy", "gap", "target", "choice", "likeliest", "option_tokens"), (0, inf)),
    **dict.fromkeys(("prompt_tokens", "encoded", "reused", "generated", "drafted"), (0, inf)),
    **dict.fromkeys(("sampled", "tokens", "token_ids", "named", "layer"), (0, inf)),
}
#: Sums of probabilities and their logarithms are off by so much, as numbers are rounded.
_ROUNDED = 1e-4
#: So many problems of one file are told.
_TOLD = 3


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what is wrong.

    Attributes:
        folder: of the run.
        pieces, dialogues, records: how many there are.
        scored: pieces of scores.
        noted: pieces, of records and scores, whose digests are known.
        missing: dialogues within the run's limit that aren't there yet.
        problems: a sentence on each; none where all is as it was written.
    """

    folder: Path
    pieces: int
    dialogues: int
    records: int
    scored: int
    noted: int
    missing: int
    problems: Sequence[str]

    def table(self) -> dict[str, Any]:
        """As JSON has it."""
        counts = ("pieces", "dialogues", "records", "scored", "noted", "missing")
        return {
            "folder": str(self.folder),
            **{name: getattr(self, name) for name in counts},
            "problems": list(self.problems),
        }


@dataclass
class _Seen:
    """What has been found so far."""

    examples: set[str] = field(default_factory=set)
    keys: dict[Piece, pl.DataFrame] = field(default_factory=dict)
    records: int = 0
    noted: int = 0


def verify(run: Run) -> Verified:
    """Look at every file of a run: digests, columns, ranges, whose records they are.

    Raises:
        UserError: the manifest, or the note of what some scores are, can't be read.
    """
    store = Store(run.folder)
    sums = read_sums(store)
    seen = _Seen()
    held = pieces(store)
    problems = list(_of_names(store, held))
    if not as_written(store.read(RUN)):
        problems.append(f"{RUN} was changed after it was written (its last line says so).")
    for piece in held:
        problems += _of_piece(store, run, piece, sums, seen)
    scored = 0
    for scores in all_scores(store):
        for piece in sorted(scored_pieces(store, scores)):
            scored += 1
            problems += _of_scores(store, scores, piece, held, sums, seen)
    try:
        read_looks(store)
    except UserError as error:
        problems.append(str(error))
    limit = run.header.spec.limit or run.header.examples
    missing = gaps(held, 0, min(limit, run.header.examples))
    return Verified(
        folder=run.folder,
        pieces=len(held),
        dialogues=len(seen.examples),
        records=seen.records,
        scored=scored,
        noted=seen.noted,
        missing=sum(end - start for start, end in missing),
        problems=problems,
    )


def _of_names(store: Store, held: Sequence[Piece]) -> Iterator[str]:
    """What lies where pieces do and isn't one."""
    for one, other in pairwise(held):
        if other.start < one.end:
            yield f"{one.name} and {other.name} hold the same positions: delete one of them."
    if not is_local(store.root):
        return
    known = {piece.name for piece in held}
    for path in sorted(store.root.glob("records/*")):
        name = f"records/{path.name}"
        if name not in known:
            kind = "no file" if not path.is_file() else "not of a run"
            yield f"{name} is {kind}: nothing reads it; move it away."
    for name in (MANIFEST, "looks.json", "audit.json", FILE, SCORES, "timing", "records"):
        path = store.root / name
        folder = name in (SCORES, "timing", "records")
        if path.exists() and path.is_dir() != folder:
            yield f"{name} is {'no folder' if folder else 'no file'}: nothing reads it."


def _of_piece(
    store: Store, run: Run, piece: Piece, sums: Mapping[str, str], seen: _Seen
) -> list[str]:
    data = store.read(piece.name)
    seen.noted += piece.name in sums
    if differs(sums, piece.name, data):
        return [f"{piece.name} isn't what was written ({MANIFEST} says another digest)."]
    try:
        if run.header.version == records.VERSION:
            wrong = _types(pl.read_parquet(io.BytesIO(data)).schema)
            if wrong:
                return [f"{piece.name}: {wrong}."]
        frame = decoded_piece(store, piece, data, version=run.header.version)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        return [f"{piece.name} can't be read: {reason}."]
    except UserError as error:
        return [str(error)]
    seen.records += len(frame)
    seen.keys[piece] = frame.select("example", "round").sort("example", "round")
    found = list(_of_records(frame, run, piece, seen))
    more = len(found) - _TOLD
    return [f"{piece.name}: {each}." for each in found[:_TOLD]] + (
        [f"{piece.name}: {more} more of this kind."] if more > 0 else []
    )


def _types(schema: Mapping[str, Any]) -> str:
    """Which column isn't there, or is of another type; empty where all are as records have them."""
    for name, kind in records.SCHEMA.items():
        if name not in schema:
            if name not in records.LATER:
                return f"it has no column {name}"
        elif schema[name] != kind:
            return f"its column {name} is {str(schema[name])[:60]}, not {str(kind)[:60]}"
    return ""


def _of_records(frame: pl.DataFrame, run: Run, piece: Piece, seen: _Seen) -> Iterator[str]:
    numbers: dict[str, list[int]] = {}
    for example, number in frame.select("example", "round").iter_rows():
        numbers.setdefault(example, []).append(number)
    if len(numbers) != piece.end - piece.start:
        yield f"it holds {len(numbers)} dialogues, and its name says {piece.end - piece.start}"
    for example, rounds in numbers.items():
        if example in seen.examples:
            yield f"the example {example!r:.60} stands in another piece, too"
        if rounds != list(range(1, len(rounds) + 1)):
            yield f"the rounds of {example!r:.60} aren't 1, 2 and so on"
        elif len(rounds) > run.header.spec.rounds:
            yield f"{example!r:.60} has {len(rounds)} rounds, of {run.header.spec.rounds}"
    seen.examples |= numbers.keys()
    for value in frame["outcome"].unique().to_list():
        if why := run.header.outcome.problem_with(value):
            yield f"an outcome {why}"
    for name in ("choice", "target", "likeliest"):
        beyond = pl.col(name) >= pl.col("choices").list.len()
        if frame.select((beyond & pl.col("choices").is_not_null()).any()).item():
            yield f"a {name} is beyond its choices"
    for series in frame:
        yield from _of_numbers(series, series.name)


def _of_numbers(series: pl.Series, name: str) -> Iterator[str]:
    """Numbers that aren't finite or lie beyond what they can be, however deep they lie."""
    kind = series.dtype
    if isinstance(kind, pl.List):
        yield from _of_numbers(series.explode(empty_as_null=False), name)
    elif isinstance(kind, pl.Struct):
        for each in kind.fields:
            yield from _of_numbers(series.struct.field(each.name), each.name)
    elif kind.is_numeric():
        values = series.drop_nulls()
        if kind.is_float() and not values.is_finite().all():
            yield f"a number of {name} isn't finite"
        elif len(values) and name in _WITHIN:
            low, high = _WITHIN[name]
            least, most = float(np.min(values.to_numpy())), float(np.max(values.to_numpy()))
            if least < low - _ROUNDED or most > high + _ROUNDED:
                yield f"{name} goes from {least:g} to {most:g}, and lies in [{low:g}, {high:g}]"


def _of_scores(
    store: Store,
    scores: Scores,
    piece: Piece,
    held: Sequence[Piece],
    sums: Mapping[str, str],
    seen: _Seen,
) -> list[str]:
    name = scores.piece(piece)
    seen.noted += name in sums
    data = store.read(name)
    if differs(sums, name, data):
        return [f"{name} isn't what was written ({MANIFEST} says another digest)."]
    try:
        graded = decoded_scores(store, scores, name, data)
    except UserError as error:
        return [str(error)]
    if piece not in held:
        return [f"{name} belongs to records that aren't there."]
    if piece not in seen.keys:  # what is wrong with those is said already
        return []
    same = graded.select("example", "round").sort("example", "round")
    if not same.equals(seen.keys[piece]):
        return [f"{name} is of other answers than {piece.name}."]
    return [f"{name}: {each}." for series in graded for each in _of_numbers(series, series.name)]
