"""``selfcorrect concept …``: directions in hidden states, trained, shown, compared, exchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from selfcorrect.cli import options as o
from selfcorrect.cli.concept_lines import ends, interval, lines, short
from selfcorrect.cli.consoles import printing
from selfcorrect.cli.ending import Listed
from selfcorrect.cli.helping import Command
from selfcorrect.concepts.file import Concept
from selfcorrect.report.numbers import count, legend
from selfcorrect.text import clipped, visible

group = typer.Typer(
    cls=Listed,
    help="Concepts: directions in a model's hidden states.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The concept's name; biased, toxic, correct, and planted (of planted:mixture), have "
        "texts of our own.",
    ),
]
_File = Annotated[
    str,
    typer.Argument(
        metavar="CONCEPT", help="A concept's file, or the name of one trained on --model."
    ),
]
_Site = Annotated[
    str,
    typer.Option(metavar="SITE", help="residual, or the output of the attention or mlp blocks."),
]
_Place = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The file to write; by default one in the cache folder, where run --concept NAME "
        "finds it.",
        show_default=False,
    ),
]


@group.command(cls=Command)
def train(
    name: _Name,
    model: o.ModelName = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Labelled texts, JSONL or CSV: text (in JSONL also messages, a dialogue), label "
            "(or a field called NAME), and cluster where texts were made by one template; for "
            "statement a file of BBQ. By default the texts of our own.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="linear, mean, statement or ccs.")
    ] = "linear",
    site: _Site = "residual",
    shown: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="text: each text by itself, read at its last token (the default of local models); "
            "message: as the user's message, read before the reply.",
            show_default=False,
        ),
    ] = "",
    label: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD", help="The field of the data that holds the label.", show_default=False
        ),
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The concept's own words, one a line, that are masked; by default those that tell "
            "the texts apart best.",
            show_default=False,
        ),
    ] = None,
    in_place: Annotated[
        str,
        typer.Option(
            metavar="WORD",
            help="What they are replaced by: a word that the model knows and that says nothing; "
            "the default is thing (of planted:mixture table).",
            show_default=False,
        ),
    ] = "",
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many texts.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the parts.", min=0)] = 0,
    dtype: o.Dtype = None,
    device: o.Device = None,
    base_url: o.BaseUrl = None,
    out: _Place = None,
    as_json: o.AsJson = False,
) -> None:
    """Find a concept's direction in every layer, and how well it tells texts apart.

    Every figure is of texts that the probe wasn't made from; beside it stand what words alone give,
    shuffled labels, and the same texts without the concept's own words.
    """
    from selfcorrect.cli.parts import counted
    from selfcorrect.cli.pulse import opening
    from selfcorrect.concepts.make import make

    with counted(begins=opening(model or "smollm2")) as progress:
        made = make(
            name,
            model or "smollm2",
            data=data,
            kind=kind,
            site=site,
            shown=shown,
            label=label,
            words=words,
            in_place=in_place,
            limit=limit,
            seed=seed,
            dtype=dtype or "auto",
            device=device or "auto",
            base_url=base_url,
            out=out,
            counted=progress,
        )
    _show(made, as_json)


@group.command(cls=Command)
def show(
    concept: _File,
    model: o.ModelName = None,
    as_json: o.AsJson = False,
) -> None:
    """Show what a concept was made from and what its training found.

    With --model it is also checked that it was made for that model.
    """
    _show(_found(concept, model), as_json)


@group.command(cls=Command)
def compare(
    a: _File,
    b: _File,
    model: o.ModelName = None,
    as_json: o.AsJson = False,
) -> None:
    """Compare the directions of two concepts, layer by layer, with 1,000 random pairs."""
    from selfcorrect.concepts.compare import compare as compared

    table = compared(_found(a, model), _found(b, model))
    if as_json:
        typer.echo(json.dumps(table, indent=2, allow_nan=False))
        return
    names = [f"{visible(table[k]['name'])} ({table[k]['kind']})" for k in ("a", "b")]
    grid = _grid("layer", "cosine", "95 % of random pairs", "p", "p, Holm")
    for each in table["layers"]:
        chance = f"{each['random_low']:+.3f} to {each['random_high']:+.3f}"
        cells = (f"{each['cosine']:+.3f}", chance, f"{each['p']:.3f}", f"{each['p_holm']:.3f}")
        grid.add_row(str(each["layer"]), *cells)
    _print(grid)
    typer.echo(
        f"{names[0]} and {names[1]}: the cosine of their directions in the model's own states, and "
        f"those of {table['pairs']:,} random pairs. p is the share of random pairs as far from 0; "
        f"Holm's is for all {len(table['layers'])} layers together. States share "
        "directions, so that two concepts of one model may be alike without having to do with each "
        "other."
    )


@group.command(cls=Command)
def export(
    concept: _File,
    gguf: Annotated[
        Path, typer.Option("--gguf", metavar="FILE", help="The file to write.", show_default=False)
    ],
    model: o.ModelName = None,
    hint: Annotated[
        str,
        typer.Option(metavar="KIND", help="The kind of model that the file names (model_hint)."),
    ] = "llama",
    as_json: o.AsJson = False,
) -> None:
    """Write a concept's directions as a control vector in GGUF, as llama.cpp and repeng read it."""
    from selfcorrect.concepts import control_vectors

    found = _found(concept, model)
    layers = control_vectors.export(found, gguf.expanduser(), hint)
    if as_json:
        typer.echo(json.dumps({"file": str(gguf), "directions": layers}))
        return
    left = "; layer 0 is left out, as the format has none" if 0 in found.there else ""
    typer.echo(f"{count(layers, 'direction')} of length 1 in {visible(str(gguf))}{left}.")


@group.command("import", cls=Command)
def import_(
    name: _Name,
    gguf: Annotated[
        Path, typer.Option("--gguf", metavar="FILE", help="The file to read.", show_default=False)
    ],
    model: o.ModelName = None,
    layer: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The layer that counts as chosen; by default the middle one.",
            show_default=False,
        ),
    ] = None,
    dtype: o.Dtype = None,
    device: o.Device = None,
    out: _Place = None,
    as_json: o.AsJson = False,
) -> None:
    """Make a concept of a control vector in GGUF, for a model whose layers and size it fits.

    Such a file doesn't say of which weights or texts it was made, and nobody can check that.
    """
    from selfcorrect import models
    from selfcorrect.cli.parts import waiting
    from selfcorrect.cli.pulse import opening
    from selfcorrect.concepts import control_vectors
    from selfcorrect.concepts.file import is_concept
    from selfcorrect.concepts.make import kept
    from selfcorrect.places import new_file

    if out is not None:  # before the model is opened
        new_file(out, "a concept's", is_concept)
    with waiting(opening(model or "smollm2")):
        opened = models.load(model or "smollm2", dtype or "auto", device or "auto")
    made = control_vectors.load(gguf, name, opened, layer)
    _show(kept(made, out), as_json)


def _found(concept: str, model: str | None) -> Concept:
    """A concept by its file, or by its name on a model."""
    from selfcorrect import models
    from selfcorrect.concepts.binding import check_fits
    from selfcorrect.concepts.file import ENDING, read
    from selfcorrect.concepts.make import stored
    from selfcorrect.errors import UserError

    if concept.endswith(ENDING) or "/" in concept or Path(concept).is_file():
        found = read(concept)
        if model is not None:
            check_fits(found, model, models.describe(model)[0])
        return found
    name = model or "smollm2"
    kept = stored(concept, models.describe(name)[0])
    if kept is None:
        raise UserError(
            f"no concept {concept!r} was trained on {name}: give its file, or train it with "
            f"selfcorrect concept train {concept} --model {name}."
        )
    return kept


def _print(grid: Table) -> None:
    """A table, and below it what its dashes mean."""
    printing().print(grid)
    if dashes := legend(str(cell) for column in grid.columns for cell in column.cells):
        typer.echo(dashes)


def _grid(*heads: str) -> Table:
    from rich import box

    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for head in heads:
        grid.add_column(head, justify="right", no_wrap=True)
    return grid


def _table(concept: Concept) -> dict[str, Any]:
    """A concept as JSON."""
    from dataclasses import asdict

    return {
        "name": concept.name,
        "kind": concept.kind,
        "site": concept.site,
        "layer": concept.layer,
        "file": concept.place,
        "fingerprint": concept.fingerprint,
        "bound": asdict(concept.bound),
        "norms": [float(each) for each in concept.norms],
        **concept.figures,
    }


def _show(concept: Concept, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_table(concept), indent=2, allow_nan=False))
        return
    told = concept.figures
    if "layers" in told:
        grid = _grid("layer", "AUROC [95 %]", "masked [95 %]", "shuffled (least to most)")
        for each in told["layers"]:
            mark = "*" if each["layer"] == concept.layer else ""
            masked = ends(each["masked"], each.get("masked_low"), each.get("masked_high"))
            least, most = each.get("shuffled_least"), each.get("shuffled_most")
            shuffled = short(each["shuffled"])
            if least is not None and most is not None:
                shuffled += f" ({short(least)} to {short(most)})"
            grid.add_row(f"{mark}{each['layer']}", interval(each), masked, shuffled)
        _print(grid)
    for line in lines(concept):
        typer.echo(visible(clipped(line)))
