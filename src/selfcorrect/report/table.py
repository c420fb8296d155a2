"""The table of a run in the terminal, one row a round, and under it the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from selfcorrect.report.estimates import Estimate, Round, Rounds, ends, own
from selfcorrect.report.notes import incomplete, notes
from selfcorrect.report.numbers import MISSING, count, interval, short

#: What is left out first where the terminal is too narrow; ``show --json`` has everything.
_LEAST = ("K", "mass", "AUROC", "entropy", "tokens", "n", "gap", "conf.")


def table(summary: Mapping[str, Any], width: int = 80) -> RenderableType:
    """A summary (see ``Run.summary``) as a rich renderable.

    Args:
        summary: what a run has measured.
        width: of the terminal, in characters: columns that don't fit are left out.
    """
    rounds: Rounds = summary["rounds"]
    controls: Mapping[str, Any] = summary["controls"]
    rows = list(zip(rounds, _differences(controls, len(rounds)), strict=True))
    wanted = [name for name, (worth, _) in _COLUMNS.items() if worth(rounds, controls)]
    without = [name for name in _LEAST if name in wanted] + [_REPEAT]
    measuring = Console(width=10_000)
    for fewer in range(len(without) + 1):
        names = [name for name in wanted if name not in without[:fewer]]
        grid = _grid(names, rows)
        if measuring.measure(grid).maximum <= width:
            break
    told = [*incomplete(summary), *_beside(rounds, controls, names), *notes(summary, _SHOWN)]
    if explained := [f"{name}: {_TERMS[name]}" for name in names if name in _TERMS]:
        told.append(f"{'; '.join(explained)}.")
    if fewer:
        told.append(f"Too narrow for all columns: {', '.join(without[:fewer])} left out.")
    first, *others = summary["verdict"].split("\n")
    said = (Text(first, style="bold"), *(Text(line) for line in others))
    lines = (*said, Text(), *(Text(note) for note in told))
    return Group(grid, Text(), *lines) if rounds else Group(*lines)


def _grid(names: Sequence[str], rows: Sequence[tuple[Round, Estimate | None]]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for name in names:
        left = name.startswith("accuracy")
        grid.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row, against in rows:
        grid.add_row(*(Text(_COLUMNS[name][1](row, against)) for name in names))
    return grid


def _differences(controls: Mapping[str, Any], rounds: int) -> list[Estimate | None]:
    """The run's accuracy minus that of ``repeat``, by round."""
    against = controls.get("repeat", {}).get("against")
    return against["by_round"] if against else [None] * rounds


def _beside(rounds: Rounds, controls: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Numbers that have no column: n, the baseline, the task's own."""
    if not rounds:
        return []
    last = rounds[-1]
    told = []
    if not {"n", "K"} & set(names):
        told.append(
            f"n {last['n']:,} in {count(last['clusters'], 'cluster')}, which intervals count."
        )
    if (baseline := controls.get("baseline")) and baseline["rounds"]:
        said = f"accuracy {_cell(baseline['rounds'][0]['measures']['accuracy'])}"
        if baseline["against"]:
            less = baseline["against"]["difference"]["accuracy"]
            said += f"; round {last['round']} − baseline: {_cell(less)}"
        told.append(f"baseline (the question alone, once): {said}.")
    for name in own(rounds):
        cells = (f"{_cell(r['measures'].get(name))} in round {r['round']}" for r in ends(rounds))
        told.append(f"{name}: {', '.join(cells)}.")
    return told


_REPEAT = "− repeat"
_TERMS = {
    _REPEAT: "accuracy minus that of asking again without an instruction",
    "gap": "confidence − accuracy",
    "AUROC": "do right answers have the higher confidence",
    "entropy": "in nats",
    "mass": "probability of all options together, * where it is low",
    "tokens": "encoded per dialogue",
}
_SHOWN = (
    "accuracy",
    "parse_rate",
    "confidence",
    "calibration_gap",
    "auroc",
    "entropy",
    "option_mass",
    "tokens",
)


def _number(measure: Mapping[str, Any], places: int = 3) -> str:
    return MISSING if measure["value"] is None else short(measure["value"], places)


def _cell(measure: Mapping[str, Any] | None) -> str:
    if measure is None or measure["value"] is None:
        return MISSING
    return f"{_number(measure)} {interval(measure, 3)}"


def _always(*_: object) -> bool:
    return True


def _varies(key: str) -> Callable[[Rounds, Mapping[str, Any]], bool]:
    return lambda rounds, _: len({row[key] for row in rounds}) > 1


def _known(name: str) -> Callable[[Rounds, Mapping[str, Any]], bool]:
    return lambda rounds, _: any(r["measures"][name]["value"] is not None for r in rounds)


def _of(name: str, places: int = 3) -> Callable[[Round, Estimate | None], str]:
    return lambda row, _: _number(row["measures"][name], places)


#: When a column is worth its place, and what stands in it: of a row, and of the row's accuracy
#: minus that of the control.
_COLUMNS: dict[
    str,
    tuple[
        Callable[[Rounds, Mapping[str, Any]], bool],
        Callable[[Round, Estimate | None], str],
    ],
] = {
    "round": (_always, lambda row, _: str(row["round"])),
    "n": (_varies("n"), lambda row, _: str(row["n"])),
    "K": (_varies("clusters"), lambda row, _: str(row["clusters"])),
    "accuracy [95 %]": (_always, lambda row, _: _cell(row["measures"]["accuracy"])),
    _REPEAT: (
        lambda _, controls: bool(controls.get("repeat", {}).get("against")),
        lambda _, against: _cell(against),
    ),
    "conf.": (_known("confidence"), _of("confidence")),
    "gap": (_known("calibration_gap"), _of("calibration_gap")),
    "AUROC": (_known("auroc"), _of("auroc")),
    "entropy": (_known("entropy"), _of("entropy")),
    "mass": (
        lambda rounds, _: any(row["low_mass"] for row in rounds),
        lambda row, _: _number(row["measures"]["option_mass"]) + "*" * row["low_mass"],
    ),
    "tokens": (_always, _of("tokens", 0)),
}
