"""Pieces on the machines of a Ray cluster, on actors that each hold the models.

Ray restarts an actor that died, on another machine if need be, and gives it its piece again.
Records come back to the driver, which alone writes: no file system has to be shared.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.runs.executors.base import Executor, Job, JobResult, Setup
from selfcorrect.runs.executors.worker import Worker

_TRIES = 3
_PATIENCE = 10.0  # seconds


class Actor:
    """A worker on some machine of the cluster."""

    def __init__(self, setup: Setup) -> None:
        self.worker = Worker.open(setup)

    def opened(self) -> tuple[dict[str, str], dict[str, dict[str, dict[str, Any]]]]:
        return self.worker.transcripts(), self.worker.opened()

    def take(self, job: Job) -> JobResult:
        return self.worker.take(job)


@contextmanager
def executor(
    setup: Setup, address: str, number: int | None, cpus: float, gpus: float
) -> Iterator[Executor]:
    """An executor with actors on a Ray cluster, a worker in each.

    Args:
        setup: what each of them is given; each opens the models for itself.
        address: of the cluster: ``auto``, ``ray://host:port``, or ``local`` to start one here.
        number: how many actors; by default as many as the cluster has room for.
        cpus, gpus: that each of them takes; a fraction of a GPU is shared.

    Raises:
        UserError: Ray isn't installed or reached, has no room, or an actor raised one.
    """
    try:
        ray: Any = import_module("ray")
    except ImportError:
        raise UserError(
            "Ray is not installed: pip install 'selfcorrect[ray]', or use --workers without --ray."
        ) from None
    mine = not ray.is_initialized()
    if mine:
        _connect(ray, address)
    try:
        room = _room(ray.cluster_resources(), cpus, gpus)
        if not room:
            raise UserError(
                f"the Ray cluster at {address} has no room for a worker of {cpus:g} CPUs and "
                f"{gpus:g} GPUs; give fewer of them to each, or add a machine."
            )
        shared = ray.put(setup)
        make = ray.remote(Actor).options(
            num_cpus=cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=_TRIES
        )
        actors = [make.remote(shared) for _ in range(min(number or room, room))]
        transcripts, opened = _got(ray, actors[0].opened.remote())
        yield Executor(transcripts, opened, lambda jobs: _work(ray, jobs, actors))
    finally:
        if mine:
            ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    try:
        if ":" in address:  # Ray itself would wait for minutes
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        reason = next(iter(str(error).strip().splitlines()), "no answer").rstrip(".")
        raise UserError(
            f"there is no Ray cluster at {address} ({reason}): give the address that 'ray start' "
            "printed, or local."
        ) from None


def _room(resources: dict[str, float], cpus: float, gpus: float) -> int:
    """For how many actors a cluster has room."""
    wanted = {"CPU": cpus, "GPU": gpus}
    return int(min((resources.get(kind, 0) // n for kind, n in wanted.items() if n), default=0))


def _work(ray: Any, jobs: Iterable[Job], actors: list[Any]) -> Iterator[JobResult]:
    queue = iter(jobs)
    waiting: dict[Any, Any] = {}
    for actor in actors:
        if (job := next(queue, None)) is not None:
            waiting[actor.take.remote(job)] = actor
    while waiting:
        [answer, *_], _ = ray.wait(list(waiting), num_returns=1)
        actor = waiting.pop(answer)
        if (job := next(queue, None)) is not None:
            waiting[actor.take.remote(job)] = actor
        yield _got(ray, answer)


def _got(ray: Any, answer: Any) -> Any:
    """An actor's answer; what it raised is raised here."""
    try:
        return ray.get(answer)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from None
        raise
    except ray.exceptions.RayActorError as error:
        cause = getattr(error, "cause", None)
        reason = str(error).strip().splitlines()[-1]
        raise UserError(
            f"a worker of the Ray cluster died {_TRIES + 1} times ({cause or reason}); give each "
            "more room, or a smaller chunk, and run the same command again."
        ) from None
