"""A sheet: a result as data that the terminal and a page can both show.

A result (numbers, as ``--json`` prints them) becomes a sheet in one function of its own; the sheet
is then shown on a terminal (:mod:`selfcorrect.cli.sheet`) or written as one HTML file
(:func:`page`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selfcorrect.report.numbers import MISSING, legend, units

#: Said in the place of a table that has no rows.
EMPTY = "There is nothing to show here."


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; its numbers are already formatted.

    Attributes:
        title: above it.
        columns: the heads; the first column names the row.
        rows: as many texts each as there are columns.
        note: below it, a sentence or none; what dashes in it mean is said there, too.
        terminal: shown on a terminal too (a long one is for the page alone).
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    terminal: bool = True

    @property
    def below(self) -> str:
        """What stands below it: that it has no rows, the note, and what its dashes mean."""
        dashes = legend((cell for row in self.rows for cell in row[1:]), self.note)
        return " ".join(filter(None, ["" if self.rows else EMPTY, self.note, dashes]))


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure as :mod:`selfcorrect.report.svg` draws it, with colours as in
    :mod:`selfcorrect.report.charts`. Its texts are plain.

    Attributes:
        name: unique within the sheet: letters, digits, hyphens. Names its file in the docs.
        title: above it.
        alt: what it shows, in words.
        data, layout: traces and layout.
        caption: below it: what is theory, what was measured, what the bars are.
        height: in ``rem``, of a chart as wide as half a page.
    """

    name: str
    title: str
    alt: str
    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    caption: str = ""
    height: str = "22rem"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with paragraphs of plain text, then tables and charts."""

    title: str
    text: Sequence[str]
    parts: Sequence[Table | Chart] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page.

    Attributes:
        title: what was done, short: ``Constructions``.
        question: the question it answers, in a sentence.
        findings: the answer, a sentence each, the most important first; null results said plainly.
        sections: the rest.
        settings: what it was made with: ``seed`` → ``0``, ``command`` → ``selfcorrect theory …``.
        formulas: LaTeX of those that a page typesets, by how they stand in its texts.
    """

    title: str
    question: str
    findings: Sequence[str]
    sections: Sequence[Section]
    settings: Mapping[str, str] = field(default_factory=dict)
    formulas: Mapping[str, str] = field(default_factory=dict)

    @property
    def units(self) -> str:
        """In what units sentences and tables are, where that differs; else empty."""
        tables = any(isinstance(part, Table) for each in self.sections for part in each.parts)
        return units(self.findings) if tables else ""


def page(sheet: Sheet) -> str:
    """The sheet as one HTML file, to be written as UTF-8.

    Raises:
        ValueError: a chart's name is not one, or there twice; a table's row is too long or too
            short; a chart holds a number that is not finite, or something that can't be drawn.
    """
    from selfcorrect.report.document import (
        document,  # jinja2, which a sheet by itself can do without
    )
    from selfcorrect.report.formulas import typesetter

    drawn: dict[str, Any] = {}
    for chart in (part for s in sheet.sections for part in s.parts if isinstance(part, Chart)):
        if not _NAME.fullmatch(chart.name) or chart.name in drawn:
            raise ValueError(f"{chart.name!r} can't name a chart, or names two")
        drawn[chart.name] = _chart(chart)
    return document(
        "sheet.html",
        charts=drawn,
        styles=["sheet.css"],
        alt={name: chart["alt"] for name, chart in drawn.items()},
        sheet=sheet,
        typeset=typesetter(sheet.formulas),
        numeric=numeric,
        filled=filled,
        broad=_broad,
        is_table=lambda part: isinstance(part, Table),
    )


def is_page(path: Path) -> bool:
    """Whether a file is a page of ours, by its title."""
    with path.open("rb") as file:
        return b" selfcorrect</title>" in file.read(4_096)


def numeric(table: Table) -> list[bool]:
    """Which columns hold numbers and are aligned to the right; never the first, which names rows.

    Raises:
        ValueError: a row has not as many texts as there are columns.
    """
    columns = list(zip(table.columns, *table.rows, strict=True))[1:]
    return [False, *(all(map(_number, cells)) for _, *cells in columns)][: len(table.columns)]


def filled(table: Table) -> Table:
    """A table without the columns in which no row has anything: what unread answers allow, where
    none is unread, say."""
    kept = [
        k
        for k in range(len(table.columns))
        if k == 0 or not table.rows or any(len(row) <= k or row[k] != "" for row in table.rows)
    ]
    if len(kept) == len(table.columns):
        return table
    rows = [[row[k] for k in kept if k < len(row)] for row in table.rows]
    return replace(table, columns=[table.columns[k] for k in kept], rows=rows)


def _broad(table: Table) -> bool:
    """Whether half a page is too narrow for it."""
    if len(table.columns) > 5 or not table.rows:
        return len(table.columns) > 5
    # numbers aren't wrapped; the name of a row and words are
    most = [_NAME_WRAPS, *(math.inf if each else _WORDS_WRAP for each in numeric(table)[1:])]
    widths = [
        max(min(len(cell), limit) for cell in cells)
        for cells, limit in zip(zip(*table.rows, strict=True), most, strict=True)
    ]
    return sum(widths) + 2 * len(widths) > _HALF_A_PAGE


def _number(text: str) -> bool:
    """Whether a cell is a number, perhaps with its interval and one word; or has none to show."""
    missing = text.strip() in ("", MISSING)
    return missing or (bool(_BEGINS.match(text)) and len(_WORD.findall(text)) <= 1)


#: Characters: of half a page where it is narrowest; at which names of rows and words are wrapped.
_HALF_A_PAGE, _NAME_WRAPS, _WORDS_WRAP = 80, 30, 24
_NAME = re.compile(r"[A-Za-z0-9-]+")
_BEGINS = re.compile(r"[\s(\[<≤>≥≈~+±−-]*(\.?\d|∞)")
_WORD = re.compile(r"[^\W\d_]{2,}")


def _chart(chart: Chart) -> dict[str, Any]:
    """A chart as a page takes it."""
    try:
        view = {"data": _plain(chart.data), "layout": _plain(_once(chart))}
    except ValueError as error:
        raise ValueError(f"chart {chart.name!r}: {error}") from None
    height = 16 * float(chart.height.removesuffix("rem"))
    return {"alt": chart.alt, "views": [view], "height": height}


def _once(chart: Chart) -> Mapping[str, Any]:
    """The layout, without a name of its y axis that is the chart's title."""
    axis = chart.layout.get("yaxis", {})
    if axis.get("title", {}).get("text", "").casefold() != chart.title.casefold():
        return chart.layout
    kept = {key: value for key, value in axis.items() if key != "title"}
    return {**chart.layout, "yaxis": kept}


def _plain(value: Any) -> Any:
    """A part of a figure with numbers rounded to visible digits."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} can't be drawn; leave it out, or put None for a gap")
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
