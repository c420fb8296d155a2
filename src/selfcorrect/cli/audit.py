"""``selfcorrect audit``: whether a run's intervals hold on data like its own."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from selfcorrect.measures.audit import Audited
from selfcorrect.report.numbers import MISSING, legend, percent
from selfcorrect.runs.audit import told


def table(figures: Sequence[Audited]) -> RenderableType:
    """A row a figure: how often its interval held, and whether that is as it should be."""
    if not figures:
        return Text("Nothing to audit: no figure varies between two clusters or more.")
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for head in ("figure", "found", "goal", "simulations"):
        grid.add_column(head, justify="left" if head == "figure" else "right")
    for each in figures:
        found, claimed = MISSING, each.counted == "claimed"
        if each.share is not None and each.low is not None and each.high is not None:
            found = f"{percent(each.share)} % [{percent(each.low)}, {percent(each.high)}]"
        grid.add_row(
            Text(f"{each.figure} (claimed)" if claimed else each.figure),
            found if each.holds else f"{found} !",
            f"{'at most' if claimed else 'at least'} {percent(each.goal)} %",
            f"{each.simulations:,}",
        )
    meant = (
        "Found: how often the interval held the truth; of an excess, how often it was claimed "
        "where there is none."
    )
    meant += " A goal is missed where all of the range in brackets does."
    if any(not each.holds for each in figures):
        meant += " A figure marked ! is seen to miss its goal."
    if dashes := legend(each for column in grid.columns for each in map(str, column.cells)):
        meant += f" {dashes}"
    return Group(grid, Text(), *(Text(said) for said in (*told(figures), meant)))
