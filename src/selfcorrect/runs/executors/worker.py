"""A worker: open models that take a job through its rounds, and turn its records into files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from selfcorrect import converse as loop
from selfcorrect.concepts.recording import Recorder
from selfcorrect.concepts.states import check_model
from selfcorrect.converse.withheld import withheld
from selfcorrect.models.base import LostError, Model, OutOfMemoryError, Steer
from selfcorrect.models.used import Used
from selfcorrect.runs.arms import Arm, drawn
from selfcorrect.runs.aside import Aside, around
from selfcorrect.runs.concepts import steers_of
from selfcorrect.runs.executors.base import (
    Job,
    JobResult,
    Observer,
    Rows,
    Setup,
    Taken,
    added,
    rows_at,
)
from selfcorrect.runs.executors.watch import Watch
from selfcorrect.runs.model_spec import ModelSpec
from selfcorrect.runs.pieces import Piece, piece_bytes, timing_note
from selfcorrect.runs.prepare import open_model
from selfcorrect.runs.tally import Graded, tally
from selfcorrect.runs.waited import rounded
from selfcorrect.strategies import Steering
from selfcorrect.tasks.base import Example


@dataclass
class Worker:
    """Open models, and how many dialogues go through them at a time.

    Attributes:
        model: who answers.
        others: further models of the arms.
        recorder: reads concepts in the model's passes.
        steers: what the model is given for the steers that strategies state.
        look: called with the records of dialogues by arm, those that are missing, before their
            texts are withheld; whoever grades them can't later.
        watch: stops the run where its first thoughts are cut off.
    """

    setup: Setup
    model: Model
    others: Mapping[ModelSpec, Model]
    batch: int
    recorder: Recorder | None = None
    steers: Mapping[Steering, Steer] = field(default_factory=dict)
    look: Callable[[Mapping[str, Rows]], None] | None = None
    watch: Watch = field(default_factory=Watch)

    @classmethod
    def open(
        cls,
        setup: Setup,
        model: Model | None = None,
        opened: Mapping[ModelSpec, Model] | None = None,
    ) -> Worker:
        """Open the models of all arms, each once, but those that are open already.

        Args:
            setup: the arms.
            model: who answers, if it is open.
            opened: see ``Prepared.opened``.
        """
        main, there = setup.shared.model, dict(opened or {})
        own = model or there.get(main) or open_model(main)
        if model is None:  # one that was given may be another than its name says
            there[main] = own
        for arm in setup.arms.values():
            for name, spec in arm.spec.models.items():
                if not arm.is_own(name):
                    there[spec] = there.get(spec) or open_model(spec)
        for concept in setup.concepts:
            check_model(concept, own)
        recorder = Recorder(setup.concepts) if setup.concepts else None
        strategies = [arm.strategy for arm in setup.arms.values()]
        steers = steers_of(strategies, {concept.name: concept for concept in setup.concepts})
        for steer in steers.values():
            own.check_steer(steer)
        return cls(setup, own, there, setup.shared.chunk, recorder, steers)

    @property
    def models(self) -> list[Model]:
        """The main one, then the others."""
        others = {id(model): model for model in self.others.values() if model is not self.model}
        return [self.model, *others.values()]

    def spent(self) -> str:
        """What the servers' models have used so far, in words."""
        return " + ".join(filter(None, (model.spent() for model in self.models)))

    def used(self) -> list[Used]:
        """The same of each of them, in numbers."""
        return [model.used for model in self.models]

    def transcripts(self) -> dict[str, str]:
        """What each arm shows the model before it first speaks, special tokens in place."""
        found = {}
        for name, arm in self.setup.arms.items():
            conversation = self.model.open(1)
            messages, prefill = loop.beginning(
                self.setup.task, self.setup.first, arm.strategy, arm.spec.system
            )
            conversation.restart([messages])
            found[name] = conversation.render(0, prefill)
            conversation.close([0])
        return found

    def opened(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What the models of each arm say of themselves, of those that do."""
        found = {}
        for name, arm in self.setup.arms.items():
            every = {"model": self.model, **self._bound(arm)}
            found[name] = {who: dict(model.about) for who, model in every.items() if model.about}
        return found

    def _bound(self, arm: Arm) -> dict[str, Model]:
        """The further models of an arm, by their names in it."""
        return {
            name: self.model if arm.is_own(name) else self.others[spec]
            for name, spec in arm.spec.models.items()
        }

    def through(self, job: Job, examples: Sequence[Example], observer: Observer | None) -> Taken:
        """Take some of a job's examples through all rounds of its arms."""
        taken = Taken({})

        def on_round(arm: str, number: int, found: Rows) -> None:
            self.watch.look(found, len(job.examples))
            if observer:
                observer.round(job, arm, number, found)

        def on_encoded(tokens: int) -> None:
            taken.encoded += tokens

        def on_asked(name: str, seconds: float) -> None:
            taken.asked = added(taken.asked, {name: seconds})

        def on_waited(arm: str, waited: loop.Waited) -> None:
            mine = taken.waited.setdefault(arm, {})
            for example, seconds in waited.items():
                mine.setdefault(example, []).append(rounded(seconds))

        arms = [
            loop.Arm(name, arm.strategy, arm.spec.rounds, arm.spec.system, self._bound(arm))
            for name, arm in ((name, self.setup.arms[name]) for name in job.arms)
        ]
        task = self.setup.task
        rows = loop.converse(
            self.model,
            task,
            examples,
            arms,
            seed=self.setup.shared.seed,
            samples=drawn(self.setup.shared),
            recorder=self.recorder,
            steers=self.steers,
            max_tokens=self.setup.shared.max_tokens,
            on_round=on_round,
            on_encoded=on_encoded,
            on_asked=on_asked,
            on_waited=on_waited,
            on_answer=None if observer is None else partial(observer.answered, job),
        )
        if not task.keeps_texts:
            if self.look is not None:
                self.look({name: rows_at(rows[name], job, job.missing[name]) for name in job.arms})
            for arm in arms:
                rows[arm.name] = withheld(rows[arm.name], task, examples, arm.strategy, arm.system)
        taken.rows = {**rows}
        return taken

    def take(self, job: Job, observer: Observer | None = None) -> JobResult:
        """Take a piece through its rounds, its dialogues together as far as memory allows.

        A full device halves the batch.

        Raises:
            OutOfMemoryError: not even one dialogue fits.
        """
        started = time.perf_counter()
        taken = Taken({name: [] for name in job.arms})
        lost: dict[int, Aside] = {}
        done = 0
        while done < len(job.examples):
            some = job.examples[done : done + self.batch]
            try:
                taken += self.through(job, some, observer)
                done += len(some)
                if observer:
                    observer.keep(job)
            except LostError as error:
                if len(some) > 1:  # of which dialogue isn't known
                    raise
                lost[job.piece.start + done] = Aside(some[0].id, str(error))
                done += 1
                if observer:
                    observer.again(job)
            except OutOfMemoryError:
                if len(some) == 1:
                    raise
                if observer:
                    observer.again(job)
                self.batch = -(-len(some) // 2)
        seconds = time.perf_counter() - started
        lost = _missing(job, {**lost, **_lost(job, taken.rows)})
        return job_result(job, taken, seconds, min(self.batch, len(job.examples)), lost)


def _missing(job: Job, lost: Mapping[int, Aside]) -> dict[int, Aside]:
    """Those that some arm lacks: the others are stored already, and went along."""
    every = [interval for mine in job.missing.values() for interval in mine]
    return {at: one for at, one in lost.items() if any(start <= at < end for start, end in every)}


def _lost(job: Job, rows: Mapping[str, Rows]) -> dict[int, Aside]:
    """The dialogues of a job in some arm of which a reply was lost, by position."""
    why = {
        row["example"]: note["text"]
        for mine in rows.values()
        for row in mine
        if row["problem"] == "lost"
        for note in row["notes"]
        if note["code"] == "lost"
    }
    places = {example.id: job.piece.start + at for at, example in enumerate(job.examples)}
    return {places[example]: Aside(example, text) for example, text in why.items()}


def job_result(
    job: Job, taken: Taken, seconds: float, batch: int, lost: Mapping[int, Aside]
) -> JobResult:
    """Turn a job's records into the files that are missing, but for the dialogues that were set
    aside, by position."""
    files: list[tuple[str, Piece, bytes]] = []
    graded: Graded = {}
    for name in job.arms:
        for start, end in around(job.missing[name], lost):
            mine = rows_at(taken.rows[name], job, [(start, end)])
            tally(graded, name, mine)
            files.append((name, Piece(job.piece.chunk, start, end), piece_bytes(mine)))
    note = timing_note(seconds, len(job.examples)) | {
        "arms": list(job.arms),
        "device_batch": batch,
        "encoded": taken.encoded,
        "alone": {
            name: sum(row["encoded"] + row["sampled"] for row in taken.rows[name])
            for name in job.arms
        },
        **({"asked": {k: round(s, 3) for k, s in taken.asked.items()}} if taken.asked else {}),
    }
    return JobResult(job, files, note, graded, lost, taken.waited)
