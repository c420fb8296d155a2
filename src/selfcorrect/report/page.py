"""The report: one HTML file that needs no network.

Everything a reader sees of the numbers is in the HTML itself, the charts too; a script adds what
marks and words mean on hovering, and the dialogues.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report import contents
from selfcorrect.report.bill import of_run
from selfcorrect.report.charts import charts
from selfcorrect.report.definitions import definer
from selfcorrect.report.dialogues import which
from selfcorrect.report.document import document, several
from selfcorrect.report.notes import about_intervals, incomplete, missing, notes
from selfcorrect.report.numbers import MISSING, count, legend
from selfcorrect.report.pictures import Pictures
from selfcorrect.report.worded import caption, curved, hints


def page(
    summary: Mapping[str, Any],
    dialogues: Mapping[str, Any] | None = None,
    flips: Mapping[str, Any] | None = None,
    pictures: Pictures | None = None,
) -> str:
    """The whole report as one HTML file, to be written as UTF-8.

    Args:
        summary: of a run, see ``Run.summary``.
        dialogues: from :func:`selfcorrect.report.dialogues.embed`; without, there are none to see.
        flips: from :func:`selfcorrect.report.flips.flips`; without, no dialogue is named.
        pictures: of the dialogues, made small.
    """
    return document("page.html", **shown(summary, dialogues, flips, pictures))


def together(pages: Mapping[str, str]) -> str:
    """Reports of several runs, by name, as one page with a switch between them."""
    held = any(_HELD in text for text in pages.values())
    return several("several.html", pages, scripts=_SCRIPTS, images=held)


#: Beside the one of all pages.
_SCRIPTS = ("differences.js", "pictures.js", "page.js")
#: In a page that holds pictures; a text's quotes are escaped.
_HELD = ' id="pictures"'


def shown(
    summary: Mapping[str, Any],
    dialogues: Mapping[str, Any] | None = None,
    flips: Mapping[str, Any] | None = None,
    pictures: Pictures | None = None,
) -> dict[str, Any]:
    """What a report's template shows, and its script."""
    drawn, rounds, define = charts(summary), summary["rounds"], definer(summary)
    return {
        "charts": drawn,
        "scripts": _SCRIPTS,
        "images": bool(pictures),
        "thumbnails": pictures,
        "dialogues": dialogues,
        "which": _which(dialogues, pictures) if dialogues else "",
        "flips": flips,
        "define": define,
        "outcome": summary["outcome"],
        "judges": summary["outcome"]["kind"] == "share",
        "around": contents.around,
        "count": count,
        "signs": contents.SIGNS,
        "alt": {name: contents.alt(name, chart["alt"], summary) for name, chart in drawn.items()},
        "title": contents.title(summary),
        "verdict": summary["verdict"].split("\n"),
        "headline": summary["headline"],
        "decision": (summary.get("decision") or {}).get("said", ""),
        "bill": of_run(summary),
        "incomplete": incomplete(summary),
        "notes": notes(summary, contents.foremost(summary)),
        "rounds": rounds,
        "figures": contents.key_figures(summary),
        "terms": contents.terms(summary),
        "definitions": contents.terms(summary),
        "curved": curved(summary),
        "caption": caption(drawn.get("curves")),
        "hints": hints(summary),
        "changes": contents.comparisons(summary["changes"], define),
        "controls": contents.controls(summary),
        "convergence": contents.convergence(summary),
        "settles": "settled" in drawn or bool(summary["convergence"]),
        "flow": contents.flow(summary),
        "alternating": contents.cell(define, "alternating", summary["alternating"]),
        "wholes": [name.removeprefix("parts/") for name in drawn if name.startswith("parts/")],
        "tables": contents.tables(summary),
        "missing": missing(summary),
        "about_intervals": about_intervals(summary) if rounds else "",
        "marks": legend([MISSING, f"[{MISSING}]"]),
        "about": contents.about(summary),
    }


def _which(dialogues: Mapping[str, Any], pictures: Pictures | None) -> str:
    """Which dialogues are embedded, and what of their pictures."""
    said = which(dialogues)
    return f"{said} {pictures.about}" if pictures is not None and pictures.about else said
