"""``selfcorrect plan``: what a run will be able to show, before it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.measures.outcomes import paired
from selfcorrect.measures.panel import columns_needed, panel
from selfcorrect.measures.power import (
    Design,
    MeanDesign,
    design_of,
    difference_of,
    margin_of,
    n_for_difference,
    n_for_margin,
)
from selfcorrect.measures.unread import unknown
from selfcorrect.outcome import ACCURACY
from selfcorrect.report.numbers import count, percent, short
from selfcorrect.runs import Run

#: Of a share, if none is given; of a mean it is its outcome's margin.
DIFFERENCE = 0.05


def _unread(run: Run) -> float:
    """The share of a pilot's examples whose outcome isn't known in its first or last round."""
    outcome = run.outcome
    records = panel(run.chunks(columns_needed(outcome)), (), outcome)
    ends = records.at(records.rounds[-1]), records.at(records.rounds[0])
    last, first = unknown(ends, outcome)
    return float((last | first).mean())


def design_like(run: Run, power: float) -> Design | MeanDesign:
    """What the records of a run tell: how much outcomes change, and how alike clusters are.

    Raises:
        UserError: it has fewer than two rounds or clusters, or no outcome that changes.
    """
    outcome = run.outcome
    records = panel(run.chunks(columns_needed(outcome)), (), outcome)
    x = records.columns["outcome"]
    instead = "; give --changed instead" if outcome.kind == "share" else ""
    if len(records.rounds) < 2 or len(np.unique(records.clusters)) < 2:
        raise UserError(
            f"{run.folder} can't say how much answers change: it takes two rounds and two "
            f"clusters{instead}."
        )
    design: Design | MeanDesign | None
    if outcome.kind == "share":
        design = design_of(x[:, -1], x[:, 0], records.clusters, power)
    else:
        e = paired(outcome, x[:, -1], x[:, 0], records.clusters)
        known = e.n / len(x)
        unequal = e.clusters / (e.effective or e.clusters)
        size = e.n / e.clusters
        design = (
            MeanDesign(e.spread, power, size, known, unequal, max(e.unseen)) if e.spread else None
        )
    if design is None:
        changes = "changes between right and wrong" if outcome.kind == "share" else "changes"
        raise UserError(
            f"{run.folder} has no answer that {changes} from the first round to the last{instead}."
        )
    return design


def plan(
    n: int | None,
    difference: float | None,
    margin: float | None,
    power: float,
    pilot: Run | None = None,
    stated: Mapping[str, float | None] | None = None,
) -> dict[str, Any]:
    """All figures of a plan, as ``--json`` prints them.

    Args:
        n: how many examples, if that is asked.
        difference, margin: to be shown; by default 5 points of a share, and the outcome's margin.
        power: the chance of showing what is there.
        pilot: a run whose records tell how much outcomes change.
        stated: ``changed``, ``size`` and ``icc`` of a share's design, instead of the pilot's.

    Raises:
        UserError: a difference or margin wider than the outcome's bounds; a pilot that can't tell.
    """
    outcome = ACCURACY if pilot is None else pilot.outcome
    design = Design(0.2, 1.0, 0.1, power) if pilot is None else design_like(pilot, power)
    given = {key: value for key, value in (stated or {}).items() if value is not None}
    if isinstance(design, Design):
        design = replace(design, **given)
    elif given:
        raise UserError(
            f"--changed, --per-cluster and --icc are for right and wrong answers; {outcome.name} "
            "is a number, and the run tells how much it changes: leave them out."
        )
    if margin is None:
        usual = {} if pilot is None else pilot.header.spec.margins
        margin = usual.get(outcome.name, outcome.margin)
    if difference is None:
        difference = DIFFERENCE if outcome.kind == "share" else margin
    low, high = outcome.bounds
    for name, value in (("difference", difference), ("margin", margin)):
        if not 0 < value <= high - low:
            raise UserError(
                f"a {name} of {value:g} can't be: {outcome.name} lies between {low:g} and {high:g}."
            )
    table: dict[str, Any] = {"outcome": outcome.name, "kind": outcome.kind, "power": design.power}
    if pilot is not None:
        table["unread"] = _unread(pilot)
    if isinstance(design, MeanDesign):
        table |= {
            "spread": design.spread,
            "per_cluster": design.size,
            "known": design.known,
            "unequal": design.unequal,
            "difference": difference,
            "n_for_difference": design.n_for_difference(difference),
            "margin": margin,
            "n_for_margin": design.n_for_margin(margin),
        }
        if n is not None:
            smallest = {"difference": design.difference_of(n), "margin": design.margin_of(n)}
            table |= {"n": n, **{f"smallest_{name}": each for name, each in smallest.items()}}
        return table
    table |= {
        "changed": design.changed,
        "per_cluster": design.size,
        "icc": design.icc,
        "unequal": design.unequal,
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
    share, size = table["kind"] == "share", table.get("per_cluster", 1)
    unequal = table.get("unequal", 1.0)

    def of(n: int) -> str:
        k = n / size
        worth = "" if unequal == 1 else f" (G* {k / unequal:.1f})"
        return f"n {n:,}" + ("" if size == 1 else f" in {count(round(k), 'cluster')}{worth}")

    def written(number: float) -> str:
        return f"{percent(number)} points" if share else short(number, 3)

    said = [
        f"Assumed: {_assumed(table)}; chance of showing what is there {percent(table['power'])} %.",
        f"To show a difference of {written(table['difference'])}: "
        + (
            f"{of(table['n_for_difference'])}."
            if table["n_for_difference"] is not None
            else "not possible where fewer answers change."
        ),
        f"To show that nothing changes by more than ±{written(table['margin'])}, if nothing "
        f"does: {of(table['n_for_margin'])}.",
    ]
    if "n" in table:
        smallest, within = table["smallest_difference"], table["smallest_margin"]
        can = [f"a difference of {written(smallest)}"] if smallest else []
        can += [f"a margin of ±{written(within)}"] if within else []
        said.append(f"{of(table['n'])} can show {' or '.join(can) or 'nothing'}.")
    said.append(
        "All for one look, the first, at a new run; every further look at a growing run takes more."
    )
    if unread := table.get("unread"):
        said.append(
            f"{percent(unread)} % of the run's examples have an answer in the first or last round "
            "that wasn't read or graded: no number of examples shows what hangs on those."
        )
    return said


def _assumed(table: dict[str, Any]) -> str:
    if table["kind"] == "mean":
        spread = short(float(np.sqrt(table["spread"])), 3)
        of = f", clusters of {table['per_cluster']:.1f}".removesuffix(".0")
        of = "" if table["per_cluster"] == 1 else f"{of} examples"
        return f"one example's {table['outcome']} changes by {spread} (standard deviation){of}"
    size = table["per_cluster"]
    clusters = (
        ""
        if size == 1
        else f", clusters of {size:.1f}".removesuffix(".0")
        + f" examples whose changes correlate by {short(table['icc'])}"
    )
    clusters += ", of unequal size" if table["unequal"] > 1 else ""
    return f"{percent(table['changed'])} % of the answers change between right and wrong{clusters}"
