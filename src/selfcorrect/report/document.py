"""What all pages share: one HTML file that needs no network, and what may run in it.

Everything a reader must know is in the HTML itself; a script adds the charts. Only scripts whose
hash the page states may run, so text from models and data can't bring its own.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from selfcorrect.report.numbers import MISSING
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
        images: whether charts may hold images of their own making: plotly paints heatmaps so.
        values: what the template shows; every text is a value, never markup.
    """
    style, script = _joined("page.css", *styles), _joined("charts.js", *scripts)
    library = _library() if charts else None
    return (
        _environment()
        .get_template(template)
        .render(
            style=style,
            script=script,
            library=library.packed if library else None,
            policy=_policy(_hash(script), *([library.hash] if library else []), images=images),
            charts=charts,
            **values,
        )
    )


def frame(page: str, title: str) -> str:
    """A page as an ``<iframe>``, for a notebook.

    A frame has styles, scripts and a content security policy of its own: it can't disturb the
    notebook, nor the notebook it.
    """
    return (
        f'<iframe sandbox="allow-scripts" title="{escape(title)}" loading="lazy" '
        'style="width:100%;height:44rem;border:0;color-scheme:light dark" '
        f'srcdoc="{escape(page)}"></iframe>'
    )


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


def _policy(*hashes: str, images: bool) -> str:
    """The content security policy: these scripts, and nothing from anywhere else.

    Styles written into the page are allowed, as plotly writes some into its charts; without
    connections, fonts and images but those that are in the page they can't tell anything to anyone.
    """
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; "
        f"{'img-src data:; ' if images else ''}base-uri 'none'; form-action 'none'"
    )
