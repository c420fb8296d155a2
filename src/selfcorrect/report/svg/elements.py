"""What SVG is made of: elements, text and its width, colours by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from selfcorrect.text import visible

#: The light page's colours (``page.css``), for a chart that stands alone.
ALONE: Mapping[str, str] = {
    "paper": "#ffffff", "ink": "#1a1a1a", "soft": "#5c5c5c", "rule": "#d9d9d6",
    "outcome": "#0072b2", "confidence": "#b34a00", "repeat": "#007a59", "baseline": "#595959",
    "lost": "#c25400", "kept": "#8c8c8c", "other": "#b05a8c",
}  # fmt: skip
#: Height of a line of text, in units.
LINE = 16.0
#: Characters that are narrower and wider than others, at size 1 of a wide system font.
_NARROW, _WIDE = set("ijlt.,:;'|!()[]I1 f·"), set("mwMWGOQ%@—")
_NAMED = re.compile(r"@(\w+)(?:/(\d+))?")
#: Characters of one text in a chart; what is longer is cut, and told whole on hovering.
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Paint:
    """How colours are written.

    Attributes:
        colours: by name; without, those of the page's style sheet.
        name: what the ids of this chart begin with.
    """

    colours: Mapping[str, str] | None = None
    name: str = "chart"

    def of(self, what: str, part: str = "fill") -> dict[str, str]:
        """``@outcome/20`` as the attributes that paint a fill or a stroke."""
        found = _NAMED.fullmatch(what)
        if not found:
            return {part: what}
        name, percent = found[1], found[2]
        colour = self.colours[name] if self.colours else f"var(--{name})"
        opaque = {} if percent is None else {f"{part}_opacity": f"{int(percent) / 100:g}"}
        return {part: colour, **opaque}


def element(name: str, *children: str, **attributes: object) -> str:
    """An element; ``_`` in a name is ``-`` (``class_``: ``class``), values are escaped, children
    are markup already."""
    told = "".join(
        f' {_attribute(key)}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(children)
    return f"<{name}{told}>{inside}</{name}>" if inside else f"<{name}{told}/>"


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _number(value: object) -> str:
    return near(value) if isinstance(value, float) else str(value)


def near(value: float) -> str:
    """A coordinate to a tenth of a unit."""
    said = f"{value:.1f}".removesuffix(".0")
    return "0" if said == "-0" else said


def shown(text: str, *, plain: bool = False) -> str:
    """A text of a model or of ours, fit to show; as markup unless ``plain``."""
    fit = visible(text)
    return fit if plain else escape(fit, quote=False)


def text(said: str, x: float, y: float, *, anchor: str = "start", **more: object) -> str:
    """A line of text, cut where it is very long."""
    cut = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
    where = None if anchor == "start" else anchor
    return element("text", shown(cut), x=x, y=y, text_anchor=where, **more)


def width(said: str, size: float = 13) -> float:
    """About how wide a text is, rather too wide."""
    units = sum(_unit(c) for c in said[:_LONGEST])
    return units * size


def _unit(character: str) -> float:
    if character in _NARROW:
        return 0.4
    if character in _WIDE or ord(character) > 0x2FFF:
        return 1.0
    return 0.74 if character.isupper() else 0.64


def wrapped(said: str, most: float, lines: int = 3, size: float = 13) -> list[str]:
    """A text in lines no wider than this, cut where there are too many of them."""
    rows: list[str] = []
    for word in re.findall(r"\S+?(?:[-/,_](?=\S)|(?=\s|$))\s*", said) or [said]:
        if rows and width((rows[-1] + word).rstrip(), size) <= most:
            rows[-1] += word
        else:
            rows.append(word)
    rows = [row.rstrip() for row in rows]
    if len(rows) > lines:
        rows = [*rows[: lines - 1], " ".join(rows[lines - 1 :])]
    return [clipped(row, most, size) for row in rows]


def clipped(said: str, most: float, size: float = 13) -> str:
    """A text no wider than this, its middle left out where it is too long."""
    if width(said, size) <= most:
        return said
    keep = len(said)
    while keep > 2 and width(said[:keep] + "…", size) > most:
        keep -= 1
    head = -(-keep * 2 // 3)
    tail = said[len(said) - (keep - head) :].lstrip() if keep > head else ""
    return f"{said[:head].rstrip()}…{tail}"


def path(points: Iterable[tuple[float, float]], *, closed: bool = False) -> str:
    """The ``d`` of a line through these points."""
    told = "L".join(f"{near(x)} {near(y)}" for x, y in points)
    return f"M{told}{'Z' if closed else ''}"
