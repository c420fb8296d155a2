"""A piece of a run taken through its rounds: what whoever does that needs, and what comes back.

Who does it (this process, threads, processes, other machines) is chosen in :mod:`.execute`; what
comes back is the same, byte for byte, so that storing it is all that is left to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from selfcorrect import models
from selfcorrect.models.base import Model, OutOfMemoryError
from selfcorrect.runs.folder import Piece, piece_bytes, timing
from selfcorrect.runs.spec import ModelSpec, RunSpec
from selfcorrect.strategies.base import Strategy
from selfcorrect.tasks.base import Example, Task

Rows = Sequence[Mapping[str, Any]]
#: Sum of the outcomes and number of graded answers, by arm and round.
Graded = dict[tuple[str, int], tuple[float, int]]


@dataclass(frozen=True, slots=True)
class Setup:
    """What is the same for all pieces of a command.

    Attributes:
        spec: of the run itself; its models are those of all arms.
        task: asks, reads and grades.
        strategies: arm → its strategy and how many rounds of it are run.
        first: the run's first example.
    """

    spec: RunSpec
    task: Task
    strategies: Mapping[str, tuple[Strategy, int]]
    first: Example


@dataclass(frozen=True, slots=True)
class Job:
    """A piece, its examples, the arms that go through it together, and what of each is lacking."""

    piece: Piece
    examples: Sequence[Example]
    arms: tuple[str, ...]
    lacking: Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Done:
    """A finished job: files to store, by arm, and what they say of the progress.

    Attributes:
        files: arm, piece and the bytes of its records.
        note: how long it took, for ``timing/``.
        graded: of the records in ``files``.
    """

    job: Job
    files: Sequence[tuple[str, Piece, bytes]]
    note: Mapping[str, Any]
    graded: Graded


class Watch(Protocol):
    """Told how far a job is."""

    def round(self, job: Job, arm: str, round: int, rows: Rows) -> None:
        """An arm finished a round of these dialogues."""
        ...

    def again(self, job: Job) -> None:
        """What was told of the job since its last :meth:`keep` is void."""
        ...

    def keep(self, job: Job) -> None:
        """What was told of the job so far stands."""
        ...


@dataclass(frozen=True, slots=True)
class Crew:
    """Who takes pieces through their rounds.

    Attributes:
        transcripts: arm → the first example's first prompt, as the model is shown it.
        about: what the models' servers are and can do, by the model's name in the run.
        work: finished jobs, in whatever order.
    """

    transcripts: Mapping[str, str]
    about: Mapping[str, Mapping[str, Any]]
    work: Callable[[Iterable[Job]], Iterator[Done]]


@dataclass
class Bench:
    """Open models, and how many dialogues go through them at a time."""

    setup: Setup
    model: Model
    others: Mapping[str, Model]
    batch: int

    @classmethod
    def open(
        cls, setup: Setup, model: Model | None = None, opened: Mapping[str, Model] | None = None
    ) -> Bench:
        """Open the models of a run, but those that are open already: see ``Prepared.opened``."""
        spec, there = setup.spec, opened or {}
        main = model or there.get("") or open_model(spec.model)
        others = {name: there.get(name) or open_model(m) for name, m in spec.models.items()}
        return cls(setup, main, others, spec.chunk)

    @property
    def models(self) -> list[Model]:
        """The main one, then the others."""
        return [self.model, *self.others.values()]

    def spent(self) -> str:
        """What the servers' models have used so far, in words."""
        told = (model.spent() for model in self.models if hasattr(model, "spent"))
        return " + ".join(filter(None, told))

    def transcripts(self) -> dict[str, str]:
        """What each arm shows the model before it first speaks, special tokens in place."""
        from selfcorrect.converse import beginning

        found = {}
        for name, (strategy, _) in self.setup.strategies.items():
            conversation = self.model.open(1)
            messages, prefill = beginning(
                self.setup.task, self.setup.first, strategy, self.setup.spec.system
            )
            conversation.restart([messages])
            found[name] = conversation.render(0, prefill)
            conversation.close([0])
        return found

    def about(self) -> dict[str, Mapping[str, Any]]:
        """What the servers are and can do."""
        every = {"model": self.model, **self.others}
        return {name: model.about for name, model in every.items() if hasattr(model, "about")}

    def rows(self, job: Job, examples: Sequence[Example], watch: Watch | None) -> dict[str, Rows]:
        """Take some of a job's examples through all rounds of its arms."""
        from selfcorrect.converse import Arm, converse

        def on_round(arm: str, number: int, found: Rows) -> None:
            if watch:
                watch.round(job, arm, number, found)

        strategies = self.setup.strategies
        return {
            **converse(
                self.model,
                self.setup.task,
                examples,
                [Arm(name, *strategies[name]) for name in job.arms],
                seed=self.setup.spec.seed,
                system=self.setup.spec.system,
                others=self.others,
                on_round=on_round,
            )
        }

    def take(self, job: Job, watch: Watch | None = None) -> Done:
        """Take a piece through its rounds, its dialogues together as far as memory allows.

        A full device halves the batch.

        Raises:
            OutOfMemoryError: not even one dialogue fits.
        """
        started = time.perf_counter()
        rows: dict[str, list[Mapping[str, Any]]] = {name: [] for name in job.arms}
        done = 0
        while done < len(job.examples):
            some = job.examples[done : done + self.batch]
            try:
                for name, found in self.rows(job, some, watch).items():
                    rows[name] += found
                done += len(some)
                if watch:
                    watch.keep(job)
            except OutOfMemoryError:
                if len(some) == 1:
                    raise
                if watch:
                    watch.again(job)
                self.batch = -(-len(some) // 2)
        seconds = time.perf_counter() - started
        return finish(job, rows, seconds, min(self.batch, len(job.examples)))


def open_model(spec: ModelSpec) -> Model:
    """Open a model as a spec names it."""
    return models.load(spec.name, spec.dtype, spec.device, **spec.served)


def finish(job: Job, rows: Mapping[str, Rows], seconds: float, batch: int) -> Done:
    """Turn a job's records into the files that are lacking."""
    files: list[tuple[str, Piece, bytes]] = []
    graded: Graded = {}
    for name in job.arms:
        for start, end in job.lacking[name]:
            mine = within(rows[name], job, [(start, end)])
            tally(graded, name, mine)
            files.append((name, Piece(job.piece.chunk, start, end), piece_bytes(mine)))
    note = timing(seconds, len(job.examples)) | {"arms": list(job.arms), "device_batch": batch}
    return Done(job, files, note, graded)


def within(rows: Rows, job: Job, intervals: Sequence[tuple[int, int]]) -> Rows:
    """The rows of the dialogues at these positions."""
    piece = job.piece
    if list(intervals) == [(piece.start, piece.end)]:
        return rows
    ids = {e.id for a, b in intervals for e in job.examples[a - piece.start : b - piece.start]}
    return [row for row in rows if row["example"] in ids]


def tally(found: Graded, arm: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Count an arm's records."""
    for row in rows:
        if row["outcome"] is not None:
            total, of = found.get((arm, row["round"]), (0.0, 0))
            found[arm, row["round"]] = (total + row["outcome"], of + 1)
