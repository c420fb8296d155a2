"""Dialogues that go on by themselves, each on a thread: models whose servers take many at a time.

A server answers when it answers; waiting for the slowest of a chunk would leave it idle. What a
dialogue said is paid for, so each one that is finished is kept at once, in the run's journal: the
same command takes it from there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from selfcorrect.models.base import Model, in_flight
from selfcorrect.runs.chunk import Bench, Crew, Done, Job, Rows, Watch, finish
from selfcorrect.runs.store import Store

_JOURNAL = "journal"


def together(models: Iterable[Model]) -> int:
    """How many dialogues may be under way at a time; 0 if one of the models takes chunks only."""
    return min(map(in_flight, models), default=0)


def crew(bench: Bench, store: Store, watch: Watch) -> Crew:
    """Dialogues on threads.

    Args:
        bench: its models take dialogues by themselves.
        store: of the run itself, for the journal.
        watch: told of every round.
    """

    def work(jobs: Iterable[Job]) -> Iterator[Done]:
        return _work(jobs, bench, store, watch)

    return Crew(bench.transcripts(), bench.about(), work)


@dataclass
class _Open:
    """A job under way: the records of its dialogues that are through, by their place in it."""

    job: Job
    since: float = field(default_factory=time.perf_counter)
    rows: dict[int, Mapping[str, Rows]] = field(default_factory=dict)


def _work(jobs: Iterable[Job], bench: Bench, store: Store, watch: Watch) -> Iterator[Done]:
    most = together(bench.models)
    dialogues = _dialogues(jobs, store)
    waiting: dict[Future[Mapping[str, Rows]], tuple[_Open, int]] = {}
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
                        yield from _whole(opened, store, most)
                        continue
                    future = threads.submit(_dialogue, opened.job, at, bench, store, watch)
                    waiting[future] = (opened, at)
                through, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in through:
                    opened, at = waiting.pop(future)
                    opened.rows[at] = future.result()
                    yield from _whole(opened, store, most)
        except KeyboardInterrupt:
            for model in bench.models:
                model.cancel()  # type: ignore[attr-defined]
            threads.shutdown(wait=False, cancel_futures=True)
            raise
        except BaseException:
            # what is under way is finished and kept, as far as it gets
            threads.shutdown(wait=True, cancel_futures=True)
            raise


def _dialogues(jobs: Iterable[Job], store: Store) -> Iterator[tuple[_Open, int | None]]:
    """Every dialogue of every job that isn't in the journal; ``None`` for a job that is there."""
    kept = {int(name.split("/")[-1].split(".")[0]): name for name in store.list(_JOURNAL)}
    for job in jobs:
        opened = _Open(job)
        for at in range(len(job.examples)):
            name = kept.get(job.piece.start + at)
            rows = _read(store, name, job, at) if name else None
            if rows is not None:
                opened.rows[at] = rows
        missing: list[int | None] = [at for at in range(len(job.examples)) if at not in opened.rows]
        for place in missing or [None]:
            yield opened, place


def _whole(opened: _Open, store: Store, most: int) -> Iterator[Done]:
    """The job, if all its dialogues are through; its journal goes once that is stored."""
    job = opened.job
    if len(opened.rows) < len(job.examples):
        return
    rows = {
        name: [row for at in range(len(job.examples)) for row in opened.rows[at][name]]
        for name in job.arms
    }
    opened.rows = {}
    yield finish(job, rows, time.perf_counter() - opened.since, min(most, len(job.examples)))
    for at in range(len(job.examples)):
        store.remove(_name(job, at))


def _dialogue(job: Job, at: int, bench: Bench, store: Store, watch: Watch) -> Mapping[str, Rows]:
    """Take one dialogue through its rounds, and keep it."""
    rows = bench.rows(job, [job.examples[at]], watch)
    store.put(_name(job, at), json.dumps(rows).encode(), replace=True)
    return rows


def _name(job: Job, at: int) -> str:
    return f"{_JOURNAL}/{job.piece.start + at:07}.json"


def _read(store: Store, name: str, job: Job, at: int) -> Mapping[str, Rows] | None:
    """A kept dialogue; ``None`` if it isn't that of these arms."""
    try:
        rows: dict[str, list[dict[str, Any]]] = json.loads(store.read(name))
        ids = {row["example"] for mine in rows.values() for row in mine}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if set(rows) != set(job.arms) or ids != {job.examples[at].id}:
        return None
    return rows
