"""Pictures of shapes by the number: drawn from a seed, the first ones the same however many.

Two pictures of a pair differ in what their question asks, and in nothing else: two shapes have
changed places or sizes, or there is one more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from random import Random

from selfcorrect.scenes.asking import PLACES, Kind, Question, answered, expression, found
from selfcorrect.scenes.drawing import COLOURS, FORMS, SIDE, Shape

_THINGS = tuple(f"{colour} {form}" for colour in COLOURS for form in FORMS)
_KINDS: tuple[Kind, ...] = ("count", "side", "height", "size")
_PAIRS = len(tuple(combinations(_THINGS, 2)))
#: There are so many pairs at most: no question is asked of two of them.
MOST_PAIRS = _PAIRS * len(_KINDS)
#: Pixels: of a shape's side, of the edge that stays free, between two shapes.
_SMALL, _LARGE, _EDGE, _GAP = 20, 48, 4, 6
_Squares = list[tuple[int, int, int]]  # left, top, side


@dataclass(frozen=True, slots=True)
class Pair:
    """The same question of two pictures with different answers.

    Attributes:
        question: its kind and things.
        options: what can be answered, as shown.
        pictures: the shapes of both.
        answers: the right options' numbers.
    """

    question: Question
    options: tuple[str, ...]
    pictures: tuple[tuple[Shape, ...], tuple[Shape, ...]]
    answers: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pointed:
    """A picture and expressions, each with the shape that it means."""

    shapes: tuple[Shape, ...]
    meant: tuple[tuple[str, Shape], ...]


def pairs(number: int, seed: int) -> Pair:
    """The pair of a number, from 0 to :data:`MOST_PAIRS`, excluding that."""
    kind = _KINDS[number % len(_KINDS)]
    things = _things(kind, seed)[number // len(_KINDS)]
    question = Question(kind, things)
    random = Random(f"{seed} pair {number}")
    while True:
        made = _pair(question, random)
        if made is not None:
            return made


@lru_cache(maxsize=64)
def _things(kind: Kind, seed: int) -> list[tuple[str, str]]:
    """Every two things that are asked about, in an order that is drawn."""
    random = Random(f"{seed} things {kind}")
    every = [(a, b) if random.random() < 0.5 else (b, a) for a, b in combinations(_THINGS, 2)]
    random.shuffle(every)
    return every


def _pair(question: Question, random: Random) -> Pair | None:
    if question.kind == "count":
        return _counted(question, random)
    one, other = question.things
    large = random.randint(34, _LARGE)
    sizes = (
        (large, random.randint(_SMALL, large * 2 // 3)) if question.kind == "size" else (large,) * 2
    )
    others = _others(question.things, random.randint(2, 5), random)
    squares = _placed([large, large, *(random.randint(_SMALL, 40) for _ in others)], random)
    if squares is None:
        return None
    axis = {"side": 0, "height": 1}.get(question.kind)
    if axis is not None and abs(squares[0][axis] - squares[1][axis]) < large:
        return None  # plain to see
    rest = [_shape(name, square) for name, square in zip(others, squares[2:], strict=True)]
    first, second = squares[0], squares[1]
    if question.kind == "size":
        shown = [
            (_shape(one, _within(first, a)), _shape(other, _within(second, b)))
            for a, b in (sizes, sizes[::-1])
        ]
    else:
        shown = [(_shape(one, a), _shape(other, b)) for a, b in ((first, second), (second, first))]
    random.shuffle(shown)
    pictures = tuple(_shuffled([*two, *rest], random) for two in shown)
    return _answered(question, question.options, pictures)


def _counted(question: Question, random: Random) -> Pair | None:
    fewer = random.randint(1, 5)
    named = [random.choice(question.things) for _ in range(fewer + 1)]
    others = _others(question.things, random.randint(1, 4), random)
    squares = _placed([random.randint(_SMALL, 36) for _ in (*named, *others)], random)
    if squares is None:
        return None
    shapes = [_shape(name, square) for name, square in zip((*named, *others), squares, strict=True)]
    shown = [shapes, shapes[1:]]
    random.shuffle(shown)
    low = random.randint(max(0, fewer - 2), fewer)
    options = tuple(str(low + k) for k in range(4))
    return _answered(question, options, tuple(_shuffled(each, random) for each in shown))


def _answered(
    question: Question, options: tuple[str, ...], pictures: tuple[tuple[Shape, ...], ...]
) -> Pair | None:
    found = [answered(question, shapes) for shapes in pictures]
    if None in found or found[0] == found[1] or not set(found) <= set(options):
        return None
    one, other = (options.index(str(each)) for each in found)
    return Pair(question, options, (pictures[0], pictures[1]), (one, other))


def pointed(number: int, seed: int) -> Pointed:
    """The picture of a number, with two expressions: one by name, one by place."""
    random = Random(f"{seed} pointed {number}")
    while True:
        names = random.sample(_THINGS, random.randint(3, 7))
        squares = _placed([random.randint(_SMALL, _LARGE) for _ in names], random)
        if squares is None:
            continue
        shapes = tuple(_shape(name, square) for name, square in zip(names, squares, strict=True))
        place = random.choice(PLACES)
        meant = found(place, shapes)
        if meant is None:
            continue
        named = random.choice([shape for shape in shapes if shape is not meant])
        return Pointed(shapes, ((expression(named.name), named), (expression(place), meant)))


def _others(named: tuple[str, str], number: int, random: Random) -> list[str]:
    return random.sample([thing for thing in _THINGS if thing not in named], number)


def _shuffled(shapes: list[Shape], random: Random) -> tuple[Shape, ...]:
    """In an order that tells nothing."""
    return tuple(random.sample(shapes, len(shapes)))


def _placed(sides: list[int], random: Random) -> _Squares | None:
    """Squares of these sides that keep apart, or ``None`` where that didn't work out."""
    squares: _Squares = []
    for side in sides:
        for _ in range(60):
            left, top = (random.randint(_EDGE, SIDE - _EDGE - side) for _ in range(2))
            if all(
                left + side + _GAP <= x or x + s + _GAP <= left
                or top + side + _GAP <= y or y + s + _GAP <= top
                for x, y, s in squares
            ):  # fmt: skip
                squares.append((left, top, side))
                break
        else:
            return None
    return squares


def _within(square: tuple[int, int, int], side: int) -> tuple[int, int, int]:
    """A smaller square in the middle of one."""
    left, top, whole = square
    inset = (whole - side) // 2
    return left + inset, top + inset, side


def _shape(name: str, square: tuple[int, int, int]) -> Shape:
    colour, form = name.split()
    left, top, side = square
    return Shape(colour, form, (left, top, left + side, top + side))
