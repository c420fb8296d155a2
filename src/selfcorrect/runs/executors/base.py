"""What every executor is given and gives back.

Whoever does the work, what comes back is the same, byte for byte, so that storing it is all that
is left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from selfcorrect.concepts.file import Concept
from selfcorrect.errors import UserError
from selfcorrect.models.base import Model
from selfcorrect.models.kinds import kind_of
from selfcorrect.runs.arms import Arm
from selfcorrect.runs.aside import Aside
from selfcorrect.runs.pieces import Piece
from selfcorrect.runs.spec import RunSpec
from selfcorrect.runs.tally import Graded
from selfcorrect.runs.waited import Waits
from selfcorrect.tasks.base import Example, Task

_LOG = logging.getLogger("selfcorrect")
Rows = Sequence[Mapping[str, Any]]


#: More processes than that on one machine are a slip of the pen.
_MOST_WORKERS = 1024


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """Who takes the pieces of a run through their rounds.

    Attributes:
        workers: processes, or with ``ray`` actors, that each hold the models; ``None``: this
            process, or with ``ray`` as many as the cluster has room for.
        ray: the address of a Ray cluster.
        cpus, gpus: what each actor takes of it.
    """

    workers: int | None = None
    ray: str | None = None
    cpus: float = 1
    gpus: float = 0

    @property
    def many(self) -> bool:
        """Whether others than this process do the work."""
        return self.ray is not None or (self.workers or 1) > 1

    def check(self, specs: Sequence[RunSpec], model: Model | None) -> None:
        """Check that these can be run so.

        Args:
            model: one that is open already.

        Raises:
            UserError: they can't.
        """
        many = self.many
        models = [m for spec in specs for m in (spec.model, *spec.models.values())]
        if self.workers is not None and self.workers < 1:
            raise UserError(f"workers must be at least 1, not {self.workers}.")
        if self.workers is not None and self.workers > _MOST_WORKERS:
            raise UserError(f"workers must be at most {_MOST_WORKERS:,}, not {self.workers}.")
        if many and model is not None:
            raise UserError(
                "workers open the model for themselves: give its name, not an open one."
            )
        if many and any(kind_of(m.name) == "function" for m in models):
            raise UserError(
                "workers are processes of their own, which don't have the function that gives "
                "feedback: leave workers out, or name a model."
            )
        if many and any(m.is_served for m in models):
            raise UserError(
                "the work is done by the model's server, so more workers don't help: give "
                "model.in_flight=N for more dialogues at a time."
            )


@dataclass(frozen=True, slots=True)
class Setup:
    """What is the same for all jobs of a command; a worker is made of it.

    Attributes:
        arms: by the names of their folders.
        task: asks, reads and grades.
        first: the first example.
        concepts: that are read where the model answers.
        wanted: so many dialogues each arm is to have.
    """

    arms: Mapping[str, Arm]
    task: Task
    first: Example
    concepts: Sequence[Concept] = ()
    wanted: int = 1

    @property
    def shared(self) -> RunSpec:
        """A spec with the model, seed, samples and chunk of all arms."""
        return next(iter(self.arms.values())).spec


@dataclass(frozen=True, slots=True)
class Job:
    """A piece, its examples, the arms that go through it together, and what of each is missing.

    Arms go by the names of their folders.
    """

    piece: Piece
    examples: Sequence[Example]
    arms: tuple[str, ...]
    missing: Mapping[str, Sequence[tuple[int, int]]]


@dataclass(slots=True)
class Taken:
    """Some of a job's dialogues, through all their rounds.

    Attributes:
        rows: arm → its records.
        encoded: tokens that went through the models for all arms together.
        asked: seconds that the replies of further models took, by their name in the strategies.
        waited: arm → how long each of the dialogues was waited for.
    """

    rows: dict[str, Rows]
    encoded: int = 0
    asked: dict[str, float] = field(default_factory=dict)
    waited: dict[str, dict[str, Waits]] = field(default_factory=dict)

    def __add__(self, other: Taken) -> Taken:
        rows = {name: [*mine, *other.rows[name]] for name, mine in self.rows.items()}
        waited = {
            name: {**self.waited.get(name, {}), **other.waited.get(name, {})} for name in rows
        }
        asked = added(self.asked, other.asked)
        return Taken({**rows}, self.encoded + other.encoded, asked, waited)


def added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """The sums by name."""
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}


@dataclass(frozen=True, slots=True)
class JobResult:
    """A finished job: files to store, by arm, and what they say of the progress.

    Attributes:
        files: arm, piece and the bytes of its records.
        note: how long it took, for ``timing/``.
        graded: of the records in ``files``.
        waited: as of :class:`Taken`.
        aside: dialogues of it that have none, by position.
    """

    job: Job
    files: Sequence[tuple[str, Piece, bytes]]
    note: Mapping[str, Any]
    graded: Graded
    aside: Mapping[int, Aside] = field(default_factory=dict)
    waited: Mapping[str, Mapping[str, Waits]] = field(default_factory=dict)

    def note_of(self, arm: str, piece: Piece) -> Mapping[str, Any]:
        """What is noted of one of its files."""
        start, waited = self.job.piece.start, self.waited.get(arm, {})
        mine = self.job.examples[piece.start - start : piece.end - start]
        told = [waited.get(example.id) for example in mine]
        known = (each is not None for waits in told for seconds in waits or () for each in seconds)
        return {**self.note, "waited": told} if any(known) else self.note


class Observer(Protocol):
    """Told how far a job is."""

    def round(self, job: Job, arm: str, round: int, rows: Rows) -> None:
        """An arm finished a round of these dialogues."""
        ...

    def answered(self, job: Job, arms: Sequence[str], round: int, example: str) -> None:
        """A dialogue has its answer of a round, of one arm or of several that share it, and others
        of the job don't have theirs yet."""
        ...

    def again(self, job: Job) -> None:
        """What was reported of the job since its last :meth:`keep` doesn't count."""
        ...

    def keep(self, job: Job) -> None:
        """What was reported of the job so far counts."""
        ...

    def lost(self, job: Job) -> None:
        """Nothing of what was reported of the job counts: whoever had it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Executor:
    """Takes jobs through their rounds.

    Attributes:
        transcripts: arm → the first example's first prompt, as the model is shown it.
        opened: arm → what its models say of themselves once they are open, by their name in it.
        work: finished jobs, in whatever order.
    """

    transcripts: Mapping[str, str]
    opened: Mapping[str, Mapping[str, Mapping[str, Any]]]
    work: Callable[[Iterable[Job]], Iterator[JobResult]]

    def tell(self) -> None:
        """Log, once, whether the models are to think."""
        opened = (about for every in self.opened.values() for about in every.values())
        for said in dict.fromkeys(about["thinking"] for about in opened if "thinking" in about):
            _LOG.warning("selfcorrect: %s", said)


def missing_of(job: Job, arm: str) -> frozenset[str]:
    """The examples of a job that an arm lacks."""
    start = job.piece.start
    lacks = job.missing[arm]
    return frozenset(e.id for a, b in lacks for e in job.examples[a - start : b - start])


def rows_at(rows: Rows, job: Job, intervals: Sequence[tuple[int, int]]) -> Rows:
    """The rows of a job's dialogues at these positions of the run."""
    piece = job.piece
    if list(intervals) == [(piece.start, piece.end)]:
        return rows
    ids = {e.id for a, b in intervals for e in job.examples[a - piece.start : b - piece.start]}
    return [row for row in rows if row["example"] in ids]
