"""Dialogues that go on by themselves, each on a thread: models whose servers take many at a time.

A server answers when it answers; waiting for the slowest of a chunk would leave it idle. What a
dialogue said is paid for, so each one that is finished is kept at once, in the run's journal: the
same command takes it from there. One that a server doesn't give its replies, for a reason of its
own, is set aside and missing in what is stored: the same command tries it again.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field

import polars as pl

from selfcorrect import records
from selfcorrect.interrupts import waking
from selfcorrect.models.base import LostError, Model
from selfcorrect.runs.aside import Aside, add
from selfcorrect.runs.executors.base import Executor, Job, JobResult, Observer, Taken, added
from selfcorrect.runs.executors.worker import Worker, job_result
from selfcorrect.runs.pieces import Piece, gaps, pieces
from selfcorrect.runs.store import Store
from selfcorrect.runs.tally import tally
from selfcorrect.runs.waited import read_waits

_JOURNAL = "journal"
_KEPT = re.compile(r"journal/(?P<at>\d{7,12})-(?P<arms>[0-9a-f]{8})\.json")


def dialogues_at_a_time(models: Iterable[Model]) -> int:
    """How many dialogues may be under way at a time; 0 if one of the models takes chunks only."""
    return min((model.in_flight for model in models), default=0)


def executor(worker: Worker, stores: Sequence[Store], observer: Observer) -> Executor:
    """An executor with a thread for each dialogue under way.

    Args:
        worker: its models take dialogues by themselves.
        stores: of the runs that were asked for; the journal is kept in the first, and read in all,
            as an earlier command may have named another first.
        observer: called after every round.
    """

    def work(jobs: Iterable[Job]) -> Iterator[JobResult]:
        # a dialogue that was graded before its texts were withheld has its scores in memory only
        journal = Journal(stores, keeps=worker.look is None)
        return _work(jobs, worker, journal, observer)

    return Executor(worker.transcripts(), worker.opened(), work)


class Journal:
    """Finished dialogues of jobs that aren't; none where it doesn't keep them."""

    def __init__(self, stores: Sequence[Store], *, keeps: bool = True) -> None:
        self._own = stores[0]
        self._keeps = keeps
        self._kept = {name: store for store in stores for name in store.list(_JOURNAL)}

    def keep(self, job: Job, at: int, taken: Taken) -> None:
        """Keep a dialogue of a job."""
        if self._keeps:
            data = json.dumps(asdict(taken)).encode()
            self._own.put(_name(job, at), _digest(data) + b"\n" + data, replace=True)

    def read(self, job: Job, at: int) -> Taken | None:
        """A dialogue of a job; ``None`` if it wasn't kept as it stands there, or isn't that of
        these arms."""
        name = _name(job, at)
        if name not in self._kept or not self._keeps:
            return None
        try:
            digest, _, data = self._kept[name].read(name).partition(b"\n")
            if digest != _digest(data):  # it would be stored as what a model said
                return None
            kept = json.loads(data)
            asked, waited = dict(kept.get("asked", {})), kept.get("waited", {})
            taken = Taken(kept["rows"], int(kept["encoded"]), asked, read_waits(waited))
            ids = {row["example"] for mine in taken.rows.values() for row in mine}
            for mine in taken.rows.values():  # a stranger's digest is right, too
                records.frame(mine)
                tally({}, "", mine)
                sum(row["encoded"] + row["sampled"] for row in mine)
            added({}, asked)
        except (
            ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError,
            pl.exceptions.PolarsError, pl.exceptions.PanicException,
        ):  # fmt: skip
            return None
        if set(taken.rows) != set(job.arms) or ids != {job.examples[at].id}:
            return None
        return taken

    def drop(self, job: Job) -> None:
        """The job is stored: its dialogues need no keeping."""
        for at in range(len(job.examples)):
            name = _name(job, at)
            for store in {self._own, self._kept.get(name, self._own)}:
                store.remove(name)


def _name(job: Job, at: int) -> str:
    """Of position and arms: two plans may go through the same position."""
    return f"{_JOURNAL}/{job.piece.start + at:07}-{_arms(job.arms)}.json"


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).hexdigest().encode()


def _arms(names: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(names).encode(), digest_size=4).hexdigest()


def clear(stores: Mapping[str, Store], plans: Iterable[Sequence[str]]) -> None:
    """Remove what journals hold of dialogues whose records are there: whoever was killed between
    storing a piece and removing them left both.

    Args:
        stores: of the runs that a command was given, by the names of their folders.
        plans: the arms that went through some positions together. One of other arms is left alone.
    """
    known = {_arms(names): names for names in plans}
    held: dict[str, list[Piece]] = {}
    for store in stores.values():
        for name in store.list(_JOURNAL):
            found = _KEPT.fullmatch(name)
            if found is None or (arms := known.get(found["arms"])) is None:
                continue
            for arm in arms:
                if arm not in held:
                    held[arm] = pieces(stores[arm]) if arm in stores else []
            at = int(found["at"])
            if not any(gaps(held[arm], at, at + 1) for arm in arms):
                store.remove(name)


@dataclass
class _OpenJob:
    """A job under way: its dialogues that are through, and those that were set aside, by their
    place in it."""

    job: Job
    since: float = field(default_factory=time.perf_counter)
    taken: dict[int, Taken] = field(default_factory=dict)
    aside: dict[int, Aside] = field(default_factory=dict)

    @property
    def wanted(self) -> list[int]:
        """The places of those that some arm lacks: the others needn't be asked for again."""
        start = self.job.piece.start
        missing = [each for mine in self.job.missing.values() for each in mine]
        every = range(len(self.job.examples))
        return [at for at in every if any(low <= start + at < high for low, high in missing)]


def _work(
    jobs: Iterable[Job], worker: Worker, journal: Journal, observer: Observer
) -> Iterator[JobResult]:
    most = dialogues_at_a_time(worker.models)
    dialogues = _dialogues(jobs, journal)
    waiting: dict[Future[Taken], tuple[_OpenJob, int]] = {}
    aside: dict[int, Aside] = {}
    waking()
    with ThreadPoolExecutor(most, thread_name_prefix="dialogue") as threads:
        try:
            more = True
            while more or waiting:
                while more and len(waiting) < most:
                    found = next(dialogues, None)
                    more = found is not None
                    if found is None:
                        break
                    opened, at = found
                    if at is None:
                        yield from _finished(opened, journal, most)
                        continue
                    future = threads.submit(_dialogue, opened.job, at, worker, journal, observer)
                    waiting[future] = (opened, at)
                through, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in through:
                    opened, at = waiting.pop(future)
                    try:
                        opened.taken[at] = future.result()
                    except LostError as lost:
                        opened.aside[at] = one = Aside(opened.job.examples[at].id, str(lost))
                        setup, place = worker.setup, opened.job.piece.start + at
                        add(aside, {place: one}, setup.shared.max_failed, setup.wanted)
                    yield from _finished(opened, journal, most)
        except KeyboardInterrupt:
            for model in worker.models:
                model.cancel()
            threads.shutdown(wait=False, cancel_futures=True)
            raise
        except BaseException:
            # what is under way is finished and kept, as far as it gets
            threads.shutdown(wait=True, cancel_futures=True)
            raise


def _dialogues(jobs: Iterable[Job], journal: Journal) -> Iterator[tuple[_OpenJob, int | None]]:
    """Every dialogue of every job that isn't in the journal; ``None`` for a job that is there."""
    for job in jobs:
        opened = _OpenJob(job)
        for at in opened.wanted:
            taken = journal.read(job, at)
            if taken is not None:
                opened.taken[at] = taken
        missing: list[int | None] = [at for at in opened.wanted if at not in opened.taken]
        for each in missing or [None]:
            yield opened, each


def _finished(opened: _OpenJob, journal: Journal, most: int) -> Iterator[JobResult]:
    """The job, if all its dialogues are through; its journal goes once that is stored."""
    job = opened.job
    if len(opened.taken) + len(opened.aside) < len(opened.wanted):
        return
    every = [opened.taken[at] for at in sorted(opened.taken)]
    whole = Taken({name: [] for name in job.arms})
    for taken in every:
        whole += taken
    seconds = time.perf_counter() - opened.since
    lost = {job.piece.start + at: each for at, each in opened.aside.items()}
    result = job_result(job, whole, seconds, min(most, len(every) or 1), lost)
    opened.taken = {}
    yield result
    journal.drop(job)


def _dialogue(job: Job, at: int, worker: Worker, journal: Journal, observer: Observer) -> Taken:
    """Take one dialogue through its rounds, and keep it."""
    taken = worker.through(job, [job.examples[at]], observer)
    journal.keep(job, at, taken)
    return taken
