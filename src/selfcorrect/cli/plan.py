"""``selfcorrect plan``: what a run will be able to show, before it is run."""

from __future__ import annotations

from typing import Any

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.measures.panel import columns_needed, panel
from selfcorrect.measures.power import (
    Design,
    design_of,
    difference_of,
    margin_of,
    n_for_difference,
    n_for_margin,
)
from selfcorrect.report.numbers import count, percent, short
from selfcorrect.runs import Run


def design_like(run: Run, power: float) -> Design:
    """What the records of a run tell: how many answers change, and how alike clusters are.

    Raises:
        UserError: it has fewer than two rounds or clusters, or no graded answers.
    """
    records = panel(run.chunks(columns_needed()))
    right = records.columns["outcome"]
    if len(records.rounds) < 2 or len(np.unique(records.clusters)) < 2:
        raise UserError(
            f"{run.folder} can't say how many answers change: it takes two rounds and two "
            "clusters; give --changed instead."
        )
    design = design_of(right[:, -1], right[:, 0], records.clusters, power)
    if design is None:
        raise UserError(
            f"{run.folder} has no answer that changes between right and wrong from the first round "
            "to the last; give --changed instead."
        )
    return design


def plan(
    design: Design, n: int | None, difference: float, margin: float
) -> dict[str, int | float | None]:
    """All figures of a plan, as ``--json`` prints them."""
    table: dict[str, int | float | None] = {
        "changed": design.changed,
        "per_cluster": design.size,
        "icc": design.icc,
        "power": design.power,
        "difference": difference,
        "n_for_difference": n_for_difference(difference, design),
        "margin": margin,
        "n_for_margin": n_for_margin(margin, design),
    }
    if n is not None:
        table |= {
            "n": n,
            "smallest_difference": difference_of(n, design),
            "smallest_margin": margin_of(n, design),
        }
    return table


def lines(table: dict[str, Any]) -> list[str]:
    """A plan in words."""
    size = table["per_cluster"]

    def of(n: int) -> str:
        return f"n {n:,}" + ("" if size == 1 else f" in {count(round(n / size), 'cluster')}")

    clusters = (
        ""
        if size == 1
        else f", clusters of {size:.1f}".removesuffix(".0")
        + f" examples whose changes correlate by {short(table['icc'])}"
    )
    said = [
        f"Assumed: {percent(table['changed'])} % of the answers change between right and wrong"
        f"{clusters}; chance of showing what is there {percent(table['power'])} %.",
        f"To show a difference of {percent(table['difference'])} points: "
        + (
            f"{of(table['n_for_difference'])}."
            if table["n_for_difference"] is not None
            else "not possible where fewer answers change."
        ),
        f"To show that nothing changes by more than ±{percent(table['margin'])} points, if nothing "
        f"does: {of(table['n_for_margin'])}.",
    ]
    if "n" in table:
        smallest, within = table["smallest_difference"], table["smallest_margin"]
        can = [f"a difference of {percent(smallest)} points"] if smallest else []
        can += [f"a margin of ±{percent(within)} points"] if within else []
        said.append(f"{of(table['n'])} can show {' or '.join(can) or 'nothing'}.")
    return said
