"""``selfcorrect study …``: a command for each study, made from the options that it states."""

from __future__ import annotations

import inspect
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from selfcorrect import studies
from selfcorrect.cli import options as o
from selfcorrect.cli.consoles import printing
from selfcorrect.cli.display import shown
from selfcorrect.cli.ending import Listed
from selfcorrect.cli.helping import Command
from selfcorrect.cli.parts import counted
from selfcorrect.cli.shared import GIVEN, WORK, Chosen, parameter, parameter_of
from selfcorrect.cli.sheet import show
from selfcorrect.cli.spec import is_given, spec_from
from selfcorrect.errors import UserError
from selfcorrect.runs import find_run
from selfcorrect.runs.options import OPTIONS
from selfcorrect.studies.base import Option, Settings, Study
from selfcorrect.text import visible

_OfRun = Annotated[
    str | None,
    typer.Option(
        "--of",
        metavar="RUN",
        help="A run that exists, in place of one that is made: its folder, or the beginning of its "
        "name.",
    ),
]


def group() -> typer.Typer:
    """A command for each study."""
    made = typer.Typer(
        cls=Listed,
        help="Run a study: a question, the runs that it needs, and what they show.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for name in studies.names():
        study = studies.load(name)
        details = f"{study.details} {study.takes}".rstrip()
        text = f"{study.about}\n\n{details}\n\n{study.question} Source: {study.source}."
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
    group.command(name, help=text, cls=Command)(function)


def command_line(
    name: str, given: Mapping[str, Any], options: Mapping[str, Option] = OPTIONS
) -> str:
    """The command line that does the same again.

    Args:
        name: of the command, with its arguments.
        given: the values of its options; flags go to the end.
        options: those of them whose flags may have other names.
    """
    words, flags = [f"selfcorrect {name}"], []
    for key, value in given.items():
        flag = options[key].flag if key in options else f"--{key.replace('_', '-')}"
        if value is None or value is False:
            continue
        if value is True:
            flags.append(flag)
            continue
        for one in map(str, value if isinstance(value, list) else [value]):
            # a value that looks like an option is taken for one, unless it is attached
            words.append(shlex.quote(f"{flag}={one}") if one.startswith("-") else
                         f"{flag} {shlex.quote(one)}")  # fmt: skip
    return " ".join([*words, *flags])


def _placed(out: Path) -> dict[str, str]:
    """The folder of the runs, where it isn't the usual one."""
    return {} if str(out) == "runs" else {"out": str(out)}


def execute(
    name: str, settings: Settings, command: str, *, as_json: bool, tables: bool = True, **how: Any
) -> None:
    """Execute a study; print its findings and tables and where its page is, or its result as JSON.

    Args:
        name: of the study.
        settings: see :func:`selfcorrect.studies.execute.execute`.
        command: the command line that does the same again.
        as_json: print the result.
        tables: print the tables, too.
        how: further arguments of that function.
    """
    from selfcorrect.studies.execute import execute

    part = settings.get("quick") or settings.get("preset")
    takes = "" if part else studies.load(name).takes
    with counted() as progress:
        done = execute(name, settings, command=command, counted=_timed(takes, progress), **how)
    if as_json:
        typer.echo(json.dumps(done.result, indent=2, allow_nan=False))
    else:
        show(done.sheet, printing(), tables=tables)
        typer.echo(visible(str(done.page)))


def _timed(takes: str, progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Tell how far a study is, and, once it has begun, how long all of it takes."""
    begun = False

    def tell(now: int, every: int) -> None:
        nonlocal begun
        if takes and not begun:
            typer.echo(f"selfcorrect: {takes} What is finished is kept.", err=True)
        begun = True
        progress(now, every)

    return tell


def _without(name: str, study: Study) -> tuple[Callable[..., None], list[inspect.Parameter]]:
    """The command of a study that needs no runs."""

    def command(*, as_json: bool, out: Path, **given: Any) -> None:
        line = command_line(f"study {name}", {**given, **_placed(out)})
        execute(name, given, line, as_json=as_json, out=out)

    return command, [*map(parameter_of, study.options), *_ends()]


def _with_runs(name: str, study: Study) -> tuple[Callable[..., None], list[inspect.Parameter]]:
    """The command of a study that makes runs. It has the options of ``run``, but for what the study
    sets itself; of an option that both have, such as ``seed``, the value goes to both."""
    settings_of_spec = {
        key: each
        for key, each in OPTIONS.items()
        if each.key and each.key.split(".")[0] not in study.fixed
    }

    def command(
        *, as_json: bool, out: Path, given: list[str] | None, of: str | None = None, **values: Any
    ) -> None:
        if of is not None:
            run = find_run(of, out)
            settings = _settings_alone(
                study, Chosen(settings_of_spec, values).settings, given, values
            )
            line = command_line(f"study {name}", {"of": of, **settings, **_placed(out)})
            execute(name, settings, line, as_json=as_json, runs={study.on_one_run: run},
                    out=out, folder=None if run.received else run.folder)  # fmt: skip
            return
        words = shlex.join(["study", name, *(given or ())])
        said = {key: value for key, value in values.items() if key not in WORK}
        line = command_line(words, {**said, **_placed(out)})
        chosen = Chosen(settings_of_spec, values)
        spec = spec_from(given, chosen.settings)
        settings = {
            option.name: getattr(spec, option.name)
            if option.name in settings_of_spec
            else values[option.name]
            for option in study.options
        }
        execute(name, settings, line, as_json=as_json, spec=spec, out=out,
                executor=chosen.executor, watch=shown(spec.model.name))  # fmt: skip

    flags = ["skip_bad"]
    return command, [
        GIVEN,
        *(parameter_of(each) for key, each in settings_of_spec.items() if key not in flags),
        *(parameter_of(each) for each in study.options if each.name not in settings_of_spec),
        *(parameter_of(OPTIONS[key]) for key in (*flags, *WORK)),
        *([parameter("of", _OfRun, None)] if study.on_one_run else []),
        *_ends(),
    ]


def _settings_alone(
    study: Study, chosen: Mapping[str, Any], given: Sequence[str] | None, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of a study's own options, where its run exists.

    Raises:
        UserError: something is said of the run, too.
    """
    own = {option.name for option in study.options} - {"quick"}
    said = [key for key in chosen if key not in own] + list(given or ())
    said += ["quick"] if values.get("quick") else []
    if said:
        raise UserError(
            f"--of takes a run as it is, and {said[0]!r} is about how one is made: leave it out."
        )
    return {name: values[name] for name in own if is_given(values[name])}


def _ends() -> list[inspect.Parameter]:
    return [parameter("as_json", o.AsJson, False), parameter("out", o.Out, Path("runs"))]
