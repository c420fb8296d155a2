"""What is asked of a picture of shapes, in words, and what is right.

Four kinds of question: how many there are of something, whether one shape is left or right of
another, above or below it, and which of two is larger. And expressions that mean one shape of a
picture: by its name, or as the one that is furthest to one side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from selfcorrect.scenes.drawing import COLOURS, FORMS, Shape

Kind = Literal["count", "side", "height", "size"]
_THING = rf"(?:{'|'.join(COLOURS)}) (?:{'|'.join(FORMS)})"
_PLURAL = {form: f"{form}es" if form == "cross" else f"{form}s" for form in FORMS}
_ASKED: dict[Kind, str] = {
    "count": "How many {0} and {1} are there together?",
    "side": "Is the {0} left or right of the {1}?",
    "height": "Is the {0} above or below the {1}?",
    "size": "Which is larger: the {0} or the {1}?",
}
_FURTHEST = {"leftmost": (0, 1), "rightmost": (0, -1), "topmost": (1, 1), "lowest": (1, -1)}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the kind, and the names of the two things it is about (``red circle``)."""

    kind: Kind
    things: tuple[str, str]

    @property
    def text(self) -> str:
        """In words, without the options."""
        things = map(_many, self.things) if self.kind == "count" else self.things
        return _ASKED[self.kind].format(*things)

    @property
    def options(self) -> tuple[str, ...]:
        """What can be answered, in the order in which it is shown; a count has others each time,
        so none here."""
        return {
            "count": (),
            "side": ("left", "right"),
            "height": ("above", "below"),
            "size": tuple(f"the {thing}" for thing in self.things),
        }[self.kind]


def _many(thing: str) -> str:
    colour, form = thing.split()
    return f"{colour} {_PLURAL[form]}"


def _one(things: str) -> str:
    colour, forms = things.split()
    return f"{colour} {next(form for form, many in _PLURAL.items() if many == forms)}"


_MANY = rf"(?:{'|'.join(COLOURS)}) (?:{'|'.join(_PLURAL.values())})"
_PATTERNS = {
    kind: re.compile(
        "".join(
            f"({_MANY if kind == 'count' else _THING})"
            if part in ("{0}", "{1}")
            else re.escape(part)
            for part in re.split(r"(\{[01]\})", asked)
        )
    )
    for kind, asked in _ASKED.items()
}


def read_question(text: str) -> Question | None:
    """The last question in a text."""
    last, which = -1, None
    for kind, pattern in _PATTERNS.items():
        for found in pattern.finditer(text):
            if found.start() > last:
                one, other = found.groups()
                things = (_one(one), _one(other)) if kind == "count" else (one, other)
                last, which = found.start(), Question(kind, things)
    return which


def answered(question: Question, shapes: Sequence[Shape]) -> str | None:
    """The right answer in words; ``None`` where the picture leaves it open: a thing isn't there, is
    there twice, or both are alike."""
    named = [[shape for shape in shapes if shape.name == thing] for thing in question.things]
    if question.kind == "count":
        return str(sum(map(len, named)))
    if any(len(each) != 1 for each in named):
        return None
    one, other = (each[0] for each in named)
    by = {
        "side": other.centre[0] - one.centre[0],
        "height": other.centre[1] - one.centre[1],
        "size": one.size - other.size,
    }[question.kind]
    return None if by == 0 else question.options[0 if by > 0 else 1]


# --- expressions ---------------------------------------------------------------------------------


def expression(name: str) -> str:
    """What means one shape: its name, or ``leftmost`` and the like."""
    return f"the {name} shape" if name in _FURTHEST else f"the {name}"


_EXPRESSION = re.compile(rf"the ({_THING}|(?:{'|'.join(_FURTHEST)})(?= shape))")


def read_expression(text: str) -> str | None:
    """The name that the last expression in a text is of."""
    found = _EXPRESSION.findall(text)
    return found[-1] if found else None


def found(name: str, shapes: Sequence[Shape]) -> Shape | None:
    """The shape that a name means; ``None`` where it means none, or several."""
    if name not in _FURTHEST:
        named = [shape for shape in shapes if shape.name == name]
        return named[0] if len(named) == 1 else None
    axis, sign = _FURTHEST[name]
    # by the edge that leads, as one sees it
    edge = axis if sign > 0 else axis + 2
    places = sorted(shapes, key=lambda shape: sign * shape.box[edge])
    if not places or (len(places) > 1 and places[0].box[edge] == places[1].box[edge]):
        return None
    return places[0]


#: The names that aren't a shape's own.
PLACES = tuple(_FURTHEST)
