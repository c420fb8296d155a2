"""What all pages share: one HTML file that needs no network, and what may run in it.

Everything a reader must know is in the HTML itself, the charts too: a script adds what is told on
hovering. Only the script whose hash the page states may run, so text from models and data can't
bring its own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from selfcorrect.report.numbers import MISSING
from selfcorrect.report.svg import SLIM, WIDE, within
from selfcorrect.text import visible


def document(
    template: str,
    *,
    charts: Mapping[str, Any],
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    images: bool = False,
    **values: Any,
) -> str:
    """A page as HTML, to be written as UTF-8.

    Args:
        template: a file beside this one that extends ``document.html``.
        charts: by name, as :func:`selfcorrect.report.charts.charts` makes them.
        styles, scripts: files of its own, beside those that all pages have.
        images: whether it may hold images, which are in the page itself.
        values: what the template shows; every text is a value, never markup.
    """
    style, script = _joined("page.css", *styles), _joined("charts.js", *scripts)
    return (
        _environment()
        .get_template(template)
        .render(
            style=style,
            script=script,
            policy=_policy(_hash(script), images=images),
            charts=charts,
            pictures={name: pictures(name, chart) for name, chart in charts.items()},
            told={name: _told(chart) for name, chart in charts.items()},
            none_drawn=_none_drawn,
            **values,
        )
    )


def several(template: str, pages: Mapping[str, str], **how: Any) -> str:
    """Pages of one kind, by name, as :func:`document` made them: one with a switch."""
    runs = [
        {"name": name, "prefix": f"r{k}-", "part": Markup(_prefixed(_part(page), f"r{k}-"))}
        for k, (name, page) in enumerate(pages.items())
    ]
    return document(template, charts={}, runs=runs, **how)


def _part(page: str) -> str:
    """What of a page stands between its marks, which no text can write."""
    return page.partition("<!--part-->")[2].partition("<!--/part-->")[0]


def _prefixed(part: str, prefix: str) -> str:
    """A part with its ids, and what refers to them, made its own.

    Quotes in texts are escaped, so that only attributes of our templates look like this; a text
    that ends in `` id=``, before the quote that closes it, isn't followed by an id.
    """
    return _REFERS.sub(lambda found: f"{found[1]}{prefix}", part)


_REFERS = re.compile(
    r"""( (?:id|for|aria-labelledby|aria-describedby|data-explained)="|\bhref="#|="url\(#)(?=\w)"""
)


def pictures(name: str, chart: Mapping[str, Any]) -> list[Markup | None]:
    """Each view of a chart for a wide column and for a phone; None has nothing to draw.

    Of long charts, views that aren't shown at first are drawn for a phone alone, which can be read
    on a wide screen, too: a page of many rounds has dozens.
    """
    plain, first, high = _NO_ID.sub("-", name), chart.get("first", 0), chart.get("height")

    def drawn(k: int, view: Mapping[str, Any]) -> Markup:
        if k != first and max(len(trace.get("x", ())) for trace in view["data"]) > _LONG:
            return Markup(within(view, SLIM, f"{plain}-{k}", high, "only"))
        return Markup("".join(within(view, width, f"{plain}-{k}", high) for width in (WIDE, SLIM)))

    return [drawn(k, view) if view["data"] else None for k, view in enumerate(chart["views"])]


#: Points of a line.
_LONG = 16
_NO_ID = re.compile(r"[^A-Za-z0-9]+")


def _none_drawn(view: str) -> Markup:
    return Markup('<p class="none">Nothing to draw for {}.</p>').format(view)


def _told(chart: Mapping[str, Any]) -> dict[str, Any]:
    """What the page's script has to know of a chart."""
    views = [
        {"name": view.get("name", ""), "term": view.get("term", "")} for view in chart["views"]
    ]
    return {"alt": chart["alt"], "views": views}


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["capital"] = lambda text: text[:1].upper() + text[1:]
    return environment


def _shown(value: Any) -> Any:
    """A value as it is put into the page: nothing in it is invisible or reorders the rest."""
    if value is None:
        return MISSING
    if isinstance(value, str) and not isinstance(value, Markup):  # of markup the parts were shown
        return visible(value, lines=True)
    return value


@cache
def _joined(*names: str) -> str:
    return "".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _policy(script: str, *, images: bool) -> str:
    """The content security policy: this script, and nothing from anywhere else.

    Styles written into the page are allowed; without connections, fonts and images but those that
    are in the page they can't tell anything to anyone.
    """
    return (
        f"default-src 'none'; script-src {script}; style-src 'unsafe-inline'; "
        f"{'img-src data:; ' if images else ''}base-uri 'none'; form-action 'none'"
    )
