"""The report: one HTML file that needs no network, and a notebook's view of a run.

Everything a reader sees of the numbers is in the HTML itself; a script adds the charts, the
definitions on hovering, and the dialogues. Only scripts whose hash the page states may run, so text
from models and data can't bring its own.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from selfcorrect.report import contents
from selfcorrect.report.charts import charts
from selfcorrect.report.definitions import DEFINITIONS, define
from selfcorrect.report.dialogues import which
from selfcorrect.report.notes import incomplete, missing, notes
from selfcorrect.report.numbers import MISSING, count, written
from selfcorrect.text import visible

#: The charts of the first screen.
_FIRST = ("curves", "cost")


def page(summary: Mapping[str, Any], dialogues: Mapping[str, Any] | None = None) -> str:
    """The whole report as one HTML file, to be written as UTF-8.

    Args:
        summary: of a run, see ``Run.summary``.
        dialogues: from :func:`selfcorrect.report.dialogues.embed`; without, there are none to see.
    """
    rounds, drawn = summary["rounds"], charts(summary)
    return _rendered(
        summary,
        drawn,
        whole=True,
        dialogues=dialogues,
        which=which(dialogues) if dialogues else "",
        changes=contents.comparisons(summary["changes"]),
        controls=contents.controls(summary),
        convergence=contents.convergence(summary),
        flow=contents.flow(rounds),
        alternating=contents.cell("alternating", summary["alternating"]),
        wholes=[name.removeprefix("parts/") for name in drawn if name.startswith("parts/")],
        tables=contents.tables(rounds),
        missing=missing(rounds),
        definitions=DEFINITIONS,
        about=contents.about(summary),
    )


def first_screen(summary: Mapping[str, Any]) -> str:
    """The report's first screen as an ``<iframe>``, for a notebook.

    A frame has styles, scripts and a content security policy of its own: it can't disturb the
    notebook, nor the notebook it.
    """
    drawn = {name: chart for name, chart in charts(summary).items() if name in _FIRST}
    inside = escape(_rendered(summary, drawn, whole=False, dialogues=None))
    return (
        '<iframe sandbox="allow-scripts" title="selfcorrect report" loading="lazy" '
        'style="width:100%;height:44rem;border:0;color-scheme:light dark" '
        f'srcdoc="{inside}"></iframe>'
    )


def _rendered(summary: Mapping[str, Any], drawn: Mapping[str, Any], **more: Any) -> str:
    """The page with what is on the first screen, and more of it if it is to be whole."""
    rounds = summary["rounds"]
    library = _library() if drawn else None
    script = _file("page.js")
    return _template().render(
        style=_file("page.css"),
        script=script,
        library=library.packed if library else None,
        policy=_policy(_hash(script), *([library.hash] if library else [])),
        charts=drawn,
        alt={name: contents.alt(name, chart["alt"], rounds) for name, chart in drawn.items()},
        title=contents.title(summary),
        verdict=summary["verdict"].split("\n"),
        headline=summary["headline"],
        incomplete=incomplete(summary),
        notes=notes(summary, contents.FOREMOST),
        rounds=rounds,
        figures=contents.key_figures(summary),
        terms=contents.terms(rounds),
        **more,
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(define=define, written=written, count=count)
    environment.globals.update(signs=contents.SIGNS)
    environment.filters["capital"] = lambda text: text[:1].upper() + text[1:]
    return environment.get_template("page.html")


def _shown(value: Any) -> Any:
    """A value as it is put into the page: nothing in it is invisible or reorders the rest."""
    if value is None:
        return MISSING
    if isinstance(value, str) and not isinstance(value, Markup):  # of markup the parts were shown
        return visible(value, lines=True)
    return value


@cache
def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


class _Library(NamedTuple):
    """plotly's script, compressed (4.8 MB are 2 MB so), and the hash of what it unpacks to."""

    packed: str
    hash: str


@cache
def _library() -> _Library:
    from plotly.offline import get_plotlyjs

    code = _unwrapped(get_plotlyjs())
    packed = gzip.compress(code.encode(), 9, mtime=0)
    return _Library(base64.b64encode(packed).decode("ascii"), _hash(code))


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


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _policy(*hashes: str) -> str:
    """The content security policy: these scripts, and nothing from anywhere else.

    Styles written into the page are allowed, as plotly writes some into its charts; without
    images, fonts and connections they can't tell anything to anyone.
    """
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
