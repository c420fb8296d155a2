"""``choose`` and ``tune``: texts by a model's uncertainty, and a model tuned on texts."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from selfcorrect.cli.consoles import printing
from selfcorrect.cli.pulse import heard
from selfcorrect.cli.shared import Chosen, takes
from selfcorrect.cli.sheet import show
from selfcorrect.cli.spec import spec_from
from selfcorrect.errors import UserError
from selfcorrect.text import visible
from selfcorrect.tuning.options import CHOOSE, TUNE, TUNING


@takes(None, CHOOSE)
def choose(chosen: Chosen) -> None:
    """Ask a model several times whether each text contains bias; choose texts by how sure it is.

    Subsets of one size, a file each: the most uncertain texts, the least uncertain ones, random
    ones, random ones as long as the first, and those with the highest loss. See: tune.
    """
    from selfcorrect.cli.display import shown
    from selfcorrect.tuning.chosen import choose_to

    given = chosen.values
    spec = spec_from(None, chosen.settings)
    with shown(spec.model.name) as progress:
        done = choose_to(
            spec, given["data"], given["size"], given["to"],
            limit=given["limit"], swap=given["swap"], out=given["out"], progress=progress,
            told=_scored,
        )  # fmt: skip
    if chosen.as_json:
        files = {name: str(file) for name, file in done.files.items()}
        told = {"folder": str(done.folder), "files": files, **done.table}
        typer.echo(json.dumps(told, indent=2, allow_nan=False))
        return
    show(done.sheet(), printing())
    typer.echo(visible(str(done.folder)))


def _scored(now: int, every: int) -> None:
    heard(f"{now:,}/{every:,} texts have their loss")


@takes(None, TUNE)
def tune(chosen: Chosen) -> None:
    """Tune a model on texts, into a folder that --model takes.

    Next-token loss over real tokens, AdamW. The folder's tuned.toml says of which model, which
    texts and how. After a stop the same command goes on.
    """
    from selfcorrect.cli.parts import counted
    from selfcorrect.models.tuned import read_tuned
    from selfcorrect.tasks.data.texts import read_texts
    from selfcorrect.tuning.fit import Settings
    from selfcorrect.tuning.tune import tune as make

    given = chosen.values
    spec = spec_from(None, chosen.settings)
    settings = Settings(**{name: given[name] for name in TUNING}, seed=spec.seed)
    found = read_texts(given["texts"])
    with counted("steps") as progress:
        place = make(
            spec.model.name,
            found,
            given["out"],
            settings,
            device=spec.model.device,
            trust=spec.model.trust_remote_code,
            name=Path(given["texts"]).name,
            told=lambda now, every, _: progress(now, every),
        )
    tuned = read_tuned(str(place))
    if tuned is None:
        raise UserError(f"{place} is gone: somebody has moved it.")
    if chosen.as_json:
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
