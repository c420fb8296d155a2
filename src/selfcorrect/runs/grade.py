"""Grading a run's answers with a scorer, piece by piece; what was graded is kept.

A command that is killed, or a scorer that fails half-way, loses at most the answers under way: the
same command goes on from there.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import polars as pl

from selfcorrect import records, scorers
from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome
from selfcorrect.runs.graded_parts import part_bytes, plain, plainly, read_part
from selfcorrect.runs.held import Arms, NotKeptError, not_kept
from selfcorrect.runs.manifest import put_noted
from selfcorrect.runs.pieces import Piece, pieces, read_piece
from selfcorrect.runs.prepare import Prepared
from selfcorrect.runs.run import Run
from selfcorrect.runs.scores import (
    UNREAD,
    Scores,
    all_scores,
    scored_pieces,
    scores_bytes,
    write_about,
)
from selfcorrect.runs.store import Store
from selfcorrect.runs.task_at_hand import opened_task
from selfcorrect.scorers.base import Answered, Score, Scorer, checked_scores
from selfcorrect.scorers.meanings import PREFIX, usual
from selfcorrect.tasks import is_own
from selfcorrect.tasks.base import Example, Task

#: Of a piece that is being graded, what is there is stored every so many seconds.
EVERY = 2.0
#: From an example's id to its question alone, and an answer that is as good as any; each ``None``
#: where nobody knows it.
Known = Callable[[str], tuple[str | None, str | None]]


def _nothing(_: str) -> tuple[None, None]:
    return None, None


@dataclass
class Grader:
    """A scorer at work on the answers of one task.

    Attributes:
        scorer: whoever grades them.
        stated: the outcome that the task states: taken where the scorer gives the same.
        known: of the task, where the scorer uses it. A question that isn't is taken from the
            records, as the strategy put it.
        keeps_texts: whether the records have what is to be graded; else :meth:`look` is shown it.
        failed: why it couldn't go on, while the run it grades for did.
    """

    scorer: Scorer
    stated: Outcome
    known: Known = _nothing
    keeps_texts: bool = True
    failed: UserError | None = None
    _noted: dict[Store, Scores] = field(default_factory=dict)
    _held: dict[tuple[str, str, int], Score] = field(default_factory=dict)

    @property
    def scores(self) -> Scores:
        """What the scores are, further numbers as far as they are known."""
        outcome, scorer = self.scorer.outcome, self.scorer
        if outcome.name == self.stated.name and outcome.better == self.stated.better:
            outcome = self.stated
        outcome = replace(outcome, scorer=scorer.name)
        return Scores(scorer.name, scorer.fingerprint, scorer.about, outcome, dict(scorer.values))

    def grade(self, store: Store, piece: Piece, version: int = records.VERSION) -> list[Any]:
        """Grade a piece of a run's records, and store the scores.

        Returns:
            Of each record its ``round`` and ``outcome``.

        Raises:
            UserError: the records are damaged, or what the scorer gives can't be recorded.
        """
        if not self.keeps_texts:
            raise NotKeptError(not_kept(store.root, self.scorer.name))
        frame = read_piece(store, piece, self._wanted, version)
        table = self._table(store, frame, self._graded(store, piece, frame))
        put_noted(store, self.scores.piece(piece), scores_bytes(table))
        store.remove(self.scores.part(piece))
        return [{"round": row["round"], "outcome": row["value"]} for row in table]

    def put_held(self, store: Store, piece: Piece, data: bytes) -> None:
        """Store the scores that are held of a piece whose records, as a file, are about to be."""
        frame = pl.read_parquet(io.BytesIO(data), columns=["example", "round"])
        name = store.root.name
        graded = [self._held.pop((name, *key)) for key in frame.iter_rows()]
        scores = scores_bytes(self._table(store, frame, graded))
        put_noted(store, self.scores.piece(piece), scores, replace=True)

    def _table(
        self, store: Store, frame: pl.DataFrame, graded: Sequence[Score]
    ) -> list[dict[str, Any]]:
        """The rows of a piece of scores; what the scores are is noted first."""
        self.note(store)
        keys = frame.select("example", "round").iter_rows()
        return [_row(example, at, s) for (example, at), s in zip(keys, graded, strict=True)]

    def look(self, arms: Arms) -> None:
        """Grade records whose texts are about to be withheld, by the names of their arms' folders;
        the scores are held until their pieces are stored.

        Raises:
            UserError: the scorer fails, or gives what can't be recorded.
        """
        meanings = self.scores.of_meanings
        shown = {
            arm: records.frame(rows).select(self._wanted) for arm, rows in arms.items() if rows
        }
        rows = {arm: list(self._rows(frame)) for arm, frame in shown.items()}
        distinct = {_looked_at(r): r for each in rows.values() for r in each if r is not None}
        scores = checked_scores(self.scorer, list(distinct.values()), self.scores.outcome)
        by_text = dict(zip(distinct, scores, strict=True))
        for arm, frame in shown.items():
            keys = frame.select("example", "round").iter_rows()
            for (example, number), row in zip(keys, rows[arm], strict=True):
                score = Score(None, UNREAD) if row is None else by_text[_looked_at(row)]
                # what a judge said may quote the answer; groups of samples are numbers
                said = score.said if meanings else ""
                self._held[arm, example, number] = replace(score, said=said)

    @property
    def _wanted(self) -> list[str]:
        """The columns that it needs of records."""
        samples = ["samples"] if "samples" in self.scorer.uses else []
        steps = ["steps"] if self.scorer.uses - {"samples"} else []
        return ["example", "round", "text", "problem", *samples, *steps]

    def _graded(self, store: Store, piece: Piece, frame: pl.DataFrame) -> list[Score]:
        rows = list(self._rows(frame))
        distinct = {_looked_at(r): r for r in rows if r is not None}
        by_text = self._scored(store, piece, distinct)
        unread = Score(None, UNREAD)
        return [unread if r is None else by_text[_looked_at(r)] for r in rows]

    def _scored(
        self, store: Store, piece: Piece, rows: Mapping[Hashable, Answered]
    ) -> dict[Hashable, Score]:
        """The scores of a piece's rows, those that were kept of it among them.

        What was graded is kept every few seconds, and where the scorer fails, so that nobody pays
        a judge twice.
        """
        where, outcome = self.scores.part(piece), self.scores.outcome
        found = {
            key: score
            for key, score in read_part(store, where, rows).items()
            if outcome.problem_with(score.value) is None
        }
        todo = [key for key in rows if key not in found]
        size, before = getattr(self.scorer, "at_once", 0) or max(1, len(todo)), len(found)
        saved = monotonic()
        try:
            for start in range(0, len(todo), size):
                keys = todo[start : start + size]
                scores = checked_scores(self.scorer, [rows[key] for key in keys], outcome)
                found.update(zip(keys, scores, strict=True))
                if monotonic() - saved >= EVERY and len(found) < len(rows):
                    self._keep(store, where, found)
                    saved = monotonic()
        except BaseException:  # Ctrl-C, too
            if len(found) > before:
                self._keep(store, where, found)
            raise
        return found

    def _keep(self, store: Store, where: str, found: Mapping[Hashable, Score]) -> None:
        self.note(store)
        store.put(where, part_bytes(found), replace=True)

    def note(self, store: Store) -> Scores:
        """Note what the scores are, further numbers that were given before among them."""
        now = self.scores
        before = self._noted.get(store) or next(
            (each for each in all_scores(store) if each.folder == now.folder), None
        )
        if before is not None:
            now = replace(now, values={**before.values, **now.values})
        if now != before:
            write_about(store, now)
        self._noted[store] = now
        return now

    def missing(self, store: Store, end: int) -> list[Piece]:
        """The pieces of records before a position whose scores aren't there."""
        there = scored_pieces(store, self.scores)
        for piece in there:  # whoever was killed between the two left both
            if store.has(part := self.scores.part(piece)):
                store.remove(part)
        return [p for p in pieces(store) if p.start < end and p not in there]

    def _rows(self, frame: pl.DataFrame) -> Iterator[Answered | None]:
        asked: dict[str, tuple[str, str | None]] = {}
        if "steps" in frame.columns:
            for example, steps in frame.select("example", "steps").iter_rows():
                if example not in asked:
                    question, reference = self.known(example)
                    asked[example] = (question or _asked(steps), reference)
        known = [n for n in ("example", "round", "text", "problem", "samples") if n in frame]
        for row in frame.select(known).iter_rows(named=True):
            example = row["example"]
            said = asked.get(example, ("", None))
            if "samples" in row:
                yield Answered(example, row["round"], "", *said, row["samples"] or ())
            elif row["problem"] is not None:
                yield None
            else:
                yield Answered(example, row["round"], row["text"], *said)


def _looked_at(row: Answered) -> Hashable:
    """What a score may depend on."""
    drawn = tuple(tuple(sample.values()) for sample in row.samples)
    return row.prompt, row.answer, row.reference, drawn


def graders_of(ready: Prepared) -> list[Grader]:
    """Who grades the answers of runs, and who says what their samples mean, where anybody does.

    Raises:
        UserError: there is no such scorer, or it can't be opened.
    """
    spec, outcome = ready.spec, ready.task.outcome
    wanted = [(spec.scorer.name or outcome.scorer, spec.scorer.options)]
    if spec.samples.k:
        wanted.append((_meanings(ready), spec.meanings.options))
    found = []
    for name, options in wanted:
        if name not in ("", scorers.NONE):
            scorer = scorers.load(name, options)
            knows = bool(scorer.uses - {"samples"})
            known = _known(ready.task, ready.examples[: ready.wanted]) if knows else _nothing
            found.append(Grader(scorer, outcome, known, ready.task.keeps_texts))
    return found


def _meanings(ready: Prepared) -> str:
    """The scorer that says what samples mean: the one that is named, or as fits the task."""
    name = ready.spec.meanings.name
    if name == scorers.NONE:
        return name
    return PREFIX + (name or usual(ready.task.meanings))


def _known(task: Task, examples: Iterable[Example]) -> Known:
    """What a task knows of its examples."""
    by_id = {example.id: example for example in examples}

    def known(name: str) -> tuple[str | None, str | None]:
        if name not in by_id:
            return None, None
        return task.ask(by_id[name])["question"], task.reference(by_id[name])

    return known


def _asked(steps: Iterable[Mapping[str, Any]]) -> str:
    """What the user said before the first reply."""
    said = []
    for step in steps:
        if step["kind"] != "say":
            break
        if step["role"] == "user" and step["shown"]:
            said.append(step["text"])
    return "\n\n".join(said)


def _row(example: str, at: int, score: Score) -> dict[str, Any]:
    return {
        "example": example,
        "round": at,
        "value": plain(score.value),
        "problem": score.problem if score.value is None else None,
        "values": [{"name": n, "value": v} for n, v in plainly(score.values).items()],
        "said": score.said,
    }


@dataclass(frozen=True, slots=True)
class Graded:
    """How far grading is.

    Attributes:
        dialogues, wanted: graded, and to be graded, of this run or control.
        mean: of the outcomes given so far; ``None`` where there is none.
    """

    dialogues: int
    wanted: int
    mean: float | None


def grade(
    run: Run,
    scorer: Scorer | str,
    *,
    options: Mapping[str, Any] | None = None,
    controls: bool = True,
    tell: Callable[[str, Graded], None] | None = None,
) -> Run:
    """Grade a run's answers, or what is missing of them.

    Args:
        run: complete or not; what it has is graded.
        scorer: a scorer, or its name (:func:`selfcorrect.scorers.names`).
        options: the scorer's own, beside a name.
        controls: grade the run's controls, too, so that it can be compared with them.
        tell: told how far it is, with the name of the arm.

    Returns:
        The run as it is looked at with these scores.

    Raises:
        UserError: there is no such scorer, or it fails; what was graded is kept.
    """
    named = scorer if isinstance(scorer, str) else scorer.name
    if named.startswith(PREFIX) and not run.header.spec.samples.k:
        raise UserError(
            f"{run.folder} has no samples, so there is nothing whose meaning {named} could say: "
            "make a run with --samples 5."
        )
    opened = scorers.load(scorer, options) if isinstance(scorer, str) else scorer
    known = _known_of(run, opened) if opened.uses - {"samples"} else _nothing
    grader = Grader(opened, run.header.outcome, known, run.keeps_texts)
    beside = [run.control(name) for name in run.header.controls] if controls else []
    for each in [run, *(b for b in beside if b is not None)]:
        store = Store(each.folder)
        missing = grader.missing(store, each.wanted)
        done, total, of = each.dialogues - sum(p.end - p.start for p in missing), 0.0, 0
        for piece in missing:
            try:
                rows = grader.grade(store, piece, each.header.version)
            except UserError as error:
                raise kept(error) from error
            outcomes = [row["outcome"] for row in rows if row["outcome"] is not None]
            total, of = total + sum(outcomes), of + len(outcomes)
            done += piece.end - piece.start
            if tell is not None:
                told = Graded(min(done, each.wanted), each.wanted, total / of if of else None)
                tell(each.spec.strategy.name, told)
        if pieces(store):
            grader.note(store)
    return run.seen_by(grader.note(Store(run.folder)))


def _known_of(run: Run, scorer: Scorer) -> Known:
    """What a run's task knows of its examples. Of a task from outside, whose code isn't run for
    this, and of records of an earlier version nobody knows it.

    Raises:
        UserError: the data aren't there, or aren't those of the run: what a scorer was shown of
            some answers, it has to be shown of all.
    """
    task, why, _ = opened_task(run)
    if task is not None:
        return _known(task, task.examples())
    if is_own(run.header.spec.task.name) or run.header.version != records.VERSION:
        return _nothing
    raise UserError(
        f"{scorer.name} is shown what was asked, and the data of {run.folder} can't tell it "
        f"({why.rstrip('.')}): put them back as they were, or say with --data where they lie."
    )


def kept(error: UserError) -> UserError:
    """The same, with what became of the answers."""
    said = str(error).rstrip(".")
    if isinstance(error, NotKeptError) or "the same command again" in said:  # of a full disk, say
        return error
    return UserError(
        f"{said}; the answers are kept, and the same command grades the rest.", trace=error.trace
    )
