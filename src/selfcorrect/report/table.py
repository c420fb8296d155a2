"""The table of a run in the terminal, one row a round, and under it the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from selfcorrect.report.numbers import count, interval, short

#: A round of a summary.
_Row = Mapping[str, Any]

#: What is left out first where the terminal is too narrow; ``show --json`` has everything.
_LEAST = ("K", "mass", "parsed", "AUROC", "entropy", "tokens", "n", "gap", "conf.")


def table(summary: Mapping[str, Any], width: int = 80) -> RenderableType:
    """A summary (see ``Run.summary``) as a rich renderable.

    Args:
        summary: what a run has measured.
        width: of the terminal, in characters: columns that don't fit are left out.
    """
    rounds: Sequence[_Row] = summary["rounds"]
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
    notes = _notes(summary, rounds, controls, names)
    if fewer:
        notes.append(f"Too narrow for all columns: {', '.join(without[:fewer])} left out.")
    verdict = Text(summary["verdict"], style="bold")
    lines = (verdict, Text(), *(Text(note) for note in notes))
    return Group(grid, Text(), *lines) if rounds else Group(*lines)


def _grid(names: Sequence[str], rows: Sequence[tuple[_Row, _Row | None]]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for name in names:
        left = name.startswith("accuracy")
        grid.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row, against in rows:
        grid.add_row(*(Text(_COLUMNS[name][1](row, against)) for name in names))
    return grid


def _differences(controls: Mapping[str, Any], rounds: int) -> list[_Row | None]:
    """The run's accuracy minus that of ``repeat``, by round."""
    against = controls.get("repeat", {}).get("against")
    return against["by_round"] if against else [None] * rounds


def _notes(
    summary: Mapping[str, Any],
    rounds: Sequence[_Row],
    controls: Mapping[str, Any],
    names: Sequence[str],
) -> list[str]:
    notes = []
    if rounds and not {"n", "K"} & set(names):
        of = rounds[-1]
        notes.append(f"n {of['n']:,} in {count(of['clusters'], 'cluster')}, which intervals count.")
    if not summary["complete"]:
        notes.append(
            f"Incomplete: {summary['dialogues']} of {summary['wanted']} dialogues; the same "
            "command goes on."
        )
    if (baseline := controls.get("baseline")) and baseline["rounds"]:
        of = baseline["rounds"][0]["measures"]["accuracy"]
        less = baseline["against"]["difference"]["accuracy"] if baseline["against"] else None
        notes.append(
            f"baseline (the question alone, once): accuracy {_cell(of)}"
            + (f"; round {rounds[-1]['round']} − baseline: {_cell(less)}." if less else ".")
        )
    if unparsed := [f"{r['unparsed']} in round {r['round']}" for r in rounds if r["unparsed"]]:
        notes.append(f"Answers that couldn't be read, counted as wrong: {_several(unparsed)}.")
    if any(r["low_mass"] for r in rounds):
        notes.append("* the options have less than half of the probability in the median dialogue.")
    whys = {r["measures"][m]["why"] for r in rounds for m in _SHOWN if "why" in r["measures"][m]}
    if whys:
        notes.append(f"Where something is missing (–): {'; '.join(sorted(whys))}.")
    for name in _own(rounds):
        cells = [_cell(r["measures"][name]) for r in (rounds[0], rounds[-1])]
        notes.append(
            f"{name}: {cells[0]} in round 1"
            + (f", {cells[1]} in round {rounds[-1]['round']}." if len(rounds) > 1 else ".")
        )
    if explained := [f"{name}: {_TERMS[name]}" for name in names if name in _TERMS]:
        notes.append(f"{'; '.join(explained)}.")
    return notes + list(summary["notes"])


_REPEAT = "− repeat"
_TERMS = {
    _REPEAT: "accuracy minus that of asking again without an instruction",
    "gap": "confidence − accuracy",
    "AUROC": "do right answers have the higher confidence",
    "entropy": "in nats",
    "mass": "probability of all options together",
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
_COMMON = {
    *_SHOWN,
    "likeliest_differs",
    "first_choice_p",
    "encoded",
    "generated",
    "reused",
    "brier",
    "ece",
    "ece_expected",
    "ece_excess",
    "ece_debiased",
    "ece_all",
    "brier_all",
    "calibration_gap_all",
}


def _own(rounds: Sequence[_Row]) -> list[str]:
    """Names of the task's own numbers; those of a part (``bias/Age``) are in ``show --json``."""
    if not rounds:
        return []
    return [n for n in rounds[-1]["measures"] if n not in _COMMON and "/" not in n]


def _several(parts: Sequence[str]) -> str:
    return ", ".join(parts) if len(parts) <= 4 else ", ".join([*parts[:3], "…", parts[-1]])


def _number(measure: Mapping[str, Any], places: int = 3) -> str:
    return "–" if measure["value"] is None else short(measure["value"], places)


def _cell(measure: Mapping[str, Any] | None) -> str:
    if measure is None or measure["value"] is None:
        return "–"
    return f"{_number(measure)} {interval(measure, 3)}"


def _always(*_: object) -> bool:
    return True


def _varies(key: str) -> Callable[[Sequence[_Row], Mapping[str, Any]], bool]:
    return lambda rounds, _: len({row[key] for row in rounds}) > 1


def _known(name: str) -> Callable[[Sequence[_Row], Mapping[str, Any]], bool]:
    return lambda rounds, _: any(r["measures"][name]["value"] is not None for r in rounds)


def _of(name: str, places: int = 3) -> Callable[[_Row, _Row | None], str]:
    return lambda row, _: _number(row["measures"][name], places)


#: When a column is worth its place, and what stands in it: of a row, and of the row's accuracy
#: minus that of the control.
_COLUMNS: dict[
    str,
    tuple[
        Callable[[Sequence[_Row], Mapping[str, Any]], bool],
        Callable[[_Row, _Row | None], str],
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
    "parsed": (lambda rounds, _: any(r["unparsed"] for r in rounds), _of("parse_rate")),
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
