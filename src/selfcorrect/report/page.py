"""The report: one HTML file that needs no network, and a notebook's view of a run.

Everything a reader sees of the numbers is in the HTML itself; a script adds the charts, the
definitions on hovering, and the dialogues. Only scripts whose hash the page states may run, so text
from models and data can't bring its own.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from selfcorrect.report.charts import charts, estimates, interval, measures, parts
from selfcorrect.report.definitions import DEFINITIONS, MISSING, define, visible, written

#: Rounds that stand side by side in a table; more go into the next one.
_ABREAST = 8

_GROUPS: Mapping[str, Sequence[str]] = {
    "Answers": (
        "accuracy",
        "parse_rate",
        "changed",
        "cl",
        "cs",
        "settled",
        "gain",
    ),
    "How sure": ("confidence", "entropy", "option_mass", "first_choice_p", "likeliest_differs"),
    "Calibration": (
        "calibration_gap",
        "brier",
        "ece",
        "ece_expected",
        "ece_excess",
        "ece_debiased",
        "auroc",
        "calibration_gap_all",
        "brier_all",
        "ece_all",
    ),
    "Cost": ("tokens", "encoded", "generated", "reused"),
}
_VERDICTS = {
    "better": "▲",
    "worse": "▼",
    "higher": "↑",
    "lower": "↓",
    "same": "=",
    "undecided": "?",
}


class Cell(NamedTuple):
    """A number in the page: what it is, as written, its interval, and what else is to be said."""

    name: str
    text: str
    interval: str = ""
    note: str = ""


def page(summary: Mapping[str, Any], dialogues: Mapping[str, Any] | None = None) -> str:
    """The whole report as one HTML file, to be written as UTF-8.

    Args:
        summary: of a run, see ``Run.summary``.
        dialogues: from :func:`selfcorrect.report.dialogues.embed`; without, there are none to see.
    """
    return _render(summary, dialogues, whole=True)


def first_screen(summary: Mapping[str, Any]) -> str:
    """The report's first screen as an ``<iframe>``, for a notebook.

    A frame has styles, scripts and a content security policy of its own: it can't disturb the
    notebook, nor the notebook it.
    """
    inside = escape(_render(summary, None, whole=False))
    return (
        '<iframe sandbox="allow-scripts" title="selfcorrect report" loading="lazy" '
        'style="width:100%;height:44rem;border:0;color-scheme:light dark" '
        f'srcdoc="{inside}"></iframe>'
    )


def _render(summary: Mapping[str, Any], dialogues: Mapping[str, Any] | None, *, whole: bool) -> str:
    rounds = summary["rounds"]
    drawn = charts(summary) if rounds else {}
    if not whole:
        drawn = {name: drawn[name] for name in ("curves", "cost") if name in drawn}
    library = _library() if drawn else None
    script = _file("page.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            whole=whole,
            style=_file("page.css"),
            script=script,
            library=library,
            policy=_policy(script, *([library["code"]] if library else [])),
            charts=drawn,
            alt={name: _alt(name, chart, rounds) for name, chart in drawn.items()},
            dialogues=dialogues,
            which=_which(dialogues),
            title=_title(summary),
            about=_about(summary),
            verdict=summary.get("verdict") or "",
            headline=summary.get("headline"),
            notes=_notes(summary),
            incomplete=None if summary["complete"] else (summary["dialogues"], summary["wanted"]),
            rounds=rounds,
            figures=_key_figures(summary) if rounds else [],
            changes=_comparisons(summary.get("changes") or {}),
            controls=_controls(summary),
            convergence=_convergence(summary),
            flow=_flow(rounds),
            tables=_tables(rounds) if whole else [],
            missing=_missing(rounds),
            wholes=[name.partition("/")[2] for name in drawn if name.startswith("parts/")],
            alternating=_cell("alternating", summary.get("alternating") or {}),
            definitions=DEFINITIONS if whole else {},
            terms=_terms(rounds),
        )
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(define=define, written=written, signs=_VERDICTS)
    environment.filters["capital"] = lambda text: text[:1].upper() + text[1:]
    return environment


def _shown(value: Any) -> Any:
    """Text as it is put into the page: nothing in it is invisible or reorders the rest."""
    if value is None:
        return MISSING
    return type(value)(visible(value)) if isinstance(value, str) else value  # markup stays markup


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


@cache
def _library() -> dict[str, str]:
    """plotly's script, and the same compressed: 4.8 MB are 2 MB so."""
    from plotly.offline import get_plotlyjs

    code = _unwrapped(get_plotlyjs())
    packed = gzip.compress(code.encode(), 9, mtime=0)
    return {"code": code, "packed": base64.b64encode(packed).decode("ascii")}


def _unwrapped(code: str) -> str:
    """plotly's script without the function around it, which the browser reads twice.

    That is a quarter of a second on a slow machine. A script that looks otherwise is left alone.
    """
    found = re.fullmatch(
        r"(\s*/\*.*?\*/\s*)\(\s*function\(root, factory\) \{.*?\(\) => \{\s*"
        r"(\"use strict\";\s*var Plotly=.*window\.Plotly = Plotly;)\s*return Plotly;\s*\}\)\);\s*",
        code,
        re.DOTALL,
    )
    return found[1] + found[2] if found else code


def _policy(*scripts: str) -> str:
    """The content security policy: these scripts, and nothing from anywhere else.

    Styles written into the page are allowed, as plotly writes some into its charts; without
    images, fonts and connections they can't tell anything to anyone.
    """
    hashes = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(h).decode('ascii')}'" for h in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


# What the page says


def _title(summary: Mapping[str, Any]) -> dict[str, str]:
    spec = summary["spec"]
    return {
        "run": Path(summary["folder"]).name or "run",
        "model": str(spec["model"]["name"]),
        "task": str(spec["task"]["name"]),
        "strategy": str(spec["strategy"]["name"]),
    }


def _about(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The settings that say what was run, as they stand in the spec."""
    spec = summary["spec"]
    lines = [("folder", str(summary["folder"]))]
    for key, value in spec.items():
        for name, each in value.items() if isinstance(value, Mapping) else [("", value)]:
            if each not in (None, "", [], {}):
                text = each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
                lines.append((f"{key} {name}".strip(), text))
    return lines


def _notes(summary: Mapping[str, Any]) -> list[str]:
    rounds = summary["rounds"]
    notes = []
    if not rounds:
        notes.append("No dialogue is finished yet.")
    if len(rounds) == 1:
        notes.append("One round only: there is no later one to compare it with.")
    if rounds and rounds[-1]["clusters"] == 1:
        notes.append("One cluster only: nothing tells how far the numbers would vary.")
    if rounds and not summary.get("controls"):
        notes.append("No control: a gain is not shown to come from the instruction.")
    for name in ("accuracy", "confidence"):
        last = rounds[-1]["measures"].get(name, {}) if rounds else {}
        if last.get("why"):
            what = "interval of the " if last.get("value") is not None else ""
            notes.append(f"No {what}{name}: {last['why']}.")
    if unread := [f"{r['unparsed']} in round {r['round']}" for r in rounds if r["unparsed"]]:
        notes.append(f"Answers that couldn't be read, counted as wrong: {_several(unread)}.")
    if low := [str(r["round"]) for r in rounds if r["low_mass"]]:
        notes.append(
            "The options have less than half of the probability in the median dialogue of round "
            f"{_several(low)}."
        )
    return [*notes, *summary.get("notes", ())]


def _cell(name: str, e: Mapping[str, Any], *, signed: bool = False) -> Cell:
    form = define(name).form
    said = [f"{written(e[k], 'count')} {word}" for k, word in _COUNTED if e.get(k) is not None]
    if e.get("why"):
        said.append(str(e["why"]))
    text = written(e.get("value"), form, signed=signed)
    return Cell(name, text, interval(e, form), "; ".join(said))


_COUNTED = (("n", "dialogues"), ("clusters", "clusters"))


def _key_figures(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The few numbers beside the verdict: a label, cells, and a word on what they mean."""
    rounds = summary["rounds"]
    first, last = rounds[0], rounds[-1]
    ends = [first, last] if len(rounds) > 1 else [first]
    figures = [
        {
            "label": f"accuracy, round {row['round']}",
            "cell": _cell("accuracy", row["measures"].get("accuracy", {})),
        }
        for row in ends
    ]
    if change := (summary.get("changes") or {}).get("accuracy"):
        figures.append(_compared("last round − first", "change", change))
    for name, control in (summary.get("controls") or {}).items():
        against = control.get("against") or {}
        if difference := (against.get("difference") or {}).get("accuracy"):
            figures.append(_compared(f"this run − {name}", name, difference))
    if len(rounds) > 1:
        at = summary.get("converged_at")
        figures.append(
            {
                "label": "converged",
                "cell": Cell("converged", "not shown" if at is None else f"round {at}"),
            }
        )
    costs = [row["measures"].get("tokens", {}).get("value") for row in rounds]
    if None not in costs:
        ratio = ((summary.get("controls") or {}).get("baseline") or {}).get("against") or {}
        said = ratio.get("tokens_ratio")
        figures.append(
            {
                "label": "tokens, all rounds",
                "cell": Cell("tokens", written(sum(costs), "tokens")),
                "said": f"{said:.2f} × baseline" if said is not None else "",
            }
        )
    return figures


def _compared(label: str, term: str, e: Mapping[str, Any]) -> dict[str, Any]:
    cell = _cell("accuracy", e, signed=True)._replace(name=term)
    return {"label": label, "cell": cell, "verdict": e.get("verdict"), "margin": e.get("margin")}


def _comparisons(compared: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, e in compared.items():
        p = e.get("p")
        rows.append(
            {
                "name": name,
                "cell": _cell(name, e, signed=True),
                "p": MISSING if p is None else "< .001" if p < 0.001 else written(p),
                "margin": e.get("margin"),
                "verdict": e.get("verdict"),
                "why": e.get("why", ""),
            }
        )
    return rows


def _controls(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, control in (summary.get("controls") or {}).items():
        against = control.get("against") or {}
        found.append(
            {
                "name": name,
                "round": against.get("round"),
                "rows": _comparisons(against.get("difference") or {}),
                "ratio": against.get("tokens_ratio"),
                "dialogues": control.get("dialogues"),
            }
        )
    return found


def _convergence(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "round": str(of["round"]) if of.get("round") is not None else "not shown",
            "margin": of.get("margin"),
            "smallest": written(of.get("smallest_margin")),
            "needed": written(of.get("n_needed"), "count"),
            "why": of.get("why", ""),
        }
        for name, of in (summary.get("convergence") or {}).items()
    ]


def _flow(rounds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "from": a["round"],
            "to": b["round"],
            "counts": b["flow"],
            "cells": [_cell(name, b.get(name) or {}) for name in ("cl", "cs", "changed")],
        }
        for a, b in pairwise(rounds)
        if b.get("flow")
    ]


def _tables(rounds: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every number of every round: a group of measures, in as many tables as rounds need."""
    found = measures(rounds)
    named = {name for row in rounds for name in row["measures"] if "/" not in name}
    groups = {
        title: [n for n in names if n in named or n in found] for title, names in _GROUPS.items()
    }
    ours = {n for names in _GROUPS.values() for n in names}
    groups["The task's own"] = [n for n in sorted(named, key=_as_listed(rounds)) if n not in ours]
    for whole in dict.fromkeys(n.partition("/")[0] for n in found if "/" in n):
        groups[f"{define(whole).label}, by part"] = parts(rounds, whole)
    tables = []
    for title, names in groups.items():
        for start in range(0, len(rounds), _ABREAST):
            abreast = rounds[start : start + _ABREAST]
            rows = [
                (name, [_cell(name, estimates(row).get(name) or {}) for row in abreast])
                for name in names
            ]
            if title == "Answers":
                rows += [
                    (name, [Cell(name, written(row[name], "count")) for row in abreast])
                    for name in ("unparsed", "n", "clusters")
                ]
            if title == "How sure":
                rows.insert(3, ("option_mass_median", [_median(row) for row in abreast]))
            if rows:
                tables.append({"title": title, "rounds": abreast, "rows": rows})
    return tables


def _as_listed(rounds: Sequence[Mapping[str, Any]]) -> Any:
    order = {name: k for k, name in enumerate(n for row in rounds for n in row["measures"])}
    return lambda name: order[name]


def _median(row: Mapping[str, Any]) -> Cell:
    median = row["measures"].get("option_mass", {}).get("median")
    return Cell("option_mass_median", written(median, "share"), "low" if row["low_mass"] else "")


def _missing(rounds: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Why numbers are missing, each reason once with the measures that it concerns."""
    reasons: dict[str, dict[str, None]] = {}
    for row in rounds:
        for name, e in estimates(row).items():
            if e.get("why") and "/" not in name:
                reasons.setdefault(str(e["why"]), {})[define(name).label] = None
    return [(why, list(names)) for why, names in reasons.items()]


def _terms(rounds: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Label and text of every definition, of the task's own measures too."""
    names = [*DEFINITIONS, *(name.partition("/")[0] for row in rounds for name in row["measures"])]
    return {name: define(name)[:2] for name in names}


def _which(dialogues: Mapping[str, Any] | None) -> str:
    """Which dialogues are embedded, in a sentence."""
    if not dialogues or not dialogues["total"]:
        return ""
    embedded, total, flipped = (dialogues[k] for k in ("embedded", "total", "flipped"))
    if embedded == total:
        return f"All {total:,} dialogues, those with a flip first ({flipped:,})."
    if embedded <= flipped:
        which = f"{embedded:,} of the {flipped:,} dialogues with a flip"
        return f"{which}; the run has {total:,} dialogues, and the rest are left out here."
    return (
        f"{embedded:,} of {total:,} dialogues: all {flipped:,} with a flip first, then others in "
        "the order of the run. The rest are left out here."
    )


def _alt(name: str, chart: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]]) -> str:
    """A chart in words; the numbers of the curves are said, the others stand in tables."""
    said = [chart["alt"]]
    for measure in {"curves": ("accuracy", "confidence"), "cost": ("tokens",)}.get(name, ()):
        values = [_cell(measure, row["measures"].get(measure, {})).text for row in rounds]
        said.append(f"{define(measure).label.capitalize()}: {', '.join(values)}.")
    return " ".join([*said, "The numbers are in the tables below."])


def _several(parts: Sequence[str]) -> str:
    return ", ".join(parts) if len(parts) <= 4 else ", ".join([*parts[:3], "…", parts[-1]])
