"""``selfcorrect study …``: a command for each study, made from the options that it states."""

from __future__ import annotations

import inspect
import json
import operator
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from selfcorrect import runs, studies
from selfcorrect.cli import options as o
from selfcorrect.cli.display import shown
from selfcorrect.cli.parts import counted
from selfcorrect.cli.sheet import show
from selfcorrect.studies.base import Option, Settings, Study
from selfcorrect.text import visible

#: Options of ``run`` that a study of runs has as well: name → annotation, key of the spec.
_RUN: dict[str, tuple[Any, str]] = {
    "model": (o.ModelName, "model.name"),
    "task": (o.TaskName, "task.name"),
    "data": (o.Data, "task.data"),
    "categories": (o.Categories, "task.categories"),
    "strategy": (o.StrategyName, "strategy.name"),
    "rounds": (o.Rounds, "rounds"),
    "limit": (o.Limit, "limit"),
    "seed": (o.Seed, "seed"),
    "system": (o.System, "system"),
    "dtype": (o.Dtype, "model.dtype"),
    "device": (o.Device, "model.device"),
    "chunk": (o.Chunk, "chunk"),
    "base_url": (o.BaseUrl, "model.base_url"),
    "in_flight": (o.InFlight, "model.in_flight"),
    "price": (o.Price, "model.price"),
    "budget_tokens": (o.BudgetTokens, "model.budget_tokens"),
    "budget_money": (o.BudgetMoney, "model.budget_money"),
}
#: Who does the work: name → annotation, default.
_WORK: dict[str, tuple[Any, Any]] = {
    "workers": (o.Workers, None),
    "ray": (o.Ray, None),
    "worker_cpus": (o.WorkerCpus, 1),
    "worker_gpus": (o.WorkerGpus, 0),
}


def group() -> typer.Typer:
    """A command for each study."""
    made = typer.Typer(
        help="Run a study: a question, the runs that it needs, and what they show.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for name in studies.names():
        study = studies.load(name)
        text = f"{study.about}\n\n{study.details}\n\n{study.question} Source: {study.source}."
        add(made, name, text, _with_runs(name, study) if study.plan else _without(name, study))
    return made


def add(
    group: typer.Typer,
    name: str,
    text: str,
    command: tuple[Callable[..., None], Sequence[inspect.Parameter]],
) -> None:
    """Add a command that is a function with these parameters to a group."""
    function, parameters = command
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    group.command(name, help=text)(function)


def parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """A parameter of a command's function."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=annotation)


def parameters(options: Sequence[Option]) -> list[inspect.Parameter]:
    """The parameters that are a study's options."""
    made = []
    for option in options:
        flag = f"--{option.name.replace('_', '-')}"
        kind: Any = option.kind
        info: Any = typer.Option(flag, help=option.help)
        if kind is not bool:
            chosen = option.default is not None
            info = typer.Option(flag, metavar=option.metavar, help=option.help, min=option.least,
                                show_default=chosen)  # fmt: skip
            kind = list[kind] if option.repeatable else kind
            kind = kind if chosen else kind | None
        annotation = operator.getitem(Annotated, (kind, info))
        made.append(parameter(option.name, annotation, option.default))
    return made


def command_line(name: str, given: Mapping[str, Any]) -> str:
    """The command line that does the same again.

    Args:
        name: of the command, with its arguments.
        given: the values of its options; flags go to the end.
    """
    words, flags = [f"selfcorrect {name}"], []
    for key, value in given.items():
        flag = f"--{key.replace('_', '-')}"
        if value is None or value is False:
            continue
        if value is True:
            flags.append(flag)
        else:
            each = value if isinstance(value, list) else [value]
            words += [f"{flag} {shlex.quote(str(one))}" for one in each]
    return " ".join([*words, *flags])


def execute(name: str, settings: Settings, command: str, *, as_json: bool, **how: Any) -> None:
    """Execute a study; print its tables and where its page is, or its result as JSON.

    Args:
        name: of the study.
        settings: see :func:`selfcorrect.studies.execute.execute`.
        command: the command line that does the same again.
        as_json: print the result.
        how: further arguments of that function.
    """
    from selfcorrect.studies.execute import execute

    with counted() as progress:
        done = execute(name, settings, command=command, counted=progress, **how)
    if as_json:
        typer.echo(json.dumps(done.result, indent=2, allow_nan=False))
    else:
        show(done.sheet, Console())
        typer.echo(visible(str(done.page)))


def _without(name: str, study: Study) -> tuple[Callable[..., None], list[inspect.Parameter]]:
    """The command of a study that needs no runs."""

    def command(*, as_json: bool, out: Path, **given: Any) -> None:
        line = command_line(f"study {name}", given)
        execute(name, given, line, as_json=as_json, out=out)

    return command, [*parameters(study.options), *_ends()]


def _with_runs(name: str, study: Study) -> tuple[Callable[..., None], list[inspect.Parameter]]:
    """The command of a study that makes runs. It has the options of ``run``, but for what the study
    sets itself; of an option that both have, such as ``seed``, the value goes to both."""
    fields = {k: field for k, (_, field) in _RUN.items() if field.split(".")[0] not in study.fixed}

    def command(
        *, as_json: bool, out: Path, arguments: list[str] | None, skip_bad: bool, **given: Any
    ) -> None:
        words = shlex.join(["study", name, *(arguments or ())])
        said = {key: value for key, value in given.items() if key not in _WORK}
        line = command_line(words, {**said, "skip_bad": skip_bad})
        values = {field: given[k] for k, field in fields.items()}
        values = {field: None if value == [] else value for field, value in values.items()}
        spec = o.spec_from(arguments, {**values, "skip_bad": skip_bad or None})
        settings = {
            option.name: getattr(spec, option.name) if option.name in fields else given[option.name]
            for option in study.options
        }
        executor = runs.ExecutorSettings(*(given[key] for key in _WORK))
        execute(name, settings, line, as_json=as_json, spec=spec, out=out, executor=executor,
                watch=shown(spec.model.name))  # fmt: skip

    own = [each for each in parameters(study.options) if each.name not in fields]
    return command, [
        parameter("arguments", o.Given, None),
        *(parameter(key, _RUN[key][0], None) for key in fields),
        *own,
        parameter("skip_bad", o.SkipBad, False),
        *(parameter(key, *of) for key, of in _WORK.items()),
        *_ends(),
    ]


def _ends() -> list[inspect.Parameter]:
    return [parameter("as_json", o.AsJson, False), parameter("out", o.Out, Path("runs"))]
