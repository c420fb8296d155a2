"""``selfcorrect bias``: which of two sentences a model finds likelier."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from selfcorrect.cli import options as o
from selfcorrect.cli.parts import counted
from selfcorrect.cli.sheet import show
from selfcorrect.cli.spec import spec_from
from selfcorrect.places import new_file, put

PairsFile = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Pairs in the layout of CrowS-Pairs (sent_more, sent_less, stereo_antistereo, "
        "bias_type), or StereoSet's JSON; by default pairs of our own.",
        show_default=False,
    ),
]


def bias(
    model: o.ModelName = None,
    data: PairsFile = None,
    skip_bad: o.SkipBad = False,
    dtype: o.Dtype = None,
    device: o.Device = None,
    trust_remote_code: o.TrustRemoteCode = False,
    base_url: o.BaseUrl = None,
    page: o.Page = None,
    as_json: o.AsJson = False,
) -> None:
    """Say which of two sentences a model finds likelier: the one that stereotypes more?

    By category and direction, with intervals over templates. Known faults of the items are counted,
    and the figures shown with and without such items.
    """
    from selfcorrect.evaluation.bias import bias as measure
    from selfcorrect.evaluation.sheet import sheet
    from selfcorrect.report.sheet import is_page
    from selfcorrect.report.sheet import page as as_page

    place = None if page is None else new_file(page, "a page of ours", is_page)
    opened = open_named(model, dtype, device, base_url, trust=trust_remote_code)
    try:
        with counted() as progress:
            found = measure(opened, data, skip_bad=skip_bad, told=progress)
    finally:
        opened.close()
    made = sheet(found)
    if place is not None:
        put(place, as_page(made).encode("utf-8", "replace"))
    if as_json:
        typer.echo(json.dumps(found, indent=2, allow_nan=False))
    else:
        show(made, Console())


def open_named(
    model: str | None,
    dtype: str | None,
    device: str | None,
    base_url: str | None,
    *,
    trust: bool = False,
) -> Any:
    """The model that a command line names, opened.

    Raises:
        UserError: it can't be.
    """
    from selfcorrect.runs.prepare import open_model

    values: dict[str, Any] = {"model.name": model, "model.dtype": dtype, "model.device": device}
    values |= {"model.base_url": base_url, "model.trust_remote_code": trust or None}
    return open_model(spec_from(None, values).model)
