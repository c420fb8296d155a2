"""The report: one HTML file that needs no network, and a notebook's view of a run.

Everything a reader sees of the numbers is in the HTML itself; a script adds the charts, the
definitions on hovering, and the dialogues.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report import contents
from selfcorrect.report.charts import charts
from selfcorrect.report.definitions import definer
from selfcorrect.report.dialogues import which
from selfcorrect.report.document import document, frame
from selfcorrect.report.estimates import points
from selfcorrect.report.notes import about_intervals, incomplete, missing, notes
from selfcorrect.report.numbers import MISSING, count, legend, units, written
from selfcorrect.report.pictures import Pictures

#: The charts of the first screen.
_FIRST = ("curves", "cost")


def page(
    summary: Mapping[str, Any],
    dialogues: Mapping[str, Any] | None = None,
    pictures: Pictures | None = None,
) -> str:
    """The whole report as one HTML file, to be written as UTF-8.

    Args:
        summary: of a run, see ``Run.summary``.
        dialogues: from :func:`selfcorrect.report.dialogues.embed`; without, there are none to see.
        pictures: of the dialogues, made small.
    """
    drawn = charts(summary)
    return _rendered(
        summary,
        drawn,
        whole=True,
        dialogues=dialogues,
        pictures=pictures,
        which=_which(dialogues, pictures) if dialogues else "",
        changes=contents.comparisons(summary["changes"], definer(summary)),
        controls=contents.controls(summary),
        convergence=contents.convergence(summary),
        flow=contents.flow(summary),
        alternating=contents.cell(definer(summary), "alternating", summary["alternating"]),
        wholes=[name.removeprefix("parts/") for name in drawn if name.startswith("parts/")],
        tables=contents.tables(summary),
        missing=missing(summary),
        about_intervals=about_intervals(summary) if summary["rounds"] else "",
        marks=" ".join([legend([MISSING, f"[{MISSING}]"]), units([summary["verdict"]])]),
        meant=bool(points(summary["rounds"], "semantic_entropy")),
        definitions=contents.terms(summary),
        about=contents.about(summary),
    )


def first_screen(summary: Mapping[str, Any]) -> str:
    """The report's first screen as an ``<iframe>``, for a notebook."""
    drawn = {name: chart for name, chart in charts(summary).items() if name in _FIRST}
    return frame(
        _rendered(summary, drawn, whole=False, dialogues=None, pictures=None),
        "selfcorrect report",
    )


def _rendered(summary: Mapping[str, Any], drawn: Mapping[str, Any], **more: Any) -> str:
    """The page with what is on the first screen, and more of it if it is to be whole."""
    rounds = summary["rounds"]
    return document(
        "page.html",
        charts=drawn,
        scripts=["differences.js", "pictures.js", "page.js"],
        images="activations" in drawn or bool(more["pictures"]),
        define=definer(summary),
        outcome=summary["outcome"],
        with_confidence=_with_confidence(summary),
        judges=summary["outcome"]["kind"] == "share",
        written=written,
        count=count,
        signs=contents.SIGNS,
        alt={name: contents.alt(name, chart["alt"], summary) for name, chart in drawn.items()},
        title=contents.title(summary),
        verdict=summary["verdict"].split("\n"),
        headline=summary["headline"],
        decision=(summary.get("decision") or {}).get("said", ""),
        incomplete=incomplete(summary),
        notes=notes(summary, contents.foremost(summary)),
        rounds=rounds,
        figures=contents.key_figures(summary),
        terms=contents.terms(summary),
        drawn_controls=_drawn_controls(summary),
        **more,
    )


def _which(dialogues: Mapping[str, Any], pictures: Pictures | None) -> str:
    """Which dialogues are embedded, and what of their pictures."""
    said = which(dialogues)
    return f"{said} {pictures.about}" if pictures is not None and pictures.about else said


def _drawn_controls(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The controls that the first chart shows, and by what line."""
    name = summary["outcome"]["name"]
    lines = (("repeat", "dashed"), ("baseline", "dotted"))
    return [
        (which, line)
        for which, line in lines
        if which in summary["controls"] and points(summary["controls"][which]["rounds"], name)
    ]


def _with_confidence(summary: Mapping[str, Any]) -> bool:
    """Whether the first chart shows confidence beside the outcome: both are shares."""
    form = definer(summary)(summary["outcome"]["name"]).form
    return form == "share" and bool(points(summary["rounds"], "confidence"))
