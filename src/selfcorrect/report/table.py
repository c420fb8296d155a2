"""The table of a run in the terminal, one row a round, and under it the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from selfcorrect.measures.catalogue import MEASURES
from selfcorrect.measures.measure import Measure
from selfcorrect.report.bill import of_run
from selfcorrect.report.definitions import definer
from selfcorrect.report.estimates import Estimate, Round, Rounds, ends, own
from selfcorrect.report.notes import about_intervals, doubtful, hanging, incomplete, notes
from selfcorrect.report.numbers import (
    MISSING,
    clusters,
    interval,
    legend,
    places_of,
    short,
    units,
)
from selfcorrect.report.phrases import conclusion, of_others
from selfcorrect.report.sheet import Table as Billed
from selfcorrect.text import visible

_REPEAT = "− repeat"
#: The measures' columns from the left; those of others stand after them.
_ORDER = (
    "confidence",
    "calibration_gap",
    "auroc",
    "entropy",
    "semantic_entropy",
    "option_mass",
    "tokens",
)
#: Of answers that were given these are what the model that measures finds likely.
_OPINIONS = ("conf.", "gap", "AUROC", "entropy", "mass")
#: What is left out first where the terminal is too narrow; ``show --json`` has everything.
_LEAST = ("K", "mass", "AUROC", "entropy", "sem. H", "tokens", "n", "gap", "conf.")


_MARKED = "? where unread or ungraded answers could move it by more than the margin"


@dataclass(frozen=True)
class _Column:
    """A column: its head, what stands in a row, and whether it is worth its place."""

    head: str
    cell: Callable[[Round, Estimate | None], str]
    worth: bool = True
    explained: str = ""
    left: bool = False


def table(summary: Mapping[str, Any], width: int = 80) -> RenderableType:
    """A summary (see ``Run.summary``) as a rich renderable.

    Args:
        summary: what a run has measured.
        width: of the terminal, in characters: columns that don't fit are left out.
    """
    rounds: Rounds = summary["rounds"]
    controls: Mapping[str, Any] = summary["controls"]
    rows = list(zip(rounds, _differences(controls, len(rounds)), strict=True))
    wanted = [column for column in _columns(summary) if column.worth]
    heads = [column.head for column in wanted]
    further = [head for head in heads if head in _heads() and head not in _LEAST]
    without = [*further, *(head for head in _LEAST if head in heads), _REPEAT]
    measuring = Console(width=10_000)
    for fewer in range(len(without) + 1):
        columns = [column for column in wanted if column.head not in without[:fewer]]
        grid = _grid(columns, rows)
        if measuring.measure(grid).maximum <= width:
            break
    told = [*incomplete(summary), *_beside(summary, [column.head for column in columns])]
    told += notes(summary, _shown(summary))
    if rounds:
        told.append(about_intervals(summary))
    cells = (column.cell(*row) for row in rows for column in columns)
    told += filter(None, [legend(cells), units([summary["verdict"]])])
    if explained := [f"{c.head}: {c.explained}" for c in columns if c.explained]:
        told.append(f"{'; '.join(explained)}.")
    if fewer:
        told.append(f"Too narrow for all columns: {', '.join(without[:fewer])} left out.")
    first, *others = conclusion(summary)
    said = [Text(first, style="bold"), *(Text(line) for line in others)]
    lines = (*said, Text(), *(Text(note) for note in told))
    if not rounds:
        return Group(*lines)
    billed = of_run(summary)
    return Group(grid, Text(), *lines, *(_bill(billed, width) if billed else ()))


def _bill(billed: Billed, width: int) -> list[RenderableType]:
    """The bill, without the last columns where they don't fit; what it is stands below."""
    for n in range(len(billed.columns), 1, -1):
        grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
        for at, head in enumerate(billed.columns[:n]):
            grid.add_column(head, justify="right" if at else "left", no_wrap=True)
        for row in billed.rows:
            grid.add_row(*(Text(visible(cell)) for cell in row[:n]))
        if Console(width=10_000).measure(grid).maximum <= width:
            break
    return [Text(), Text(billed.title), grid, Text(billed.below)]


def _grid(columns: Sequence[_Column], rows: Sequence[tuple[Round, Estimate | None]]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for column in columns:
        grid.add_column(column.head, justify="left" if column.left else "right", no_wrap=True)
    for row, against in rows:
        grid.add_row(*(Text(column.cell(row, against)) for column in columns))
    return grid


def _columns(summary: Mapping[str, Any]) -> list[_Column]:
    rounds, controls = summary["rounds"], summary["controls"]
    outcome, places = summary["outcome"]["name"], places_of(summary["outcome"]["margin"])
    label = definer(summary)(outcome).label
    return [
        _Column("round", lambda row, _: str(row["round"])),
        _Column("n", lambda row, _: str(row["n"]), _varies(rounds, "n")),
        _Column("K", _clusters, _varies(rounds, "clusters")),
        _Column(
            f"{label} [95 %]",
            lambda row, _: _cell(row["measures"][outcome], places) + _mark(row, summary),
            left=True,
            explained=_MARKED if any(_mark(row, summary) for row in rounds) else "",
        ),
        _Column(
            _REPEAT,
            lambda row, against: (
                _cell(against, places)
                + ("?" if against and hanging(against) else _mark(row, summary) if against else "")
            ),
            bool(controls.get("repeat", {}).get("against")),
            f"{label} minus that of asking again without an instruction"
            + (
                f", {_MARKED}"
                if _any_hangs(controls) or any(_mark(row, summary) for row in rounds)
                else ""
            ),
        ),
        *(_measured(measure, rounds) for measure in _in_order()),
    ]


def _mark(row: Round, summary: Mapping[str, Any]) -> str:
    return "?" if doubtful(row, summary["outcome"]) else ""


def _counted(row: Round) -> Estimate:
    """What tells n and clusters of a round: of all of its records."""
    return {**row["measures"]["parse_rate"], "n": row["n"], "clusters": row["clusters"]}


def _clusters(row: Round, _: Estimate | None) -> str:
    effective = _counted(row).get("effective_clusters")
    return str(row["clusters"]) + ("" if effective is None else f" (G* {effective:.1f})")


def _in_order() -> list[Measure]:
    by_name = {m.name: m for m in MEASURES if m.column}
    first = [by_name.pop(name) for name in _ORDER if name in by_name]
    return [*first, *by_name.values()]


def _heads() -> set[str]:
    return {m.column for m in MEASURES if m.column}


def _measured(measure: Measure, rounds: Rounds) -> _Column:
    """A measure's column, where it has a value in some round."""
    name, places = measure.name, 0 if measure.form == "tokens" else 3

    def cell(row: Round, _: Estimate | None) -> str:
        low = name == "option_mass" and row["low_mass"]
        return _number(row["measures"].get(name), places) + "*" * low

    known = any((row["measures"].get(name) or {}).get("value") is not None for row in rounds)
    # of the options' mass only a low one is worth a column
    worth = any(row["low_mass"] for row in rounds) if name == "option_mass" else known
    return _Column(measure.column, cell, worth or name == "tokens", measure.explained)


def _differences(controls: Mapping[str, Any], rounds: int) -> list[Estimate | None]:
    """The run's outcome minus that of ``repeat``, by round."""
    against = controls.get("repeat", {}).get("against")
    return against["by_round"] if against else [None] * rounds


def _any_hangs(controls: Mapping[str, Any]) -> bool:
    against = controls.get("repeat", {}).get("against")
    return bool(against) and any(hanging(each) for each in against["by_round"] if each)


def _beside(summary: Mapping[str, Any], heads: Sequence[str]) -> list[str]:
    """Numbers that have no column: n, the other controls, the task's own."""
    rounds, controls = summary["rounds"], summary["controls"]
    if not rounds:
        return []
    define, outcome, last = definer(summary), summary["outcome"]["name"], rounds[-1]
    told = []
    if of_others(summary) and (judged := [h for h in _OPINIONS if h in heads]):
        told.append(
            f"{', '.join(judged)}: by how likely {visible(summary['spec']['model']['name'])} finds "
            "the options after these dialogues; how sure those were who gave the answers isn't "
            "known."
        )
    if not {"n", "K"} & set(heads):
        told.append(f"n {last['n']:,} in {clusters(_counted(last))}, which intervals count.")
    for name, control in controls.items():
        if name != "repeat" and control["rounds"]:  # that has a column
            told.append(_control(name, control, summary, define(outcome).label))
    for name in own(rounds, outcome):
        shown = ((r["round"], r["measures"].get(name)) for r in ends(rounds))
        cells = (f"{_cell(each, _places(each))} in round {number}" for number, each in shown)
        what = visible(define(name).text).partition(". ")[0].rstrip(".")
        told.append(f"{visible(name)}: {', '.join(cells)}{f' ({what})' if what else ''}.")
    return told


def _control(name: str, control: Mapping[str, Any], summary: Mapping[str, Any], label: str) -> str:
    """A control's outcome in its last round, and what the run's own is beside it."""
    outcome, places = summary["outcome"]["name"], places_of(summary["outcome"]["margin"])
    its = control["rounds"][-1]
    what = "the question alone, once" if name == "baseline" else f"round {its['round']}"
    said = f"{label} {_cell(its['measures'][outcome], places)}"
    if against := control["against"]:
        less = against["difference"][outcome]
        why = f" ({hanging(less)})" if hanging(less) else ""
        said += f"; round {against['round']} − {visible(name)}: {_cell(less, places)}{why}"
    return f"{visible(name)} ({what}): {said}."


def _shown(summary: Mapping[str, Any]) -> tuple[str, ...]:
    """The measures that the reader may miss."""
    return (summary["outcome"]["name"], "parse_rate", *(m.name for m in MEASURES if m.column))


def _number(measure: Mapping[str, Any] | None, places: int = 3) -> str:
    if measure is None or measure["value"] is None:
        return MISSING
    return short(measure["value"], places)


def _places(measure: Mapping[str, Any] | None) -> int:
    """Of a number of the task's own: a count of words needs no thousandths."""
    return 1 if abs((measure or {}).get("value") or 0) >= 10 else 3


def _cell(measure: Mapping[str, Any] | None, places: int = 3) -> str:
    if measure is None or measure["value"] is None:
        return MISSING
    return f"{_number(measure, places)} {interval(measure, places)}"


def _varies(rounds: Rounds, key: str) -> bool:
    return len({row[key] for row in rounds}) > 1
