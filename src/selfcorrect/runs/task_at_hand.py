"""The task of a run that is there already, on the data that it was run on."""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect import tasks
from selfcorrect.errors import UserError
from selfcorrect.records import VERSION
from selfcorrect.runs.identity import data_fingerprint, task_of
from selfcorrect.runs.run import Run
from selfcorrect.runs.spec import RunSpec
from selfcorrect.tasks.base import Task


def task_of_run(run: Run) -> tuple[Task | None, str]:
    """The run's task, for its own figures; the rest of a summary does without it. And what is left
    out without it, and why."""
    task, why, matters = opened_task(run)
    left_out = f"the figures of the task {run.header.spec.task.name} itself are left out"
    return task, f"{left_out}: {why}" if why and matters else ""


def opened_task(run: Run) -> tuple[Task | None, str, bool]:
    """The run's task on the data that it was run on; else why it can't be had, and whether its
    figures are missed."""
    if run.task is not None:
        return run.task, "", False
    spec = run.header.spec
    if tasks.is_own(spec.task.name):  # whoever sent the run may have written that file
        why = "a run is shown without running its task's own file."
        return None, why, bool(run.header.figures)
    if (at_hand := _at_hand(run)) is None:
        why = (
            f"{run.folder.name} wasn't made here, and no place that it names is opened; --data "
            "PLACE says where its data lie."
        )
        return None, why, bool(run.header.figures)
    try:
        task = task_of(at_hand)
        if run.header.version != VERSION:
            why = f"records of version {run.header.version} don't tell of which data."
            return None, why, bool(task.figures)
        # with other data its numbers would stand for something else
        if data_fingerprint(task) != run.header.about.get("fingerprints", {}).get("data"):
            data = at_hand.task.data
            changed = f"the data at {data} have" if data else "the task has"
            return None, f"{changed} changed since the run.", True
        return task, "", False
    except UserError as error:
        return None, str(error), True


def values_of_task(run: Run, task: Task | None) -> Mapping[str, str]:
    """The task's numbers per record, where the header doesn't name them."""
    if task is not None:
        return task.values
    at_hand = _at_hand(run)
    if run.header.version == VERSION or at_hand is None or tasks.is_own(at_hand.task.name):
        return {}
    try:
        return task_of(at_hand).values
    except UserError:
        return {}


def _at_hand(run: Run) -> RunSpec | None:
    """A run's spec whose places this user has named; ``None`` where only the run names them."""
    spec, task = run.header.spec, run.header.spec.task
    if run.data is None:
        ours = tasks.brings_all(task.name, task.data, task.options) or not run.received
        return spec if ours else None
    options = {k: v for k, v in task.options.items() if k not in tasks.PLACES or not run.received}
    told = {"data": run.data, "options": options}
    return spec.model_copy(update={"task": task.model_copy(update=told)})
