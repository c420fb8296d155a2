"""``selfcorrect theory …``: the studies of the theory, under names of their own.

They differ from ``selfcorrect study …`` in where the files go, and the bridge in that it takes runs
that exist already.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from selfcorrect import studies
from selfcorrect.cli import options as o
from selfcorrect.cli.ending import Listed
from selfcorrect.cli.shared import parameter, parameter_of
from selfcorrect.cli.study import add, command_line, execute
from selfcorrect.runs import find_run
from selfcorrect.studies.base import Study

theory = typer.Typer(
    cls=Listed,
    help="Run the theory: in-context alignment, latent concepts, and both against a run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="Where the page and its numbers go.")
]
Tables = Annotated[
    bool,
    typer.Option("--tables", help="The tables, too; without it the findings and the page's place."),
]
Negation = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="The run with the goal reversed; by default the one beside RUN.",
        show_default=False,
    ),
]
Anchor = Annotated[
    str | None,
    typer.Option(
        metavar="RUN",
        help="The run of the strategy anchor; by default the one beside RUN.",
        show_default=False,
    ),
]


def _mathematics(name: str, study: Study) -> tuple[Callable[..., None], list[inspect.Parameter]]:
    """The command of a study that needs no runs."""

    def command(*, tables: bool, as_json: bool, out: Path, **given: Any) -> None:
        line = command_line(f"theory {name}", given)
        execute(name, given, line, as_json=as_json, tables=tables, folder=out)

    return command, [
        *map(parameter_of, study.options),
        parameter("tables", Tables, False),
        parameter("as_json", o.AsJson, False),
        parameter("out", Folder, Path("theory")),
    ]


def _bridge(study: Study) -> tuple[Callable[..., None], list[inspect.Parameter]]:
    """The command of the bridge on runs that exist already."""

    def command(
        *,
        run: str,
        negation: str | None,
        anchor: str | None,
        as_json: bool,
        out: Path,
        **given: Any,
    ) -> None:
        from selfcorrect.studies.bridge.plan import three

        of = find_run(run, out)
        minus, plus = (find_run(name, out) if name else None for name in (negation, anchor))
        line = command_line(
            f"theory bridge {shlex.quote(run)}", {"negation": negation, "anchor": anchor, **given}
        )
        runs = three(of, minus, plus)
        # nothing is written into a folder that somebody sent
        folder = None if of.received else of.folder
        execute("bridge", given, line, as_json=as_json, runs=runs, out=out, folder=folder)

    return command, [
        parameter("run", o.RunName, inspect.Parameter.empty),
        parameter("negation", Negation, None),
        parameter("anchor", Anchor, None),
        *map(parameter_of, study.options),
        parameter("as_json", o.AsJson, False),
        parameter("out", o.Out, Path("runs")),
    ]


for _name in ("construct", "train", "concepts", "bridge"):
    _study = studies.load(_name)
    _text = f"{_study.about}\n\n{_study.details} {_study.takes}".rstrip()
    if _name == "bridge":
        _text += " The page goes into the run's folder; of a run that wasn't made here beside it."
        add(theory, _name, _text, _bridge(_study))
    else:
        add(theory, _name, _text, _mathematics(_name, _study))
