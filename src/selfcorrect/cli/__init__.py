"""The command line: one thin function a command."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from selfcorrect import __version__
from selfcorrect.cli import options as o
from selfcorrect.cli import plan_options
from selfcorrect.cli.bias import bias
from selfcorrect.cli.check import check
from selfcorrect.cli.check_task import check_task
from selfcorrect.cli.concept import group as concept
from selfcorrect.cli.consoles import printing
from selfcorrect.cli.ending import Commands
from selfcorrect.cli.helping import Command
from selfcorrect.cli.listing import listing
from selfcorrect.cli.probe import probe
from selfcorrect.cli.runs import runs as list_runs
from selfcorrect.cli.shared import FILE, GIVEN, MEASURE, PREVIEW, RUN, Chosen, takes
from selfcorrect.cli.study import group as study_group
from selfcorrect.cli.theory import theory
from selfcorrect.cli.tuning import choose, tune
from selfcorrect.cli.verify import verify
from selfcorrect.errors import UserError
from selfcorrect.interrupts import waking
from selfcorrect.runs import RunSpec, find_run
from selfcorrect.text import visible, visible_values

app = typer.Typer(
    cls=Commands,
    name="selfcorrect",
    help="Run multi-round self-correction on a language model, and measure every round.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: the same on every terminal, and in the docs
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(listing, name="list")
app.add_typer(concept, name="concept")
app.add_typer(study_group(), name="study")
app.add_typer(theory, name="theory")


def main(args: Sequence[str] | None = None) -> None:
    """The entry point of the ``selfcorrect`` command."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")  # a terminal that lacks a character is no reason to stop
    waking()
    app(args=args, prog_name="selfcorrect")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"selfcorrect {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command(cls=Command)
@takes(GIVEN, RUN)
def run(chosen: Chosen) -> None:
    """Run a strategy, with its controls, print table and verdict, and write report.html.

    The same command again goes on where it was stopped, or shows the result at once.
    """
    _run(chosen, chosen.specs(), controls=not chosen.values["no_controls"])


@app.command(cls=Command)
@takes(FILE, MEASURE)
def measure(chosen: Chosen) -> None:
    """Measure dialogues that exist already: the answers as they are, the options by the model.

    Of each dialogue: messages, choices, and if known the right answer. The result is a run as any
    other: table, verdict, report.html.
    """
    from selfcorrect.runs import measure_spec

    spec = measure_spec(chosen.values["file"], chosen.settings)
    _run(chosen, [spec], controls=False)


@app.command(
    hidden=True,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def score() -> None:
    raise UserError("this command is called measure now: selfcorrect measure FILE.")


@app.command(cls=Command)
@takes(GIVEN, PREVIEW)
def preview(chosen: Chosen) -> None:
    """Show what a run would say, and what it would cost.

    One example's transcript in every round, special tokens visible, with token counts and the
    estimated time of the whole run. Nothing is run; the options are those of run.
    """
    from selfcorrect.cli.parts import waiting
    from selfcorrect.cli.preview import show, table_of
    from selfcorrect.cli.pulse import opening
    from selfcorrect.preview import preview

    controls, specs = not chosen.values["no_controls"], chosen.specs()
    with waiting(opening(specs[0].model.name)):
        found = preview(specs, out=chosen.values["out"], controls=controls)
    if chosen.as_json:
        typer.echo(json.dumps(table_of(found), indent=2, allow_nan=False))
    else:
        show(found, printing())


@app.command(cls=Command)
def show(
    run: o.RunName,
    unread: o.Unread = False,
    as_json: o.AsJson = False,
    scorer: o.SeenBy = "",
    data: o.SeenData = None,
    out: o.Out = Path("runs"),
) -> None:
    """Print a run's table and verdict, complete or not.

    Of a run that wasn't made here nothing that it names is opened, and nothing is written.
    """
    found = replace(find_run(run, out).seen_by(scorer), data=data)
    if unread:
        from selfcorrect.cli.unread import show as show_unread

        show_unread(found, printing(), as_json=as_json)
    elif as_json:
        # ASCII: nothing in a data set's texts can steer the terminal
        typer.echo(json.dumps(found.summary(), indent=2, allow_nan=False))
    else:
        _show(found.summary(), found.folder)


@app.command(cls=Command)
def report(
    runs: o.RunNames,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    report_to: o.ReportTo = None,
    scorer: o.SeenBy = "",
    data: o.SeenData = None,
    as_json: o.AsJson = False,
    out: o.Out = Path("runs"),
) -> None:
    """Write a run's report.html again, complete or not; of several runs one page with a switch.

    One self-contained file: the verdict, the curves, and every dialogue that changed its answer.
    That of several runs goes beside the first one's folder as reports.html.
    """
    from selfcorrect.cli.parts import waiting
    from selfcorrect.runs.report import write_pages

    found = [replace(find_run(name, out).seen_by(scorer), data=data) for name in runs]
    with waiting(f"measuring {found[0].folder.name}, and writing its page"):
        if len(found) == 1:
            path = found[0].report(report_to)
        else:
            place = report_to or Path(str(found[0].folder)).parent / "reports.html"
            path = write_pages(found, place)
    typer.echo(json.dumps({"page": str(path)}) if as_json else visible(str(path)))
    if open_it:
        typer.launch(str(path))


@app.command(cls=Command)
def compare(
    runs: o.RunNames,
    reference: o.Reference = "",
    page: o.Page = None,
    as_json: o.AsJson = False,
    scorer: o.SeenBy = "",
    data: o.SeenData = None,
    out: o.Out = Path("runs"),
) -> None:
    """Compare runs on the examples that they share: each with one of them, the best, the cost.

    Paired, by clusters, adjusted for how many comparisons there are. The page goes beside the first
    run's folder as compare.html; with --json it is written only where --page names a file.
    """
    from selfcorrect.cli.compare import compared

    compared(runs, reference, page, scorer, data, out, as_json=as_json)


@app.command(cls=Command)
def advise(
    runs: o.RunNames,
    as_json: o.AsJson = False,
    scorer: o.SeenBy = "",
    out: o.Out = Path("runs"),
) -> None:
    """Say whether more than one round is worth it, by runs at hand: do, don't, or not shown.

    The arm, its gain over one round and over a majority of samples, whom it hurts, what 1,000
    dialogues cost, how many rounds, and what isn't known. Controls beside the runs are counted.
    """
    from selfcorrect.cli.advise import advise as told

    told(runs, scorer, out, as_json=as_json)


@app.command(cls=Command)
def grade(
    run: o.RunName,
    scorer: o.Grader = None,
    option: o.ScorerOptions = None,
    labels: o.Labels = None,
    no_controls: o.NoControls = False,
    data: o.SeenData = None,
    as_json: o.AsJson = False,
    out: o.Out = Path("runs"),
) -> None:
    """Grade a run's answers with a scorer, and its controls', or what is missing of them.

    The scores lie beside the records, those of a second scorer beside those of the first. With
    --labels: how far the scorer agrees with people.
    """
    from selfcorrect.cli.grade import graded, options_of, scorer_of
    from selfcorrect.runs.labels import agreement_of, lines, read_labels

    found = replace(find_run(run, out), data=data)
    known = None if labels is None else read_labels(labels)
    name, options = scorer_of(found, scorer, options_of(option or ()))
    seen = graded(found, name, options, controls=not no_controls)
    if known is None:
        if as_json:
            typer.echo(json.dumps(seen.summary(), indent=2, allow_nan=False))
        else:
            _show(seen.summary(), seen.folder)
        return
    table = agreement_of(seen, known)
    typer.echo(json.dumps(table, indent=2, allow_nan=False) if as_json else "\n".join(lines(table)))


@app.command(cls=Command)
def audit(
    run: o.RunName,
    simulations: o.Simulations = None,
    as_json: o.AsJson = False,
    out: o.Out = Path("runs"),
) -> None:
    """Simulate whether a run's intervals hold on data like its own.

    With its own cluster sizes and rates, in about a minute. What is found is kept in the run's
    folder, and stands under its verdict from then on.
    """
    from selfcorrect.cli.audit import table
    from selfcorrect.cli.parts import counted
    from selfcorrect.runs.audit import audit_run

    of = find_run(run, out)
    with counted("simulations") as progress:
        found = audit_run(of, simulations=simulations, told=progress)
    if as_json:
        typer.echo(json.dumps([each.table() for each in found], indent=2, allow_nan=False))
    else:
        printing().print(table(found))


@app.command(cls=Command)
def plan(
    n: plan_options.Examples = None,
    difference: plan_options.Difference = None,
    margin: plan_options.Margin = None,
    changed: plan_options.Changed = None,
    per_cluster: plan_options.PerCluster = None,
    icc: plan_options.Icc = None,
    power: plan_options.Power = 0.8,
    like: plan_options.Like = None,
    as_json: o.AsJson = False,
    out: o.Out = Path("runs"),
) -> None:
    """Say how many examples a question needs, and what a given number can show.

    For the outcome (accuracy, or that of the run in --like) in two rounds, or two runs, on the same
    examples. Nothing is run.
    """
    from selfcorrect.cli.plan import lines
    from selfcorrect.cli.plan import plan as made

    pilot = None if like is None else find_run(like, out)
    stated = {"changed": changed, "size": per_cluster, "icc": icc}
    table = made(n, difference, margin, power, pilot, stated)
    typer.echo(json.dumps(table, indent=2) if as_json else "\n".join(lines(table)))


@app.command(cls=Command)
def export(
    run: o.RunName,
    jsonl: Annotated[Path, typer.Option("--jsonl", metavar="FILE", help="The file to write.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if there is one.")
    ] = False,
    dialogues: Annotated[
        bool, typer.Option("--dialogues", help="One dialogue a line, as measure reads it.")
    ] = False,
    as_json: o.AsJson = False,
    out: o.Out = Path("runs"),
) -> None:
    """Write a run's records as JSON lines.

    One record a line: one round of one dialogue, every step of it included.
    """
    from selfcorrect.cli.export import to_jsonl

    lines = to_jsonl(find_run(run, out), jsonl, replace=force, dialogues=dialogues)
    what = "dialogues" if dialogues else "records"
    if as_json:
        typer.echo(json.dumps({"file": str(jsonl), what: lines}))
        return
    typer.echo(f"{lines:,} {what} in {visible(str(jsonl))}")


app.command("runs", cls=Command)(list_runs)
app.command(cls=Command)(check)
app.command("check-task", cls=Command)(check_task)
app.command(cls=Command)(bias)
app.command(cls=Command)(choose)
app.command(cls=Command)(tune)
app.command(cls=Command)(probe)
app.command(cls=Command)(verify)


def _run(chosen: Chosen, specs: Sequence[RunSpec], *, controls: bool) -> None:
    """Run, and print table, verdict and the report's place of every run."""
    from selfcorrect import runs
    from selfcorrect.cli.display import shown
    from selfcorrect.cli.reports import written
    from selfcorrect.runs.summary import summarize

    with shown(specs[0].model.name) as progress:
        found = runs.run(
            specs,
            out=chosen.values["out"],
            controls=controls,
            progress=progress,
            executor=chosen.executor,
        )
    summaries = []
    for spec, done in zip(specs, found, strict=True):
        if len(found) > 1 and not chosen.as_json:
            name = visible(done.spec.strategy.name)
            printing().print(Text(f"── {name} ──", style="bold"), soft_wrap=True)
        summary = summarize(done)
        place = written(done, summary)
        if chosen.as_json:
            summaries.append(summary)
        else:
            _show(summary, place)
        if "rounds" in chosen.settings and done.spec.rounds < spec.rounds:
            typer.echo(
                f"selfcorrect: this strategy has at most {done.spec.rounds} "
                f"{'round' if done.spec.rounds == 1 else 'rounds'}, so {spec.rounds} were not run.",
                err=True,
            )
    if chosen.as_json:  # of several strategies a list, in their order
        several = len(summaries) > 1
        typer.echo(json.dumps(summaries if several else summaries[0], indent=2, allow_nan=False))


def _show(summary: dict[str, Any], where: Path) -> None:
    from selfcorrect.report.table import table

    console = printing()
    shown = {
        "notes": visible_values(summary["notes"]),
        "verdict": visible(summary["verdict"], lines=True),
    }
    console.print(table({**summary, **shown}, console.width))
    console.print(Text(visible(str(where))), soft_wrap=True)
