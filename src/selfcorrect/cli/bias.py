"""``selfcorrect bias``: which of two sentences a model finds likelier."""

from __future__ import annotations

import json

import typer

from selfcorrect.cli.consoles import printing
from selfcorrect.cli.parts import counted, waiting
from selfcorrect.cli.pulse import opening
from selfcorrect.cli.shared import Chosen, takes
from selfcorrect.cli.sheet import show
from selfcorrect.cli.spec import spec_from
from selfcorrect.places import new_file, put
from selfcorrect.tuning.options import BIAS


@takes(None, BIAS)
def bias(chosen: Chosen) -> None:
    """Say which of two sentences a model finds likelier: the one that stereotypes more?

    By category and direction, with intervals over templates. Known faults of the items are counted,
    and the figures shown with and without such items.
    """
    from selfcorrect.evaluation.bias import bias as measure
    from selfcorrect.evaluation.sheet import sheet
    from selfcorrect.report.sheet import is_page
    from selfcorrect.report.sheet import page as as_page
    from selfcorrect.runs.prepare import open_model

    given = chosen.values
    page = given["page"]
    place = None if page is None else new_file(page, "a page of ours", is_page)
    named = spec_from(None, chosen.settings).model
    with waiting(opening(named.name)):
        opened = open_model(named)
    try:
        with counted("texts") as progress:
            found = measure(opened, given["data"], skip_bad=given["skip_bad"], told=progress)
    finally:
        opened.close()
    made = sheet(found)
    if place is not None:
        put(place, as_page(made).encode("utf-8", "replace"))
    if chosen.as_json:
        typer.echo(json.dumps(found, indent=2, allow_nan=False))
    else:
        show(made, printing())
