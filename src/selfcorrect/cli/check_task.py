"""``selfcorrect check-task``: what is wrong with a task, without a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from selfcorrect.checking import TaskCheck, look_at
from selfcorrect.cli import options as o
from selfcorrect.cli.spec import spec_from
from selfcorrect.errors import UserError
from selfcorrect.text import clipped, visible

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
        typer.echo(visible("\n".join(map(clipped, _lines(found))), lines=True))
    if found.problems:
        number = len(found.problems)
        raise UserError(
            f"the task {found.task} has {number} problem{'s' if number > 1 else ''}: "
            f"{found.problems[0]}",
            trace=found.trace,
        )


def _lines(found: TaskCheck) -> Iterator[str]:
    outcome = found.outcome
    low, high = outcome.bounds
    yield (
        f"{found.task}: {_count(found.examples, 'example')} in {_count(found.clusters, 'cluster')}"
    )
    yield (
        f"outcome: {outcome.name} (a {outcome.kind} from {low:g} to {high:g}, {outcome.better} is "
        f"better, changes up to {outcome.margin:g} count as none)"
    )
    if found.max_tokens:
        each = ", ".join(f"{kind} {tokens}" for kind, tokens in found.max_tokens.items())
        yield f"tokens that a reply may have: {each}"
    yield from found.read_as
    if found.skipped:
        yield f"{_count(len(found.skipped), 'line')} left out; the first: {found.skipped[0]}"
    if (shown := found.shown) is not None:
        yield f"\nThe example {shown.id} (cluster {shown.cluster}) as it is asked:\n"
        yield from _indented(shown.question)
        if shown.answer_prefill:
            yield f"\nA reply begins with: {shown.answer_prefill}"
        if shown.reference is None:
            yield "\nIt has no reference answer."
        else:
            yield f"\nIts reference answer has {_worth(outcome.name, shown.outcome)}:\n"
            yield from _indented(shown.reference)
        yield f"\nAn answer that says nothing has {_worth(outcome.name, shown.empty)}."
    yield ""
    yield from (f"problem: {problem}" for problem in found.problems)
    if found.unseen:
        yield f"The other {_count(found.unseen, 'example')} weren't looked at."
    if not found.problems:
        yield "No problems were found."


def _indented(text: str) -> Iterator[str]:
    return (f"    {line}" for line in clipped(text, 4_000).splitlines())


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _worth(name: str, value: float | None) -> str:
    return f"no {name}" if value is None else f"the {name} {value:g}"
