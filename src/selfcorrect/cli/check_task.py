"""``selfcorrect check-task``: what is wrong with a task, without a model."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from selfcorrect.checking import look_at
from selfcorrect.cli import options as o
from selfcorrect.cli.spec import spec_from
from selfcorrect.errors import UserError

TaskArgument = Annotated[
    str,
    typer.Argument(
        metavar="TASK",
        help="A task's name, or FILE.py:NAME for one of your own.",
        show_default=False,
    ),
]


def check_task(
    task: TaskArgument,
    given: o.Given = None,
    data: o.Data = None,
    field: o.Fields = None,
    answers: o.Answers = None,
    images_from: o.ImagesFrom = None,
    remote_images: o.RemoteImages = False,
    box_format: o.BoxFormat = None,
    categories: o.Categories = None,
    part: o.Part = None,
    seed: o.Seed = None,
    skip_bad: o.SkipBad = False,
    as_json: o.AsJson = False,
) -> None:
    """Look at a task without a model: is it asked, read and graded as a run relies on?

    Prints how many examples there are, one of them as it is asked, what its reference answer is
    worth, and whatever is wrong; with a problem the status is 2.
    """
    from selfcorrect import tasks
    from selfcorrect.runs.identity import task_of

    values = {
        "task.name": task,
        "task.data": data,
        "task.options.field": field or None,
        "task.options.answers": answers,
        "task.options.images_from": images_from,
        "task.options.remote_images": remote_images or None,
        "task.options.box_format": box_format,
        "task.categories": categories or None,
        "task.options.part": part,
        "seed": seed,
        "skip_bad": skip_bad or None,
    }
    found = look_at(tasks.checked(task_of(spec_from(given, values))))
    if as_json:
        typer.echo(json.dumps(found.table(), indent=2, allow_nan=False))
    else:
        typer.echo(repr(found))
    if found.problems:
        number = len(found.problems)
        raise UserError(
            f"the task {found.task} has {number} problem{'s' if number > 1 else ''}: "
            f"{found.problems[0]}",
            trace=found.trace,
        )
