"""What the report's page says: a summary's numbers as the cells and rows of its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from selfcorrect.report.definitions import Define, Definition, definer, words
from selfcorrect.report.estimates import (
    Estimate,
    Round,
    Rounds,
    ends,
    estimates,
    grouped,
    known,
    own,
    parts,
    wholes,
)
from selfcorrect.report.notes import doubtful, few, hanging, looked, turning
from selfcorrect.report.numbers import (
    MISSING,
    clusters,
    count,
    decides,
    within,
    written,
    written_interval,
)
from selfcorrect.report.phrases import strategy_of

#: Rounds that stand side by side in a table; more go into the next one.
_ABREAST = 8

#: What stands before a verdict, for those who don't see its colour.
SIGNS = {
    "better": "▲",
    "worse": "▼",
    "higher": "↑",
    "lower": "↓",
    "same": "=",
    "undecided": "?",
}

_Summary = Mapping[str, Any]


class Cell(NamedTuple):
    """A number in the page: what it is, as written, its interval, and what else is to be said."""

    name: str
    text: str
    interval: str = ""
    note: str = ""


class KeyFigure(NamedTuple):
    """A number beside the verdict, what was concluded from it, or a word on what it means."""

    label: str
    cell: Cell
    verdict: str | None = None
    margin: float | None = None
    said: str = ""


class Comparison(NamedTuple):
    """A row of a table of differences.

    ``decides`` is the interval that the verdict goes by, ``why`` there is no verdict, or none with
    a direction.
    """

    name: str
    cell: Cell
    decides: str
    p: str
    verdict: str | None
    margin: float | None
    why: str


def foremost(summary: _Summary) -> tuple[str, str]:
    """What the first screen is about: it says why one of these is missing, the tables of others."""
    return (summary["outcome"]["name"], "confidence")


def cell(define: Define, name: str, e: Estimate, *, signed: bool = False) -> Cell:
    """An estimate as a cell; hovering shows what it comes from."""
    form = define(name).form
    note = []
    if e.get("n") is not None:
        note = [count(e["n"], "dialogue"), clusters(e)]
    if band := e.get("band"):
        both = written_interval({"low": band[0], "high": band[1]}, form)
        note.append(f"95 % band of all rounds together {both}")
    if "why" in e:
        note.append(e["why"])
    if why := hanging(e):
        note.append(why)
    text = written(e.get("value"), form, signed=signed, within=e) + "?" * bool(why)
    return Cell(name, text, written_interval(e, form, signed=signed), "; ".join(note))


# The head, the foot, and words for those who can't see the charts


def title(summary: _Summary) -> dict[str, str]:
    """What was run on what."""
    spec = summary["spec"]
    names = {key: str(spec[key]["name"]) for key in ("model", "task", "strategy")}
    names["strategy"] = strategy_of(names["strategy"])
    if steers := summary.get("steered"):
        names["strategy"] += f", steered by {', '.join(steers)}"
    return {"run": Path(summary["folder"]).name or "run", **names}


def about(summary: _Summary) -> list[tuple[str, str]]:
    """The settings that say what was run, as they stand in the spec."""
    lines = [("folder", str(summary["folder"]))]
    for key, value in summary["spec"].items():
        for name, each in value.items() if isinstance(value, Mapping) else [("", value)]:
            if each not in (None, "", [], {}):
                text = each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
                lines.append((f"{key} {name}".strip(), text))
    return lines


def terms(summary: _Summary) -> dict[str, Definition]:
    """Label and text of every number and word that the page shows."""
    define, outcome = definer(summary), summary["outcome"]["name"]
    there = {name for row in summary["rounds"] for name in estimates(row)}
    measures = [n for names in grouped(outcome).values() for n in names if n in there]
    named = dict.fromkeys((*measures, *words(summary), *own(summary["rounds"], outcome)))
    return {name: define(name) for name in named}


def alt(name: str, what: str, summary: _Summary) -> str:
    """A chart in words; the numbers of the curves are said, the others stand in tables."""
    if name == "activations":  # of its numbers the tables have those of one layer
        return what
    said, define = [what], definer(summary)
    for measure in {"curves": foremost(summary), "cost": ("tokens",)}.get(name, ()):
        rows = [row["measures"].get(measure, {}) for row in summary["rounds"]]
        if not any(rows):
            continue
        values = [cell(define, measure, each).text for each in rows]
        said.append(f"{define(measure).label.capitalize()}: {', '.join(values)}.")
    return " ".join([*said, "The numbers are in the tables below."])


# Beside the verdict


def key_figures(summary: _Summary) -> list[KeyFigure]:
    """The few numbers that a run is about."""
    if not summary["rounds"]:
        return []
    return [
        *_outcomes(summary),
        *_differences(summary),
        *_converged(summary),
        *_cost(summary),
    ]


def around(form: str, margin: float | None) -> str:
    """A margin as the page writes it: ``±3 points`` of a share, ``±.05`` of another number."""
    return MISSING if margin is None else within(margin, form == "share")


def _outcomes(summary: _Summary) -> list[KeyFigure]:
    name, define = summary["outcome"]["name"], definer(summary)
    return [
        KeyFigure(f"{define(name).label}, round {row['round']}", _marked(summary, define, row))
        for row in ends(summary["rounds"])
    ]


def _marked(summary: _Summary, define: Define, row: Round) -> Cell:
    """A round's outcome, with a mark where answers that nobody could read may move it."""
    name = summary["outcome"]["name"]
    found = cell(define, name, row["measures"][name])
    if not doubtful(row, summary["outcome"]) or found.text.endswith("?"):
        return found
    why = "unread or ungraded answers could move it by more than the margin"
    return found._replace(text=f"{found.text}?", note="; ".join(filter(None, (found.note, why))))


def _differences(summary: _Summary) -> list[KeyFigure]:
    outcome, define = summary["outcome"]["name"], definer(summary)
    found = [("last round − first", "change", summary["changes"].get(outcome))]
    for name, control in summary["controls"].items():
        if control["against"]:
            difference = control["against"]["difference"].get(outcome)
            found.append((f"this run − {name}", name, difference))
    return [
        KeyFigure(
            label,
            # the interval that the verdict beside it goes by
            cell(define, outcome, decides(e), signed=True)._replace(name=term),
            e.get("verdict"),
            e.get("margin"),
            hanging(e) or turning(e) or few(e) or looked(e),
        )
        for label, term, e in found
        if e
    ]


def _converged(summary: _Summary) -> list[KeyFigure]:
    if len(summary["rounds"]) < 2:
        return []
    return [KeyFigure("converged", Cell("converged", _from_round(summary["converged_at"])))]


def _from_round(at: int | None) -> str:
    return "not shown" if at is None else f"round {at}"


def _cost(summary: _Summary) -> list[KeyFigure]:
    costs = [row["measures"].get("tokens", {}).get("value") for row in summary["rounds"]]
    if None in costs:
        return []
    baseline = summary["controls"].get("baseline")
    ratio = (baseline["against"] or {}).get("tokens_ratio") if baseline else None
    beside = "" if ratio is None else f"{ratio:.2f} × baseline"
    cost = Cell("tokens", written(sum(costs), "tokens"))
    return [KeyFigure("tokens, all rounds", cost, said=beside)]


# Differences, convergence, flow


def comparisons(compared: Mapping[str, Estimate], define: Define) -> list[Comparison]:
    """A row a measure; ``p`` as it is usually written."""
    return [
        Comparison(
            name,
            cell(define, name, e, signed=True),
            written_interval(decides(e), define(name).form, signed=True)
            if e.get("decides")
            else "",
            "< .001" if e.get("p") is not None and e["p"] < 0.001 else written(e.get("p")),
            e.get("verdict"),
            e.get("margin"),
            hanging(e) or turning(e) or few(e) or e.get("why", "") or looked(e),
        )
        for name, e in compared.items()
    ]


def controls(summary: _Summary) -> list[dict[str, Any]]:
    """The run minus each control with which it shares examples."""
    return [
        {
            "name": name,
            "round": against["round"],
            "rows": comparisons(against["difference"], definer(summary)),
            "ratio": against["tokens_ratio"],
        }
        for name, control in summary["controls"].items()
        if (against := control["against"])
    ]


def convergence(summary: _Summary) -> list[dict[str, Any]]:
    """From which round on each measure stays the same, and what it would take to show it."""
    return [
        {
            "name": name,
            "round": "not shown" if of["round"] is None else str(of["round"]),
            "margin": around(definer(summary)(name).form, of["margin"]),
            "smallest": around(definer(summary)(name).form, of["smallest_margin"]).lstrip("±"),
            "needed": written(of["n_needed"], "count"),
            "why": of.get("why", ""),
        }
        for name, of in summary["convergence"].items()
    ]


#: The ways of an answer from one round to the next, as their columns are headed.
_WAYS = {
    "kept_right": "stayed right",
    "wrong_to_right": "became right",
    "right_to_wrong": "became wrong",
    "wrong_to_wrong": "wrong, another answer",
    "kept_wrong": "wrong, same answer",
    "better": "better",
    "unchanged": "unchanged",
    "worse": "worse",
}


def flow(summary: _Summary) -> dict[str, Any]:
    """How many answers went where: the heads, and a row from each round to the next."""
    rounds, define = summary["rounds"], definer(summary)
    moves = [(a, b) for a, b in pairwise(rounds) if b["flow"]]
    if not moves:
        return {}
    ways = [way for way in _WAYS if way in moves[0][1]["flow"]]
    names = [name for name in ("cl", "cs", "changed") if name in moves[0][1]]
    return {
        "heads": [_WAYS[way] for way in ways],
        "names": names,
        "rows": [
            {
                "from": a["round"],
                "to": b["round"],
                "counts": [written(b["flow"][way], "count") for way in ways],
                "cells": [cell(define, name, b[name] or {}) for name in names],
            }
            for a, b in moves
        ],
    }


# Every number of every round


def tables(summary: _Summary) -> list[dict[str, Any]]:
    """A group of measures each, in as many tables as the rounds need."""
    rounds, define = summary["rounds"], definer(summary)
    cut = [rounds[start : start + _ABREAST] for start in range(0, len(rounds), _ABREAST)]
    return [
        {"title": title, "rounds": abreast, "rows": _rows(title, names, abreast, define)}
        for title, names in _groups(summary, define).items()
        if names
        for abreast in cut
    ]


def _groups(summary: _Summary, define: Define) -> dict[str, Sequence[str]]:
    rounds, outcome = summary["rounds"], summary["outcome"]["name"]
    there = {*known(rounds), *(name for row in rounds for name in row["measures"])}
    groups = {title: [n for n in names if n in there] for title, names in grouped(outcome).items()}
    by_part = {f"{define(whole).label}, by part": parts(rounds, whole) for whole in wholes(rounds)}
    return {**groups, "The task's own": own(rounds, outcome), **by_part}


def _rows(
    title: str, names: Sequence[str], rounds: Rounds, define: Define
) -> list[tuple[str, list[Cell]]]:
    rows = [
        (name, [cell(define, name, estimates(row).get(name, {})) for row in rounds])
        for name in names
    ]
    if title == "Answers":
        rows += [(n, [_counted(n, row) for row in rounds]) for n in ("unparsed", "n", "clusters")]
    if "option_mass" in names:
        at = names.index("option_mass") + 1
        rows.insert(at, ("option_mass_median", [_median_mass(row) for row in rounds]))
    return rows


def _counted(name: str, row: Round) -> Cell:
    return Cell(name, written(row[name], "count"))


def _median_mass(row: Round) -> Cell:
    median = row["measures"]["option_mass"].get("median")
    return Cell("option_mass_median", written(median, "share"), "low" if row["low_mass"] else "")
