"""The commands' arguments and options."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Annotated, Any

import typer

from selfcorrect.runs.options import OPTIONS, Option


def info(option: Option) -> Any:
    """An option as typer wants it."""
    if option.kind is bool:
        return typer.Option(option.flag, help=option.help)
    return typer.Option(option.flag, metavar=option.metavar, help=option.help, min=option.least,
                        parser=option.parser, show_default=option.default is not None)  # fmt: skip


def annotation(option: Option) -> Any:
    """The annotation of the parameter that an option is."""
    kind: Any = list[option.kind] if option.repeatable else option.kind  # type: ignore[name-defined]
    needed = option.required or option.kind is bool or option.default is not None
    return operator.getitem(Annotated, (kind if needed else kind | None, info(option)))


def of_run(name: str) -> Any:
    """An option of ``run`` that another command has, too."""
    return info(OPTIONS[name])


Given = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SPEC.toml|KEY=VALUE",
        help="A spec file, and settings over it such as rounds=3 or task.options.shuffle=true.",
        show_default=False,
    ),
]
ModelName = Annotated[str | None, of_run("model")]
Data = Annotated[str | None, of_run("data")]
Fields = Annotated[list[str] | None, of_run("field")]
Answers = Annotated[str | None, of_run("answers")]
Categories = Annotated[list[str] | None, of_run("categories")]
Part = Annotated[str | None, of_run("part")]
Samples = Annotated[int | None, of_run("samples")]
Limit = Annotated[int | None, of_run("limit")]
TrustRemoteCode = Annotated[bool, of_run("trust_remote_code")]
Grader = Annotated[
    str | None,
    typer.Option(
        "--scorer",
        metavar="SCORER",
        help="Who grades; the default is the run's or its task's. See: list scorers.",
        show_default=False,
    ),
]
SeenBy = Annotated[
    str,
    typer.Option(
        "--scorer",
        metavar="SCORER",
        help="By whose scores, or by which meanings of samples, where there are several.",
        show_default=False,
    ),
]
SeenData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PLACE",
        help="Where the data of the run's task lie. Of a run that wasn't made here nothing that "
        "it names is opened, so figures that need the data are left out without.",
        show_default=False,
    ),
]
ReportTo = Annotated[
    Path | None,
    typer.Option(
        "--report-to",
        metavar="FILE",
        help="Where the page goes, in place of report.html in the run's folder.",
        show_default=False,
    ),
]
ScorerOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="KEY=VALUE",
        help="An option of the scorer, such as label=toxic.",
        show_default=False,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="People's labels (JSONL, CSV, …: example, round, label), to be compared with.",
        show_default=False,
    ),
]
Seed = Annotated[int | None, of_run("seed")]
Out = Annotated[Path, of_run("out")]
Dtype = Annotated[str | None, of_run("dtype")]
Device = Annotated[str | None, of_run("device")]
Dialogues = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="The dialogues: JSON (messages, ShareGPT, samples of lm-eval, an export), Parquet, or "
        "a log of inspect; or a folder of them.",
        show_default=False,
    ),
]
NoControls = Annotated[bool, of_run("no_controls")]
SkipBad = Annotated[bool, of_run("skip_bad")]
Simulations = Annotated[
    int | None,
    typer.Option(
        "--simulations",
        metavar="N",
        min=100,
        max=100_000,
        help="Of each figure; by default as many as take about a minute, whose result is kept.",
    ),
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's folder, or the beginning of its name.")
]
RunNames = Annotated[
    list[str],
    typer.Argument(metavar="RUN", help="Runs' folders, or the beginnings of their names."),
]
RunAlone = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        help="A run's folder, or the beginning of its name; its controls' may stand beside it.",
    ),
]
Reference = Annotated[
    str,
    typer.Option(
        metavar="RUN",
        help="The run that the others are compared with; by default the first (that isn't an "
        "oracle).",
        show_default=False,
    ),
]
Page = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Where the page goes.", show_default=False)
]
Unread = Annotated[
    bool,
    typer.Option(
        "--unread",
        help="The answers that couldn't be read, the most frequent first, in place of the table.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Everything, as JSON.")]
ImagesFrom = Annotated[str | None, of_run("images_from")]
RemoteImages = Annotated[bool, of_run("remote_images")]
BoxFormat = Annotated[str | None, of_run("box_format")]
BaseUrl = Annotated[str | None, of_run("base_url")]
