"""Jobs one after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from selfcorrect.runs.executors.base import Executor, Job, JobResult, Observer
from selfcorrect.runs.executors.worker import Worker


def executor(worker: Worker, observer: Observer) -> Executor:
    """An executor that is one worker."""

    def work(jobs: Iterable[Job]) -> Iterator[JobResult]:
        return (worker.take(job, observer) for job in jobs)

    return Executor(worker.transcripts(), worker.opened(), work)
