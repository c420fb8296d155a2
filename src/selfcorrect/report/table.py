"""The table of a run in the terminal: one row a round, its controls beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

#: A round of a summary.
_Row = Mapping[str, Any]

#: What is left out first where the terminal is too narrow; ``show --json`` has everything.
_LEAST = ("K", "entropy", "mass", "tokens", "parsed", "n", "conf.", "repeat")


def table(summary: Mapping[str, Any], width: int = 80) -> RenderableType:
    """A summary (see ``Run.summary``) as a rich renderable.

    Args:
        summary: what a run has measured.
        width: of the terminal, in characters: columns that don't fit are left out.
    """
    rounds: Sequence[_Row] = summary["rounds"]
    controls: Mapping[str, Any] = summary.get("controls", {})
    repeat = {r["round"]: r for r in controls.get("repeat", {}).get("rounds", ())}
    without = list(_LEAST) if repeat else [name for name in _LEAST if name != "repeat"]
    measuring = Console(width=10_000)
    for fewer in range(len(without) + 1):
        names = [n for n in _COLUMNS if n not in without[:fewer] and (repeat or n != "repeat")]
        grid = _grid(names, rounds, repeat)
        if measuring.measure(grid).maximum <= width:
            break
    notes = _notes(summary, rounds, controls)
    if fewer:
        notes.append(f"Too narrow for all columns: {', '.join(without[:fewer])} left out.")
    return Group(grid, *(Text(line) for line in notes))


def _grid(names: Sequence[str], rounds: Sequence[_Row], repeat: Mapping[int, _Row]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for name in names:
        left = name.startswith("accuracy")
        grid.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row in rounds:
        grid.add_row(*(Text(_COLUMNS[name](row, repeat.get(row["round"]))) for name in names))
    return grid


def _notes(
    summary: Mapping[str, Any],
    rounds: Sequence[Mapping[str, Any]],
    controls: Mapping[str, Any],
) -> list[str]:
    notes = []
    if not rounds:
        notes.append("No dialogue is finished yet.")
    if not summary["complete"]:
        notes.append(
            f"Incomplete: {summary['dialogues']} of {summary['wanted']} dialogues; the same "
            "command goes on."
        )
    for name in ("baseline", "repeat"):
        of = controls.get(name, {}).get("rounds", ())
        if of and (name == "baseline" or not rounds):
            notes.append(f"{name}: accuracy {_interval(of[0]['measures']['accuracy'])} in round 1.")
    if rounds and not controls:
        notes.append("No control: a gain is not shown to come from the instruction.")
    if unparsed := [f"{r['unparsed']} in round {r['round']}" for r in rounds if r["unparsed"]]:
        notes.append(f"Answers that couldn't be read, counted as wrong: {_several(unparsed)}.")
    if any(r["low_mass"] for r in rounds):
        notes.append("* the options have less than half of the probability in the median dialogue.")
    whys = {r["measures"][m]["why"] for r in rounds for m in _SHOWN if "why" in r["measures"][m]}
    if whys:
        notes.append(f"Where something is missing (–): {'; '.join(sorted(whys))}.")
    for name in _own(rounds):
        cells = [_interval(r["measures"][name]) for r in (rounds[0], rounds[-1])]
        notes.append(
            f"{name}: {cells[0]} in round 1"
            + (f", {cells[1]} in round {rounds[-1]['round']}." if len(rounds) > 1 else ".")
        )
    if rounds:
        notes.append(
            "K: clusters, which the intervals count. entropy in nats, mass: of all options "
            "together, tokens: encoded per dialogue."
        )
    return notes + list(summary.get("notes", ()))


_SHOWN = ("accuracy", "parse_rate", "confidence", "entropy", "option_mass", "tokens")
_COMMON = {
    *_SHOWN,
    "likeliest_differs",
    "first_choice_p",
    "encoded",
    "generated",
    "reused",
}


def _own(rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the task's own numbers; those of a part (``bias/Age``) are in ``show --json``."""
    if not rounds:
        return []
    return [n for n in rounds[-1]["measures"] if n not in _COMMON and "/" not in n]


def _several(parts: Sequence[str]) -> str:
    return ", ".join(parts) if len(parts) <= 4 else ", ".join([*parts[:3], "…", parts[-1]])


def _number(measure: Mapping[str, Any], form: str = "{:.3f}") -> str:
    value = measure["value"]
    return "–" if value is None else _short(form.format(value))


def _interval(measure: Mapping[str, Any]) -> str:
    if measure["value"] is None:
        return "–"
    if measure["low"] is None:
        return f"{_number(measure)} [–]"
    ends = ", ".join(_short(f"{measure[end]:.3f}") for end in ("low", "high"))
    return f"{_number(measure)} [{ends}]"


def _short(number: str) -> str:
    """``.512`` for ``0.512``: every figure here is to three places, and the width is scarce."""
    return number.replace("0.", ".", 1) if number.startswith(("0.", "-0.")) else number


#: What stands in a column, of a row and of the control's same round.
_COLUMNS: dict[str, Callable[[_Row, _Row | None], str]] = {
    "round": lambda row, _: str(row["round"]),
    "n": lambda row, _: str(row["n"]),
    "K": lambda row, _: str(row["clusters"]),
    "accuracy [95 %]": lambda row, _: _interval(row["measures"]["accuracy"]),
    "repeat": lambda _, same: _number(same["measures"]["accuracy"]) if same else "–",
    "parsed": lambda row, _: _number(row["measures"]["parse_rate"]),
    "conf.": lambda row, _: _number(row["measures"]["confidence"]),
    "entropy": lambda row, _: _number(row["measures"]["entropy"]),
    "mass": lambda row, _: _number(row["measures"]["option_mass"]) + "*" * row["low_mass"],
    "tokens": lambda row, _: _number(row["measures"]["tokens"], "{:.0f}"),
}
