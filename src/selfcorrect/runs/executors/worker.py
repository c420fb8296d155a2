"""A worker: open models that take a job through its rounds, and turn its records into files."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfcorrect import converse as loop
from selfcorrect.models.base import Model, OutOfMemoryError
from selfcorrect.runs.arms import open_model
from selfcorrect.runs.executors.base import Job, JobResult, Observer, Rows, Setup, rows_at
from selfcorrect.runs.pieces import Piece, piece_bytes, timing_note
from selfcorrect.runs.tally import Graded, tally
from selfcorrect.tasks.base import Example


@dataclass
class Worker:
    """Open models, and how many dialogues go through them at a time."""

    setup: Setup
    model: Model
    others: Mapping[str, Model]
    batch: int

    @classmethod
    def open(
        cls, setup: Setup, model: Model | None = None, opened: Mapping[str, Model] | None = None
    ) -> Worker:
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
        return " + ".join(filter(None, (model.spent() for model in self.models)))

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

    def opened(self) -> dict[str, Mapping[str, Any]]:
        """What the models say of themselves, of those that do."""
        every = {"model": self.model, **self.others}
        return {name: model.about for name, model in every.items() if model.about}

    def rows(
        self, job: Job, examples: Sequence[Example], observer: Observer | None
    ) -> dict[str, Rows]:
        """Take some of a job's examples through all rounds of its arms."""

        def on_round(arm: str, number: int, found: Rows) -> None:
            if observer:
                observer.round(job, arm, number, found)

        arms = {name: self.setup.arms[name] for name in job.arms}
        return {
            **loop.converse(
                self.model,
                self.setup.task,
                examples,
                [
                    loop.Arm(name, arm.strategy, arm.spec.rounds, arm.spec.system, self.others)
                    for name, arm in arms.items()
                ],
                seed=self.setup.spec.seed,
                on_round=on_round,
            )
        }

    def take(self, job: Job, observer: Observer | None = None) -> JobResult:
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
                for name, found in self.rows(job, some, observer).items():
                    rows[name] += found
                done += len(some)
                if observer:
                    observer.keep(job)
            except OutOfMemoryError:
                if len(some) == 1:
                    raise
                if observer:
                    observer.again(job)
                self.batch = -(-len(some) // 2)
        seconds = time.perf_counter() - started
        return job_result(job, rows, seconds, min(self.batch, len(job.examples)))


def job_result(job: Job, rows: Mapping[str, Rows], seconds: float, batch: int) -> JobResult:
    """Turn a job's records into the files that are missing."""
    files: list[tuple[str, Piece, bytes]] = []
    graded: Graded = {}
    for name in job.arms:
        for start, end in job.missing[name]:
            mine = rows_at(rows[name], job, [(start, end)])
            tally(graded, name, mine)
            files.append((name, Piece(job.piece.chunk, start, end), piece_bytes(mine)))
    note = timing_note(seconds, len(job.examples)) | {"arms": list(job.arms), "device_batch": batch}
    return JobResult(job, files, note, graded)
