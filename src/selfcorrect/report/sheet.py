"""A sheet: what a command found, as data that the terminal and a page can both show.

A result (numbers, as ``--json`` prints them) becomes a sheet in one function of its own; the sheet
is then shown on a terminal (:mod:`selfcorrect.cli.sheet`) or written as one HTML file
(:func:`page`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; numbers are written by whoever makes it.

    Attributes:
        title: above it.
        columns: the heads; the first column names the row.
        rows: as many texts each as there are columns.
        note: below it, a sentence or none.
        terminal: shown on a terminal too (a long one is for the page alone).
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    terminal: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """A plotly figure in plain data, with colours as in :mod:`selfcorrect.report.charts`.

    Attributes:
        name: unique within the sheet: letters, digits, hyphens. Names its file in the docs.
        title: above it.
        alt: what it shows, in words.
        data, layout: plotly's traces and layout.
        caption: below it: what is theory, what was measured, what the bars are.
        height: as CSS has it.
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
    """

    title: str
    question: str
    findings: Sequence[str]
    sections: Sequence[Section]
    settings: Mapping[str, str] = field(default_factory=dict)
