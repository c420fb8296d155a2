"""``selfcorrect theory …``: the theory run as mathematics, and held against real runs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from selfcorrect.cli import options as o
from selfcorrect.text import visible

theory = typer.Typer(
    help="Run the theory: in-context alignment, latent concepts, and both against a run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Quick = Annotated[bool, typer.Option("--quick", help="A smaller size, for a first look.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Of whatever is drawn.", min=0)]
Folder = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="Where the page and its numbers go.")
]


@theory.command()
def construct(
    responses: Annotated[int, typer.Option("--n", metavar="N", help="Responses in a context.")] = 8,
    d: Annotated[int, typer.Option("--d", metavar="D", help="Dimension of a response.")] = 5,
    steps: Annotated[int, typer.Option(metavar="N", help="Of descent, one on the other.")] = 20,
    quick: Quick = False,
    seed: Seed = 0,
    as_json: o.AsJson = False,
    out: Folder = Path("theory"),
) -> None:
    """Build transformers whose weights do descent on the ranking loss, and check them.

    Three constructions, written down weight by weight: heads, blocks and widths, the error against
    automatic differentiation, the laws of the error, and what each head attends to.
    """
    from selfcorrect.theory.construction import construct

    result = construct(n=responses, d=d, steps=steps, seed=seed, quick=quick)
    given = {"--n": responses, "--d": d, "--steps": steps, "--seed": seed}
    _tell("construct", result, _command("construct", given, quick), out, as_json)


@theory.command()
def train(
    preset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What to train; repeatable. formats, ablations, warped, objectives; released, "
            "the paper's recipe, and released-mask, -norm, -width, -depth and -checkpoint, each a "
            "thing its code does otherwise than the paper says. By default all.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Of each arm. By default 4, or 2 with --quick.", show_default=False
        ),
    ] = None,
    released_size: Annotated[
        bool,
        typer.Option(
            "--released-size",
            help="The presets released… at the paper's own size: hours a seed without a GPU.",
        ),
    ] = False,
    quick: Quick = False,
    as_json: o.AsJson = False,
    out: Folder = Path("theory"),
) -> None:
    """Train transformers on the ranking loss, and hold them against descent and its floor.

    Every ablation with its causal mask and residual stream, on several seeds; reward noise; and the
    curves that need no training. Uses a GPU if there is one. Stopped, it goes on where it was.
    """
    from selfcorrect.cli import parts
    from selfcorrect.runs.store import Store
    from selfcorrect.theory.train import train

    store, folder = Store(out.expanduser()), "train-parts"
    with parts.counted("trained") as progress:
        result = train(
            preset or [],
            seeds=seeds,
            quick=quick,
            released_size=released_size,
            done=parts.kept(store, folder),
            keep=lambda key, found: parts.keep(store, folder, key, found),
            progress=progress,
        )
    given = [*(f"--preset {shlex.quote(name)}" for name in preset or [])]
    given += [f"--seeds {seeds}"] * (seeds is not None) + ["--released-size"] * released_size
    _tell("train", result, " ".join([_command("train", {}, quick), *given]), out, as_json)
    parts.drop(store, folder)


@theory.command()
def concepts(
    rounds: Annotated[int, typer.Option(metavar="N", help="Of the curves over rounds.")] = 12,
    quick: Quick = False,
    seed: Seed = 0,
    as_json: o.AsJson = False,
    out: Folder = Path("theory"),
) -> None:
    """Simulate latent concepts: each law of convergence, predicted and measured.

    Exact enumeration beside Monte Carlo, for concepts that draw tokens independently and for
    hidden Markov ones.
    """
    from selfcorrect.theory.concepts import concepts

    result = concepts(rounds=rounds, seed=seed, quick=quick)
    given = {"--rounds": rounds, "--seed": seed}
    _tell("concepts", result, _command("concepts", given, quick), out, as_json)


@theory.command()
def bridge(
    run: o.RunName,
    negation: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="The run with the goal reversed; by default the one beside RUN.",
            show_default=False,
        ),
    ] = None,
    anchor: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="The run of the strategy anchor; by default the one beside RUN.",
            show_default=False,
        ),
    ] = None,
    folds: Annotated[
        int, typer.Option(metavar="N", help="Parts that the clusters are cut into.", min=2)
    ] = 5,
    seed: Seed = 0,
    as_json: o.AsJson = False,
    out: o.Out = Path("runs"),
) -> None:
    """Fit the two-concept model to a run's first three rounds and forecast the others.

    On clusters that were held out, beside persistence, a free exponential and the transition chain;
    or say that the model is not identified there. The page goes into the run's folder.
    """
    from selfcorrect.runs import find_run
    from selfcorrect.studies.bridge import bridge

    of = find_run(run, out)
    minus, plus = (find_run(name, out) if name else None for name in (negation, anchor))
    result = bridge(of, negation=minus, anchor=plus, folds=folds, seed=seed)
    given = {"--negation": negation, "--anchor": anchor, "--folds": folds, "--seed": seed}
    _tell("bridge", result, _command(f"bridge {shlex.quote(run)}", given), of.folder, as_json)


def _command(name: str, given: Mapping[str, object], quick: bool = False) -> str:
    """The command line that does the same again."""
    said = [f"{key} {shlex.quote(str(value))}" for key, value in given.items() if value is not None]
    return " ".join(["selfcorrect theory", name, *said, *(["--quick"] if quick else [])])


def _tell(name: str, result: dict[str, Any], command: str, folder: Path, as_json: bool) -> None:
    """Write ``NAME.html`` and ``NAME.json`` into a folder, and print tables or the same JSON."""
    from selfcorrect.cli.sheet import show
    from selfcorrect.report.sheet import page
    from selfcorrect.runs.store import Store

    sheet = import_module(f"selfcorrect.report.theory.{name}").sheet(result)
    sheet = replace(sheet, settings={"command": command, **sheet.settings})
    text = json.dumps(result, indent=2, allow_nan=False)
    store = Store(folder.expanduser())
    store.put(f"{name}.json", text.encode(), replace=True)
    store.put(f"{name}.html", page(sheet).encode("utf-8", "replace"), replace=True)
    if as_json:
        typer.echo(text)
    else:
        show(sheet, Console())
        typer.echo(visible(str(store.root / f"{name}.html")))
