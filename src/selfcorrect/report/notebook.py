"""What a result shows of itself in a notebook's cell: text, one picture, a table, a link.

Plain HTML without scripts, styles and frames, and SVG as an image: a notebook that isn't trusted, a
viewer on the web and an editor show the same. Whatever is longer is left to the page.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from selfcorrect.report.charts import charts
from selfcorrect.report.contents import alt, cell, key_figures, title
from selfcorrect.report.definitions import definer
from selfcorrect.report.estimates import estimates
from selfcorrect.report.phrases import conclusion
from selfcorrect.report.sheet import Chart, Sheet, Table
from selfcorrect.report.svg import alone
from selfcorrect.report.worded import caption
from selfcorrect.text import visible

#: Characters of a cell: a notebook holds many, and GitHub shows none that is large.
MOST = 80_000
#: A cell's text, of which a model or a data set may have written some.
_LONGEST = 2_000
#: Rounds, rows of a table, and tables that a cell shows.
_ROUNDS, _ROWS, _PARTS = 12, 12, 4
_BESIDE = ("confidence", "tokens")


def of_run(summary: Mapping[str, Any], page: Path | None = None) -> str:
    """A run: its verdict, key figures, curves, and its rounds in a table.

    Args:
        summary: of the run.
        page: its report, where there is one.
    """
    named = title(summary)
    lead, *rest = conclusion(summary)
    figures = [
        (f.label, " ".join(filter(None, [f.cell.text, f.cell.interval, f.verdict or "", f.said])))
        for f in key_figures(summary)
    ]
    drawn = charts(summary).get("curves")
    return _cell(
        f"<p><b>{_text(lead)}</b></p>",
        *(f"<p>{_text(sentence)}</p>" for sentence in rest),
        _table(["", ""], figures, head=False),
        _image(drawn["views"][0], alt("curves", drawn["alt"], summary)) if drawn else "",
        f"<p><small>{_text(caption(drawn))}</small></p>" if drawn else "",
        _rounds(summary),
        _foot(f"{named['model']} on {named['task']}, {named['strategy']}: {named['run']}", page),
    )


def of_sheet(sheet: Sheet, page: Path | None = None) -> str:
    """A study, or whatever else is a sheet: its findings, its first charts and tables."""
    parts = [part for section in sheet.sections for part in section.parts]
    lead, *rest = sheet.findings or [""]
    shown = [_part(part) for part in parts[:_PARTS]]
    return _cell(
        f"<p><b>{_text(lead)}</b></p>",
        *(f"<p>{_text(finding)}</p>" for finding in rest[:_ROWS]),
        *shown,
        _foot(f"{sheet.title}: {sheet.question}", page),
    )


def curve(summary: Mapping[str, Any], name: str = "curves") -> str | None:
    """A chart of a run's report as an SVG file; None where it has no numbers for it."""
    drawn = charts(summary).get(name)
    if not drawn:
        return None
    of = title(summary)
    heading = f"{of['model']} on {of['task']}, {of['strategy']}"
    return alone(drawn["views"][drawn["first"]], alt(name, drawn["alt"], summary), title=heading)


def _part(part: Table | Chart) -> str:
    if isinstance(part, Chart):
        return f"<p>{_text(part.title)}</p>" + _image(
            {"data": part.data, "layout": part.layout}, part.alt
        )
    rows = [list(row) for row in part.rows[:_ROWS]]
    left = len(part.rows) - len(rows)
    more = f"<p><small>and {left} more on the page</small></p>" if left else ""
    return f"<p>{_text(part.title)}</p>{_table(part.columns, rows)}{more}"


def _rounds(summary: Mapping[str, Any]) -> str:
    """A row a round: the outcome and what stands beside it; of many the first and the last."""
    rounds, define = summary["rounds"], definer(summary)
    if not rounds:
        return ""
    names = [summary["outcome"]["name"], *_BESIDE]
    names = [n for n in names if any(n in estimates(row) for row in rounds)]
    kept = rounds if len(rounds) <= _ROUNDS else [*rounds[: _ROUNDS - 1], rounds[-1]]
    rows = []
    for row in kept:
        cells = [cell(define, name, estimates(row).get(name, {})) for name in names]
        rows.append(
            [f"{row['round']}", *(f"{c.text} {c.interval}".strip() for c in cells), f"{row['n']:,}"]
        )
    return _table(["round", *(define(name).label for name in names), "n"], rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, head: bool = True) -> str:
    top = "".join(f"<th>{_text(each)}</th>" for each in heads)
    body = "".join(
        f"<tr><th>{_text(first)}</th>{''.join(f'<td>{_text(each)}</td>' for each in rest)}</tr>"
        for first, *rest in rows
    )
    return f"<table>{f'<thead><tr>{top}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _image(figure: Mapping[str, Any], said: str) -> str:
    """A figure as an image; nothing where it can't be drawn."""
    if not figure["data"]:
        return ""
    data = base64.b64encode(alone(figure, said).encode("utf-8", "replace")).decode("ascii")
    return f'<img alt="{escape(visible(said))}" src="data:image/svg+xml;base64,{data}" width="700">'


def _foot(said: str, page: Path | None) -> str:
    link = f' · <a href="{escape(visible(page.as_posix()))}">the full page</a>' if page else ""
    return f"<p><small>{_text(said)}{link}</small></p>"


def _text(said: str) -> str:
    cut = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
    return escape(visible(cut))


def _cell(*parts: str) -> str:
    """The parts that there is room for, the first and the last of them in any case."""
    first, *between, last = parts
    room, kept = MOST - len(first) - len(last) - 20, []
    for part in between:
        if len(part) <= room:
            kept.append(part)
            room -= len(part)
    return f"<div>{''.join([first, *kept, last])}</div>"
