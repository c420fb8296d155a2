"""``choose`` and ``tune``: texts by a model's uncertainty, and a model tuned on texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from selfcorrect.cli import options as o
from selfcorrect.cli.consoles import printing
from selfcorrect.cli.pulse import heard
from selfcorrect.cli.sheet import show
from selfcorrect.cli.spec import spec_from
from selfcorrect.errors import UserError
from selfcorrect.text import visible

_Texts = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Texts: JSONL or CSV with text (and if wanted id, cluster, task), or a .txt file of "
        "lines; by default texts of our own.",
        show_default=False,
    ),
]
_Size = Annotated[
    int | None,
    typer.Option("--size", metavar="N", min=1, help="Texts in each subset; a quarter by default.",
                 show_default=False),
]  # fmt: skip
_To = Annotated[
    Path | None,
    typer.Option(
        "--to",
        metavar="FOLDER",
        help="A new folder for the subsets; by default one in that of the run which asks.",
        show_default=False,
    ),
]


def choose(
    model: o.ModelName = None,
    data: _Texts = None,
    size: _Size = None,
    samples: o.Samples = None,
    swap: Annotated[
        bool, typer.Option("--swap", help="Swap gendered words and names in the texts first.")
    ] = False,
    limit: o.Limit = None,
    seed: o.Seed = None,
    to: _To = None,
    dtype: o.Dtype = None,
    device: o.Device = None,
    trust_remote_code: o.TrustRemoteCode = False,
    base_url: o.BaseUrl = None,
    as_json: o.AsJson = False,
    out: o.Out = Path("runs"),
) -> None:
    """Ask a model several times whether each text contains bias; choose texts by how sure it is.

    Subsets of one size, a file each: the most uncertain texts, the least uncertain ones, random
    ones, random ones as long as the first, and those with the highest loss. See: tune.
    """
    from selfcorrect.cli.display import shown
    from selfcorrect.tuning.chosen import choose_to

    values: dict[str, Any] = {
        "model.name": model, "model.dtype": dtype, "model.device": device, "seed": seed,
        "model.base_url": base_url, "model.trust_remote_code": trust_remote_code or None,
        "samples.k": samples,
    }  # fmt: skip
    spec = spec_from(None, values)
    with shown(spec.model.name) as progress:
        how: Any = {"limit": limit, "swap": swap, "out": out, "progress": progress, "told": _scored}
        done = choose_to(spec, data, size, to, **how)
    if as_json:
        typer.echo(json.dumps(done.table, indent=2, allow_nan=False))
        return
    show(done.sheet(), printing())
    typer.echo(visible(str(done.folder)))


def _scored(now: int, every: int) -> None:
    heard(f"{now:,}/{every:,} texts have their loss")


def tune(
    texts: Annotated[str, typer.Option("--texts", metavar="FILE", help="Texts, as for choose.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="The folder of the new model.")
    ],
    model: o.ModelName = None,
    steps: Annotated[
        int, typer.Option(metavar="N", min=0, help="Steps; 0 is three passes over the texts.")
    ] = 0,
    rate: Annotated[
        float, typer.Option(metavar="X", min=0, help="The largest learning rate.")
    ] = 5e-5,
    batch: Annotated[int, typer.Option(metavar="N", min=1, help="Texts of a step.")] = 8,
    lora: Annotated[
        int,
        typer.Option(metavar="RANK", min=0, help="Rank of LoRA's matrices; 0 tunes all weights."),
    ] = 0,
    longest: Annotated[
        int, typer.Option(metavar="N", min=2, help="Tokens that are read of a text.")
    ] = 256,
    seed: o.Seed = None,
    device: o.Device = None,
    trust_remote_code: o.TrustRemoteCode = False,
    as_json: o.AsJson = False,
) -> None:
    """Tune a model on texts, into a folder that --model takes.

    Next-token loss over real tokens, AdamW. The folder's tuned.toml says of which model, which
    texts and how. After a stop the same command goes on.
    """
    from selfcorrect.cli.parts import counted
    from selfcorrect.models.tuned import read_tuned
    from selfcorrect.tasks.data.texts import read_texts
    from selfcorrect.tuning.fit import Settings
    from selfcorrect.tuning.tune import tune as make

    spec = spec_from(None, {"model.name": model, "seed": seed})
    settings = Settings(steps, rate, batch, spec.seed, lora, longest)
    found = read_texts(texts)
    with counted("steps") as progress:
        place = make(
            spec.model.name,
            found,
            out,
            settings,
            device=device or "auto",
            trust=trust_remote_code,
            name=Path(texts).name,
            told=lambda now, every, _: progress(now, every),
        )
    tuned = read_tuned(str(place))
    if tuned is None:
        raise UserError(f"{place} is gone: somebody has moved it.")
    if as_json:
        table = {"folder": str(place), "parent": tuned.parent, "texts": tuned.texts}
        table |= {"settings": tuned.settings, "result": tuned.result}
        typer.echo(json.dumps(table, indent=2, allow_nan=False))
        return
    result = tuned.result
    typer.echo(
        f"{tuned.texts['n']:,} texts, {result['steps']:,} steps, loss {result['first_loss']:.3f} "
        f"in the first and {result['last_loss']:.3f} in the last"
    )
    typer.echo(visible(str(place)))
