"""Pieces on several processes of this machine, each of which holds the models.

A process that dies, whatever killed it, costs the piece it had: it is replaced, and the piece is
started again. One that outlives this process ends with the next thing it wants to say.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import cloudpickle

from selfcorrect.errors import UserError
from selfcorrect.interrupts import undisturbed
from selfcorrect.runs.executors.base import Executor, Job, JobResult, Observer, Rows, Setup
from selfcorrect.runs.executors.worker import Worker

#: So often a piece may be under way when its process dies, before that is taken to be its fault.
DEATHS = 3
#: What is told of a record that isn't finished.
_COUNTED = ("example", "round", "outcome")


@dataclass
class _Process:
    process: SpawnProcess
    pipe: Connection
    ready: bool = False
    job: Job | None = None

    def send(self, job: Job) -> None:
        self.job = job
        with suppress(OSError):  # it has died: that is seen where its answer is awaited
            self.pipe.send(job)


@dataclass(frozen=True, slots=True)
class _Told:
    """What an observer is to be told of the piece that a process is at."""

    what: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piped:
    """An observer on the other side of the pipe."""

    pipe: Connection

    def round(self, job: Job, arm: str, round: int, rows: Rows) -> None:  # noqa: ARG002
        short = [{name: row[name] for name in _COUNTED} for row in rows]
        self._tell("round", arm, round, short)

    def answered(self, job: Job, arms: Sequence[str], round: int, example: str) -> None:  # noqa: ARG002
        self._tell("answered", arms, round, example)

    def again(self, job: Job) -> None:  # noqa: ARG002
        self._tell("again")

    def keep(self, job: Job) -> None:  # noqa: ARG002
        self._tell("keep")

    def lost(self, job: Job) -> None:  # noqa: ARG002
        self._tell("lost")

    def _tell(self, what: str, *args: Any) -> None:
        self.pipe.send(("told", _Told(what, args)))


@contextmanager
def executor(setup: Setup, number: int, observer: Observer) -> Iterator[Executor]:
    """An executor with several processes, a worker in each.

    Args:
        setup: what each of them is given; each opens the models for itself.
        number: how many.
        observer: told what each of them tells of its piece.

    Raises:
        UserError: what a process raised; or one piece's processes died again and again.
    """
    threads = max(1, (os.cpu_count() or 1) // number)
    packed = cloudpickle.dumps(setup)  # plain pickle refuses what a task defines within itself
    workers = [_start(packed, threads) for _ in range(number)]
    try:
        try:
            transcripts, opened = _heard(workers[0])
        except EOFError:
            raise UserError(
                f"a worker died while it opened the models{_how(workers[0])}: give fewer workers."
            ) from None
        workers[0].ready = True
        work = partial(_work, workers=workers, setup=packed, threads=threads, observer=observer)
        yield Executor(transcripts, opened, work)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.pipe.close()


def _work(
    jobs: Iterable[Job], workers: list[_Process], setup: bytes, threads: int, observer: Observer
) -> Iterator[JobResult]:
    queue, again = iter(jobs), deque[Job]()
    deaths: Counter[str] = Counter()
    while True:
        for worker in workers:
            if worker.ready and worker.job is None:
                job = again.popleft() if again else next(queue, None)
                if job is None:
                    break
                worker.send(job)
        busy = [worker for worker in workers if worker.job or not worker.ready]
        if not any(worker.job for worker in workers) and not again:
            return  # those that are still starting find nothing to do
        for pipe in wait([worker.pipe for worker in busy]):
            at = next(k for k, worker in enumerate(workers) if worker.pipe is pipe)
            worker = workers[at]
            try:
                heard = _heard(worker)
            except (EOFError, OSError):
                name = worker.job.piece.name if worker.job else "its models"
                deaths[name] += 1
                if deaths[name] >= DEATHS:
                    raise UserError(
                        f"{DEATHS} workers died while at {name}{_how(worker)}: give fewer workers, "
                        "or a smaller chunk, and run the same command again."
                    ) from None
                if worker.job:
                    observer.lost(worker.job)
                    again.append(worker.job)
                worker.pipe.close()
                workers[at] = _start(setup, threads)
                continue
            if worker.job and isinstance(heard, _Told):
                getattr(observer, heard.what)(worker.job, *heard.args)
                continue
            if worker.ready:
                worker.job = None
                yield heard
            worker.ready = True


def _start(setup: bytes, threads: int) -> _Process:
    context = multiprocessing.get_context("spawn")
    resource_tracker.ensure_running()  # starting it lets Ctrl-C through again
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(theirs, threads), daemon=True)
    with undisturbed():  # Ctrl-C is the driver's to tell
        process.start()
    theirs.close()  # so that its death is the end of the pipe
    with suppress(OSError):
        ours.send_bytes(setup)
    return _Process(process, ours)


def _heard(worker: _Process) -> Any:
    """What a worker says next; what it raised is raised here."""
    kind, said = worker.pipe.recv()
    if kind == "refused":
        raise UserError(said)
    if kind == "failed":
        raise RuntimeError(f"a worker failed:\n{said}")
    return said


def _how(worker: _Process) -> str:
    worker.process.join(1)
    code = worker.process.exitcode
    return " (killed: the memory may be full)" if code == -signal.SIGKILL else ""


def _main(pipe: Connection, threads: int) -> None:
    """A worker: opens the models, then takes piece after piece."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    with suppress(EOFError, OSError):  # the driver is gone
        setup = pipe.recv_bytes()
        kind, said = _attempt(lambda: Worker.open(cloudpickle.loads(setup)))
        if kind == "done":
            worker: Worker = said
            kind, said = _attempt(lambda: (worker.transcripts(), worker.opened()))
        pipe.send((kind, said))
        while kind == "done":
            job: Job = pipe.recv()
            kind, said = _attempt(partial(worker.take, job, _Piped(pipe)))
            pipe.send((kind, said))


def _attempt(what: Callable[[], Any]) -> tuple[str, Any]:
    """What comes of it, and whether it is that, a sentence for the user, or a fault of ours."""
    try:
        return "done", what()
    except UserError as error:
        return "refused", str(error)
    except Exception:
        return "failed", traceback.format_exc()
