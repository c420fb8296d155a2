"""Small pictures of coloured shapes: drawn, seen again, and asked about.

The task ``shapes`` draws them and words its questions here; the planted model that sees
(``planted:eye``) finds the shapes in the pixels and knows what each question means. Both have to
agree, and neither imports the other.
"""

from __future__ import annotations

from selfcorrect.scenes.asking import (
    Question,
    answered,
    expression,
    found,
    read_expression,
    read_question,
)
from selfcorrect.scenes.drawing import (
    COLOURS,
    FORMS,
    SIDE,
    Shape,
    drawn,
    seen,
)
from selfcorrect.scenes.making import MOST_PAIRS, Pair, Pointed, pairs, pointed

__all__ = [
    "COLOURS",
    "FORMS",
    "MOST_PAIRS",
    "SIDE",
    "Pair",
    "Pointed",
    "Question",
    "Shape",
    "answered",
    "drawn",
    "expression",
    "found",
    "pairs",
    "pointed",
    "read_expression",
    "read_question",
    "seen",
]
