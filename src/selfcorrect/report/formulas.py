"""Formulas on a page, typeset as MathML; on a terminal and as JSON they stay plain text.

A sheet states how its formulas are written in LaTeX, by how they stand in its texts. MathML is made
when the page is, so a page fetches nothing and runs nothing for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from markupsafe import Markup, escape

from selfcorrect.text import visible

#: In LaTeX, where a line may break: browsers break no line within a formula.
BREAK = r"\allowbreak"


def typesetter(formulas: Mapping[str, str]) -> Callable[[str], Markup]:
    """What makes HTML of a text: its formulas as MathML, all else escaped.

    Args:
        formulas: LaTeX by how a formula stands in texts. Of two that begin alike the longer one is
            found.
    """
    if not formulas:
        return _told
    ends = sorted(formulas, key=len, reverse=True)
    found = re.compile("|".join(_alone(each) for each in ends))

    def typeset(text: str) -> Markup:
        made, at = Markup(), 0
        for each in found.finditer(text):
            made += _told(text[at : each.start()])
            mark = _MARKS.match(text, each.end())
            at = mark.end() if mark else each.end()
            made += _kept(mathml(formulas[each[0]]), text[each.end() : at])
        return made + _told(text[at:])

    return typeset


#: Marks that no line begins with.
_MARKS = re.compile(r"[.,;:)\]]+")


def _kept(formula: Markup, mark: str) -> Markup:
    """A formula and the mark after it on one line, where browsers would break it."""
    if not mark:
        return formula
    first, also, last = formula.rpartition("<wbr>")
    return first + also + Markup('<span class="kept">') + last + _told(mark) + Markup("</span>")


def _told(text: str) -> Markup:
    return escape(visible(text, lines=True))


def _alone(plain: str) -> str:
    """A formula as a pattern: no part of a word, of a number or of a longer symbol."""
    before = r"(?<![\w₊₋])" if re.match(r"\w", plain) else ""
    after = r"(?![\w₊₋^])" if re.search(r"\w$", plain) else ""
    return f"{before}{re.escape(plain)}{after}"


@cache
def mathml(latex: str) -> Markup:
    """A formula of ours as MathML, in pieces between which a line may break."""
    from latex2mathml.converter import convert  # pages alone need it

    first, *more = (piece.strip() for piece in latex.split(BREAK))
    # what a piece begins with is an operator between two things, and has space around it
    pieces = [convert(first), *(convert(f"{{}} {piece}") for piece in more)]
    return Markup("<wbr>".join(pieces))  # LaTeX of ours, never a text of others
