"""A run as it lies in its folder, and how one is found.

Everything computed from a run is a free function (:func:`selfcorrect.runs.summary.summarize`,
:func:`selfcorrect.runs.report.write_report`), so that nothing here depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from selfcorrect import records, scorers
from selfcorrect.errors import UserError, nearest
from selfcorrect.outcome import Outcome
from selfcorrect.runs.header import RUN, Header, read_header
from selfcorrect.runs.made_here import made_here
from selfcorrect.runs.paths import folder_path
from selfcorrect.runs.pieces import gaps, pieces, read_piece
from selfcorrect.runs.scores import (
    Scores,
    all_scores,
    choose,
    read_scores,
    recorded_as,
    scored_pieces,
    shared_by,
    with_meanings,
    with_scores,
)
from selfcorrect.runs.spec import RunSpec, ScorerSpec
from selfcorrect.runs.store import Store
from selfcorrect.scorers.meanings import PREFIX
from selfcorrect.tasks.base import Task

REPORT = "report.html"


@dataclass(frozen=True, repr=False)
class Run:
    """A run as it lies in its folder, complete or not.

    Attributes:
        folder: where it lies.
        header: what ``run.toml`` says.
        limit: how many dialogues this view of it has at most; ``None``: all that were asked for.
        task: the task it was run on, where that is at hand; else the summary reads it again.
        scorer: by whose scores it is looked at: a scorer's name, the beginning of its scores'
            folder, or the scores themselves; without, those of its spec or of its task, if any.
        grouper: by what its samples count as saying the same: in the same ways.
        data: where its task's data lie, as the user says: a run that was received may name any
            place, and none that only it names is opened.
    """

    folder: Path
    header: Header
    limit: int | None = None
    task: Task | None = None
    scorer: str | Scores = ""
    grouper: str | Scores = ""
    data: str | None = None

    # What is computed from a run stands on it, not the other way round; the package binds these.
    summary: ClassVar[Callable[[Run], dict[str, Any]]]
    grade: ClassVar[Callable[..., Run]]
    report: ClassVar[Callable[..., Path]]
    chart: ClassVar[Callable[..., str]]
    pandas: ClassVar[Callable[[Run], Any]]
    _repr_html_: ClassVar[Callable[[Run], str]]
    _repr_mimebundle_: ClassVar[Callable[..., dict[str, str]]]

    @property
    def spec(self) -> RunSpec:
        """The spec as resolved, with the limit of this view."""
        return self.header.spec.model_copy(update={"limit": self.limit or self.header.spec.limit})

    @property
    def wanted(self) -> int:
        """How many dialogues the run is to have."""
        return min(self.spec.limit or self.header.examples, self.header.examples)

    @property
    def received(self) -> bool:
        """Whether somebody else may have made it (:mod:`.made_here`): nothing that it names is
        opened, and nothing is noted in its folder."""
        return self.task is None and not made_here(self._store)

    @property
    def keeps_texts(self) -> bool:
        """Whether its records have what models replied."""
        return self.header.about.get("answers", {}).get("kept", True) is not False

    @property
    def dialogues(self) -> int:
        """How many dialogues it has."""
        missing = gaps(pieces(self._store), 0, self.wanted)
        return self.wanted - sum(end - start for start, end in missing)

    @property
    def complete(self) -> bool:
        return self.dialogues == self.wanted

    @property
    def scores(self) -> Scores | None:
        """The scores by which it is looked at; ``None`` where its task gives the outcome, or nobody
        has graded it yet.

        Raises:
            UserError: those that were asked for aren't there.
        """
        if isinstance(self.scorer, Scores):
            return self.scorer
        found = [scores for scores in all_scores(self._store) if not scores.of_meanings]
        if self.scorer:
            return choose(found, scorers.label(self.scorer), self.folder)
        usual = scorers.label(self.header.spec.scorer.name or self.header.outcome.scorer)
        return self._most([scores for scores in found if scores.scorer == usual])

    @property
    def graded_by(self) -> list[str]:
        """The scorers whose scores are there, whichever it is looked at by."""
        return shared_by([self._store])

    @property
    def meanings(self) -> Scores | None:
        """What its samples mean; ``None`` where nobody has grouped them yet.

        Raises:
            UserError: what was asked for isn't there.
        """
        if isinstance(self.grouper, Scores):
            return self.grouper
        found = [scores for scores in all_scores(self._store) if scores.of_meanings]
        if self.grouper:
            return choose(found, self.grouper, self.folder)
        usual = self.header.spec.meanings.name
        anybody = usual in ("", scorers.NONE)
        return self._most([s for s in found if anybody or s.scorer == PREFIX + usual])

    def _most(self, found: Sequence[Scores]) -> Scores | None:
        """Of several versions the one that has graded most."""
        return max(found, key=lambda s: len(scored_pieces(self._store, s)), default=None)

    @property
    def outcome(self) -> Outcome:
        """How good an answer is: as the task has stated, or as the scorer has it."""
        scores = self.scores
        return self.header.outcome if scores is None else scores.outcome

    @property
    def recorded(self) -> str:
        """Among its numbers, the task's own outcome where scores stand in its place; empty where
        none do."""
        scores = self.scores
        return "" if scores is None else recorded_as(self.header.outcome, scores.outcome)

    @property
    def taken(self) -> set[str]:
        """Names of measures and of the task's own numbers, which a scorer's further ones are kept
        apart from."""
        from selfcorrect.measures.own import reserved  # numpy and scipy, for who measures

        scores = self.scores
        names = {*reserved(), *self.header.values, *self.header.figures, self.header.outcome.name}
        if scores is None or not scores.values:
            return names
        # what only the task's figures need stands in the records alone
        for piece in pieces(self._store):
            frame = read_piece(self._store, piece, ["values"], self.header.version)
            own = frame["values"].explode().drop_nulls()
            names |= set(own.struct.field("name").unique().drop_nulls()) if len(own) else set()
        return names

    def seen_by(self, scorer: str | Scores) -> Run:
        """The run as it is looked at by these scores, or by these meanings of its samples."""
        named = scorer.scorer if isinstance(scorer, Scores) else scorer
        if named.startswith((PREFIX, PREFIX.replace(":", "-"))):
            return replace(self, grouper=scorer)
        return replace(self, scorer=scorer)

    def as_recorded(self) -> Run:
        """The run as it is looked at by its task's own outcome, whoever else has graded it."""
        spec = self.header.spec.model_copy(update={"scorer": ScorerSpec(name=scorers.NONE)})
        return replace(self, header=replace(self.header, spec=spec), scorer="")

    @property
    def records(self) -> pl.DataFrame:
        """All records, one row a round (:mod:`selfcorrect.records`), read again at each access."""
        return self.read()

    def read(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Some columns of the records, by example in order and round.

        Raises:
            UserError: a file is damaged.
        """
        frames = list(self.chunks(columns))
        if not frames:
            every = {**records.SCHEMA, **records.MEANINGS}
            return pl.DataFrame(schema={c: every[c] for c in self._columns(columns)})
        return pl.concat(frames)

    def _columns(self, columns: Sequence[str] | None) -> list[str]:
        """The columns that are wanted: by default all, of meanings where there are samples."""
        if columns is not None:
            return list(columns)
        drawn = self.header.spec.samples.k > 0
        return [*records.SCHEMA, *(records.MEANINGS if drawn else ())]

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """The same, piece by piece, so that not all of it need be held."""
        wanted = self._columns(columns)
        stored = [name for name in wanted if name not in records.MEANINGS]
        scores = self.scores if {"outcome", "values"} & set(wanted) else None
        meant = len(stored) < len(wanted)
        meanings = self.meanings if meant else None
        keys = ["example"] if scores is None and meanings is None else ["example", "round"]
        extra = [name for name in keys if name not in stored]
        taken = self.taken if scores is not None else set()
        for piece in pieces(self._store):
            if piece.start >= self.wanted:
                continue
            frame = read_piece(self._store, piece, [*stored, *extra], self.header.version)
            if scores is not None:
                found = read_scores(self._store, scores, piece)
                frame = with_scores(frame, found, taken, self.recorded)
            if meant:
                found = read_scores(self._store, meanings, piece) if meanings else None
                frame = with_meanings(frame, found)
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
        if header is None:
            return None
        # two scorers are never compared
        seen = self.scores or "", self.meanings or ""
        return Run(folder, header, self.wanted, self.task, *seen, self.data)

    def __repr__(self) -> str:
        return f"<Run {str(self.folder)!r}: {self.dialogues} of {self.wanted} dialogues>"

    @property
    def _store(self) -> Store:
        return Store(self.folder)


def open_run(path: str | Path) -> Run:
    """Open the folder of a run; one that holds a single run and its controls is that run's, too.

    Raises:
        UserError: there is no run, it is damaged, or it is of another version.
    """
    folder = folder_path(path)
    if folder.name in (RUN, REPORT):
        folder = folder.parent
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}.")
    header = read_header(Store(folder))
    if header is None:
        inside = meant(sorted(p.parent.name for p in folder.glob(f"*/{RUN}")), folder)
        if len(inside) == 1:
            return open_run(folder / inside[0])
        hint = f"; did you mean one of the runs in it, such as {inside[0]}?" if inside else "."
        raise UserError(f"{folder} is not the folder of a run (it has no {RUN}){hint}")
    return Run(folder, header)


def find_run(name: str, out: Path) -> Run:
    """The run in a folder, or the one in ``out`` that is meant by the beginning of its name.

    A run and its controls often begin alike; then the run is meant, and not its controls. A
    beginning with a folder before it, such as ``other/bbq-intrinsic``, is looked for in there.

    Raises:
        UserError: there is none, or more than one.
    """
    if "://" in name:
        return open_run(name)
    if not folder_path(name).exists() and (place := _place_of(name)):
        out, name = place
    known = sorted(path.parent.name for path in folder_path(out).glob(f"*/{RUN}"))
    found = [each for each in known if each == name] or [k for k in known if k.startswith(name)]
    folder = folder_path(name)
    if folder.exists() and (not found or folder.is_file() or (folder / RUN).is_file()):
        return open_run(name)
    if len(found) > 1:
        found = meant(found, folder_path(out))
    if len(found) == 1:
        return open_run(folder_path(out) / found[0])
    if found:
        more = f" and {len(found) - 8} more" if len(found) > 8 else ""
        raise UserError(
            f"{len(found)} runs in {out} begin with {name!r}: {', '.join(found[:8])}{more}; "
            "write more of the name."
        )
    if Path(name).name != name:  # it names a folder of its own, whatever lies in another
        raise UserError(f"there is no folder {name!r}, and beside it no run that begins so.")
    if not known:
        raise UserError(f"there is no folder {name!r}, and no run in {out}.")
    raise UserError(
        f"no run in {out} begins with {name!r}: {nearest(name, known)}; runs elsewhere are named "
        "with their folder, or looked for with --out."
    )


def find_alone(names: Sequence[str], out: Path) -> Run:
    """The one run that these names mean, as of :func:`find_run`; its controls may be among them
    (``runs/*``).

    Raises:
        UserError: there is none, or more than one.
    """
    found = {run.folder.name: run for run in (find_run(name, out) for name in names)}
    places = {run.folder.parent for run in found.values()}
    mine = meant(list(found), places.pop()) if len(places) == 1 else list(found)
    if len(mine) != 1:
        raise UserError(f"these are {len(mine)} runs, {', '.join(mine[:8])}: give one of them.")
    return found[mine[0]]


def _place_of(name: str) -> tuple[Path, str] | None:
    """The folder of runs and the beginning of a name in it that a path stands for, if it does."""
    path = folder_path(name)
    if path.name != name and path.name and any(path.parent.glob(f"*/{RUN}")):
        return path.parent, path.name
    return None


def meant(names: Sequence[str], out: Path) -> list[str]:
    """Those runs that aren't merely controls of others of them."""
    headers = {name: header for name in names if (header := _header_or_none(out / name))}

    def is_control(name: str, of: str) -> bool:
        if name not in headers[of].controls.values():
            return False
        back = name in headers and of in headers[name].controls.values()
        return not back or _stands_before(of, name, headers[of])

    return [name for name in names if not any(is_control(name, of) for of in headers if of != name)]


def _header_or_none(folder: Path) -> Header | None:
    """A damaged neighbour is no reason not to find a run."""
    try:
        return read_header(Store(folder))
    except UserError:
        return None


def _stands_before(one: str, other: str, header: Header) -> bool:
    """Whether a command had one arm before the other: controls come after the run itself."""
    for plan in header.plans:
        if one in plan.arms and other in plan.arms:
            return plan.arms.index(one) < plan.arms.index(other)
    return False
