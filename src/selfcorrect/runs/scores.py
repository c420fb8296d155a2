"""Scores of a run's answers: ``scores/<scorer>-<fingerprint>/`` beside its records.

A piece of scores belongs to a piece of records, and a second scorer's lie beside the first's;
``scores/<scorer>-<fingerprint>.json`` says what they are. Whoever reads a run's records gets those
of the scorer that the run is looked at with.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from selfcorrect import records
from selfcorrect.errors import UserError, nearest
from selfcorrect.outcome import Outcome, bounds_table, with_bounds
from selfcorrect.runs.manifest import check_sum
from selfcorrect.runs.pieces import Piece
from selfcorrect.runs.store import Store
from selfcorrect.scorers.meanings import PREFIX

SCORES = "scores"
#: Why an answer that wasn't given to a scorer has no score.
UNREAD = "the answer couldn't be read"
_PIECE = re.compile(r"chunk-(\d+)\.(\d+)-(\d+)\.parquet")

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "example": pl.String,
    "round": pl.Int32,
    "value": pl.Float64,  # the outcome
    "problem": pl.String,  # why there is none
    "values": pl.List(pl.Struct({"name": pl.String, "value": pl.Float64})),
    "said": pl.String,  # what the value rests on, in words
}


@dataclass(frozen=True, slots=True)
class Scores:
    """What is known of the scores of one scorer.

    Attributes:
        scorer: its name, as the user wrote it.
        fingerprint: changes when the same text may get another score.
        about: what it is, a sentence.
        outcome: the number that it gives.
        values: names of further numbers, a sentence on each.
    """

    scorer: str
    fingerprint: str
    about: str
    outcome: Outcome
    values: Mapping[str, str]

    @property
    def of_meanings(self) -> bool:
        """Whether they say what samples mean, and not how good an answer is."""
        return self.scorer.startswith(PREFIX)

    @property
    def folder(self) -> str:
        """Of their files, in the run's: the name and eight digits of the fingerprint."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.scorer.lower()).strip("-")[:60] or "x"
        return f"{SCORES}/{slug}-{self.fingerprint[:8]}"

    def piece(self, piece: Piece) -> str:
        """The name of the file that belongs to a piece of records."""
        return f"{self.folder}/{piece.name.rpartition('/')[2]}"

    def part(self, piece: Piece) -> str:
        """The name of the file that keeps what is graded of a piece that isn't whole yet."""
        return self.piece(piece).removesuffix(".parquet") + ".json"

    def table(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "scorer": self.scorer,
            "fingerprint": self.fingerprint,
            "about": self.about,
            "outcome": self.outcome.table(),
            "values": dict(self.values),
            "bounds": bounds_table(self.values),
        }


def write_about(store: Store, scores: Scores) -> None:
    """Note what the scores of a folder are."""
    data = (json.dumps(scores.table(), indent=1, sort_keys=True) + "\n").encode()
    store.put(f"{scores.folder}.json", data, replace=True)


def all_scores(store: Store) -> list[Scores]:
    """Those of a run, by their folders' names.

    Raises:
        UserError: a note of what they are is damaged.
    """
    return [_read_about(store, name) for name in store.list(SCORES) if name.endswith(".json")]


def _read_about(store: Store, where: str) -> Scores:
    try:
        table = json.loads(store.read(where))
        scorer, fingerprint, about = (table[key] for key in ("scorer", "fingerprint", "about"))
        values = table["values"]
        if not all(isinstance(x, str) for x in (scorer, fingerprint, about, *values)):
            raise TypeError("a text isn't one")
        if not all(isinstance(text, str) for text in values.values()):
            raise TypeError("a text isn't one")
        values = with_bounds(values, table.get("bounds", {}))
        scores = Scores(scorer, fingerprint, about, Outcome.read(table["outcome"]), values)
        if f"{scores.folder}.json" != where:
            raise ValueError("it is of another folder")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise UserError(
            f"{store.root / where} is damaged ({str(error).rstrip('.')}): move it away and "
            "grade the run again."
        ) from None
    return scores


def choose(found: Sequence[Scores], name: str, run: object) -> Scores:
    """The scores that a scorer's name means, or the beginning of their folder's.

    Raises:
        UserError: there are none, or those of several versions of the scorer.
    """
    meant = [
        s for s in found if s.scorer == name or s.folder.removeprefix(f"{SCORES}/").startswith(name)
    ]
    if len(meant) == 1:
        return meant[0]
    if meant:
        folders = ", ".join(
            f"{s.folder.removeprefix(f'{SCORES}/')} ({s.outcome.name})" for s in meant
        )
        raise UserError(f"{run} has several scores called {name!r}: name one of {folders}.")
    if not found:
        raise UserError(f"{run} has no scores: selfcorrect grade {run} --scorer {name} makes them.")
    raise UserError(f"{run} has no scores of {name!r}: {nearest(name, [s.scorer for s in found])}.")


def shared_by(stores: Sequence[Store]) -> list[str]:
    """The scorers that have graded each of these runs, as one names them in a command."""
    found = [
        {(s.scorer, s.fingerprint): s for s in all_scores(store) if not s.of_meanings}
        for store in stores
    ]
    both = [s for key, s in found[0].items() if all(key in each for each in found)]
    graded = [s for s in both if all(scored_pieces(store, s) for store in stores)]
    names = [s.scorer for s in graded]
    # several versions of one aren't told apart by its name
    return [
        name if names.count(name) == 1 else s.folder.removeprefix(f"{SCORES}/")
        for name, s in zip(names, graded, strict=True)
    ]


def scored_pieces(store: Store, scores: Scores) -> set[Piece]:
    """The pieces of records whose scores are there."""
    found = (_PIECE.fullmatch(name.rpartition("/")[2]) for name in store.list(scores.folder))
    return {Piece(*(int(part) for part in each.groups())) for each in found if each}


def scores_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The scores of a piece as a file."""
    buffer = io.BytesIO()
    frame = records.finite(pl.DataFrame([dict(row) for row in rows], schema=SCHEMA, strict=True))
    frame.write_parquet(buffer, compression="zstd", compression_level=3)
    return buffer.getvalue()


def read_scores(store: Store, scores: Scores, piece: Piece) -> pl.DataFrame | None:
    """The scores of a piece of records; ``None`` where it wasn't graded.

    Raises:
        UserError: the file is damaged.
    """
    name = scores.piece(piece)
    if not store.has(name):
        return None
    data = store.read(name)
    try:
        check_sum(store, name, data)
    except ValueError as error:
        raise _damaged(store, name, str(error)) from None
    return decoded_scores(store, scores, name, data)


def decoded_scores(store: Store, scores: Scores, name: str, data: bytes) -> pl.DataFrame:
    """The scores in a file, whose digest was looked at already.

    Raises:
        UserError: the file is damaged.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(data), columns=list(SCHEMA))
        frame = frame.cast(dict(SCHEMA.items()))
    except (
        pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError,
    ) as error:  # fmt: skip
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise _damaged(store, name, reason) from None
    for value in frame["value"].drop_nulls():
        if problem := scores.outcome.problem_with(value):
            raise _damaged(store, name, f"a value {problem}")
    return frame


def _damaged(store: Store, name: str, reason: str) -> UserError:
    return UserError(
        f"{store.root / name} is damaged ({reason}): delete that file and grade the run again."
    )


def with_meanings(frame: pl.DataFrame, graded: pl.DataFrame | None) -> pl.DataFrame:
    """Records of a piece with what their samples mean: the columns of :data:`records.MEANINGS`.

    Args:
        frame: with ``example`` and ``round``.
        graded: from :func:`read_scores`; without, all of them are null.
    """
    if graded is None:
        return frame.with_columns(
            pl.lit(None, kind).alias(name) for name, kind in records.MEANINGS.items()
        )
    groups = pl.col("said").str.split(" ").cast(pl.List(pl.Int32), strict=False)
    own = {"semantic_entropy": pl.col("value"), "meaning": pl.when(_GROUPED).then(groups)}
    rest = [name for name in records.MEANINGS if name not in own]
    named = pl.element().struct
    wide = graded.select(
        "example",
        "round",
        **own,
        **{
            name: pl.col("values")
            .list.eval(named.field("value").filter(named.field("name") == name))
            .list.first()
            for name in rest
        },
    )
    joined = frame.join(wide, on=["example", "round"], how="left", maintain_order="left")
    if len(joined) != len(frame):
        raise UserError(_TWO)
    return joined


_GROUPED = pl.col("value").is_not_null()
_TWO = (
    "an answer has two scores: the run's files were mixed with another run's; move its scores away "
    "and grade it again."
)


def apart_from(name: str, taken: Collection[str]) -> str:
    """What a scorer's further number is called beside measures and the task's own numbers."""
    return f"{name} (scorer)" if name in taken else name


def recorded_as(own: Outcome, scored: Outcome) -> str:
    """What a task's own outcome is called beside the scores that stand in its place; empty where
    both are the same number."""
    if own.name != scored.name:
        return own.name
    return "" if own.better == scored.better else f"{own.name} (task)"


def with_scores(
    frame: pl.DataFrame,
    graded: pl.DataFrame | None,
    taken: Collection[str] = (),
    recorded: str = "",
) -> pl.DataFrame:
    """Records of a piece with the scores in place of their outcome, further numbers after theirs.

    Args:
        frame: with ``example`` and ``round``; of ``outcome`` and ``values`` those that are there
            are filled.
        graded: from :func:`read_scores`; without, no record has an outcome.
        taken: names of measures and of the task's own numbers: see :func:`apart_from`.
        recorded: from :func:`recorded_as`: the number among ``values`` that the outcome becomes
            which was recorded, if ``frame`` has it.
    """
    if graded is None:
        nothing = pl.lit(None, pl.Float64)
        there = "outcome" in frame.columns
        return frame.with_columns(outcome=nothing) if there else frame
    joined = frame.select("example", "round").join(
        graded, on=["example", "round"], how="left", maintain_order="left"
    )
    if len(joined) != len(frame):
        raise UserError(_TWO)
    made = []
    if "outcome" in frame.columns:
        made.append(joined["value"].alias("outcome"))
    if "values" in frame.columns:
        name = pl.element().struct.field("name")
        named = pl.when(name.is_in(list(taken))).then(name + " (scorer)").otherwise(name)
        theirs = pl.col("values").list.eval(
            pl.struct(named.alias("name"), pl.element().struct.field("value"))
        )
        parts = {"mine": frame["values"], "theirs": joined.select(theirs).to_series()}
        if recorded and "outcome" in frame.columns:
            own = pl.struct(pl.lit(recorded).alias("name"), pl.col("outcome").alias("value"))
            known = pl.col("outcome").is_not_null()
            parts["own"] = frame.select(pl.when(known).then(pl.concat_list(own))).to_series()
        both = pl.DataFrame(parts)
        made.append(
            both.select(pl.concat_list(pl.col(part).fill_null([]) for part in parts))
            .to_series()
            .alias("values")
        )
    return frame.with_columns(made)
