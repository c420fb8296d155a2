"""Boxes in replies: how a model writes them is declared, never found out from its answers.

Public scorers keep whichever of several readings fits the gold best, or take small numbers of
pixels for thousandths. Both let the gold, or luck, decide what a model said. Here the way is stated
before the first answer, and said to the model in words.

Boxes are told inside as four shares of the picture's width and height, from its left and top edge:
left, top, right, bottom. Overlap is the same in shares and in pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from selfcorrect.errors import UserError, nearest

Box = tuple[float, float, float, float]
Size = tuple[float, float]

#: The ways by name, and a sentence that asks for each. ``{width}`` and ``{height}`` are the
#: picture's.
WAYS: dict[str, str] = {
    "pixels": "Give one box as [left, top, right, bottom] in pixels of the picture, which is "
    "{width} wide and {height} high.",
    "unit": "Give one box as [left, top, right, bottom] in shares of the picture: 0 is its left "
    "and its top edge, 1 its right and its bottom edge.",
    "per-mille": "Give one box as [left, top, right, bottom] in thousandths of the picture: 0 is "
    "its left and its top edge, 1000 its right and its bottom edge.",
    "resized": "Give one box as [left, top, right, bottom] in pixels of the picture as you see it.",
    "paligemma": "Give one box as four location tokens from <loc0000> to <loc1023>: top, left, "
    "bottom, right.",
    "florence": "Give one box as four location tokens from <loc_0> to <loc_999>: left, top, right, "
    "bottom.",
}
#: Of ``resized``: pixels that a picture has at least and at most, and what its sides are multiples
#: of, if a model's files don't say.
LEAST, MOST, MULTIPLE = 56 * 56, 14 * 14 * 4 * 1280, 28
_NUMBER = r"[-+]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12}|nan|inf(?:inity)?)"
_PLAIN = rf"({_NUMBER})"
#: A number that may stand in quotes, or say that it is of pixels.
_NUM = rf"[\"']?({_NUMBER})(?:\s?px)?[\"']?"
_BETWEEN = r"(?:\s{0,9}[,;]\s{0,9}|\s{1,9})"
_OPEN, _CLOSE = r"(?:[\[(]|<box>)\s{0,9}", r"\s{0,9}(?:[\])]|</box>)"
#: What may stand between two corners in prose: (1, 2) to (3, 4).
_WORDS = r"(?:[\s,:;>–—-]|\b(?:to|and|the|its?|at|is|right|bottom|lower|corner)\b){0,20}"
_CORNER = rf"(?:\s{{0,9}}[\])]{_WORDS}[\[(]\s{{0,9}}|{_BETWEEN})"
_FOUR = re.compile(
    rf"{_OPEN}{_NUM}{_BETWEEN}{_NUM}{_CORNER}{_NUM}{_BETWEEN}{_NUM}{_CLOSE}"
    # without brackets there must be commas, and no fifth number
    rf"|(?<![\w.,-])(?<!, ){_PLAIN}\s?,\s?{_PLAIN}\s?,\s?{_PLAIN}\s?,\s?{_PLAIN}"
    rf"(?!\w|\.\d|\s?,\s?[-+.\d])",
    re.IGNORECASE,
)
#: Numbers that say which edge they are: left, top, right, bottom, width, height.
_EDGES = {
    **dict.fromkeys(("left", "x1", "xmin", "x_min", "x0", "x"), 0),
    **dict.fromkeys(("top", "y1", "ymin", "y_min", "y0", "y"), 1),
    **dict.fromkeys(("right", "x2", "xmax", "x_max"), 2),
    **dict.fromkeys(("bottom", "y2", "ymax", "y_max"), 3),
    **dict.fromkeys(("width", "w"), 4),
    **dict.fromkeys(("height", "h"), 5),
}
_NAMED = re.compile(
    rf"[\"']?\b({'|'.join(sorted(_EDGES, key=len, reverse=True))})\b[\"']?"
    rf"\*{{0,2}}\s{{0,9}}[:=]\*{{0,2}}\s{{0,9}}{_NUM}(?![\w%])",
    re.IGNORECASE,
)
#: What may stand between two of them.
_NEXT = re.compile(r"(?:[\s,;|*-]|\band\b){0,20}", re.IGNORECASE)
#: Signs as other keyboards have them.
_SIGNS = str.maketrans({
    "\u2212": "-", "\uff3b": "[", "\uff3d": "]", "\uff08": "(", "\uff09": ")", "\uff0c": ",",
    "\u3001": ",",
})  # fmt: skip
_TOKENS = {
    "paligemma": re.compile(r"<loc(\d{4})>\s?" * 4),
    "florence": re.compile(r"<loc_(\d{1,3})>\s?" * 4),
}


@dataclass(frozen=True, slots=True)
class Way:
    """How a model writes boxes.

    Attributes:
        name: of :data:`WAYS`.
        least, most: of ``resized``, pixels that a picture has at least and at most.
        multiple: of ``resized``, what its sides are multiples of.
    """

    name: str
    least: int = LEAST
    most: int = MOST
    multiple: int = MULTIPLE

    def words(self, size: Size) -> str:
        """The sentence that asks for a box of a picture of this width and height in pixels."""
        width, height = (f"{side:g}" for side in size)
        return WAYS[self.name].format(width=width, height=height)

    def read(self, text: str) -> Found:
        """The first box in a reply, in the reply's own numbers."""
        boxes = self._numbers(text)
        first = next(boxes, None)
        if first is None:
            return Found(None, "no box" if text.strip() else "empty")
        further = sum(1 for _ in boxes)
        if not all(map(math.isfinite, first)):
            return Found(None, "a box without numbers", further)
        left, top, right, bottom = first
        ordered = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
        return Found(ordered, None, further, swapped=ordered != first)

    def shares(self, box: Box, size: Size) -> Box:
        """A reply's numbers as shares of the picture, as far outside of it as they say."""
        across, down = self._scale(size)
        half = 0.5 if self.name == "florence" else 0.0
        left, top, right, bottom = box
        return (
            (left + half) / across,
            (top + half) / down,
            (right + half) / across,
            (bottom + half) / down,
        )

    def written(self, box: Box, size: Size) -> str:
        """Shares of a picture as a reply says them."""
        across, down = self._scale(size)
        if self.name in _TOKENS:
            most = across - 1
            x0, y0, x1, y1 = (min(most, math.floor(share * across)) for share in box)
            if self.name == "paligemma":
                return "".join(f"<loc{round(n):04}>" for n in (y0, x0, y1, x1))
            return "".join(f"<loc_{round(n)}>" for n in (x0, y0, x1, y1))
        sides = (across, down, across, down)
        numbers = [f"{share * side:.4f}" for share, side in zip(box, sides, strict=True)]
        return f"[{', '.join(n.rstrip('0').rstrip('.') for n in numbers)}]"

    def _numbers(self, text: str) -> Iterator[Box]:
        """Every box of a text: left, top, right, bottom as they stand."""
        if pattern := _TOKENS.get(self.name):
            for found in pattern.finditer(text):
                a, b, c, d = map(float, found.groups())
                yield (b, a, d, c) if self.name == "paligemma" else (a, b, c, d)
            return
        text = text.translate(_SIGNS)
        boxes = list(_named(text))
        for found in _FOUR.finditer(text):
            if _breaks_off(text, found):
                continue
            a, b, c, d = (float(n) for n in found.groups() if n is not None)
            boxes.append((found.start(), (a, b, c, d)))
        yield from (box for _, box in sorted(boxes, key=lambda each: each[0]))

    def _scale(self, size: Size) -> Size:
        """What a picture's right and bottom edge are called."""
        return {
            "pixels": size,
            "unit": (1.0, 1.0),
            "paligemma": (1024.0, 1024.0),
            "resized": resized(size, self.least, self.most, self.multiple),
        }.get(self.name, (1000.0, 1000.0))


def _breaks_off(text: str, found: re.Match[str]) -> bool:
    """Whether a text ends within a bracket after these numbers, the last of which may have more
    digits: ``[12, 34, 56, 7``."""
    opened = text[: found.start()].rstrip().endswith(("[", "("))
    return opened and not text[found.end() :].strip()


def _named(text: str) -> Iterator[tuple[int, Box]]:
    """Boxes whose numbers say which edge they are, each with its place in the text: four in a row,
    as left, top, right and bottom, or with a width and a height."""
    row: list[re.Match[str]] = []
    for found in _NAMED.finditer(text):
        if row and not _NEXT.fullmatch(text, row[-1].end(), found.start()):
            row.clear()
        row.append(found)
        if len(row) < 4:
            continue
        edges = {_EDGES[each[1].casefold()]: float(each[2]) for each in row[-4:]}
        if edges.keys() == {0, 1, 2, 3}:
            yield row[-4].start(), (edges[0], edges[1], edges[2], edges[3])
            row.clear()
        elif edges.keys() == {0, 1, 4, 5}:
            yield row[-4].start(), (edges[0], edges[1], edges[0] + edges[4], edges[1] + edges[5])
            row.clear()


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a reply.

    Attributes:
        box: the first box, its corners in order; ``None`` without one that has numbers.
        problem: why there is none.
        further: how many boxes follow it.
        swapped: its corners stood the other way round.
    """

    box: Box | None
    problem: str | None = None
    further: int = 0
    swapped: bool = False


def way_of(text: str) -> Way:
    """A way by its name; ``resized`` may name its limits, ``resized:3136:1003520``, and what sides
    are multiples of, ``resized:3136:1003520:28``.

    Raises:
        UserError: there is none of that name, or the limits are none.
    """
    name, *limits = text.split(":")
    if name not in WAYS:
        raise UserError(f"there is no box format {text!r}: {nearest(name, WAYS)}")
    if not limits:
        return Way(name)
    whole = [int(each) if re.fullmatch(r"\d{1,12}", each, re.ASCII) else 0 for each in limits]
    least, most, multiple = [*whole, MULTIPLE, 0, 0][:3]
    possible = 1 <= least <= most and 1 <= multiple**2 <= most
    if name != "resized" or len(whole) not in (2, 3) or not possible:
        raise UserError(
            f"the box format {text!r} isn't understood: only resized has limits, the pixels that a "
            f"picture has at least and at most, as resized:{LEAST}:{MOST}"
        )
    return Way(name, least, most, multiple)


def resized(size: Size, least: int = LEAST, most: int = MOST, multiple: int = MULTIPLE) -> Size:
    """A picture's width and height as a model of the Qwen2.5-VL family gets it: multiples of 28,
    about the picture's own shape, with a number of pixels within these limits (arXiv 2502.13923;
    the rule is that of the model's published processor)."""
    width, height = size
    across, down = (max(multiple, round(side / multiple) * multiple) for side in (width, height))
    if across * down > most:
        by = math.sqrt(width * height / most)
        across, down = (
            max(multiple, math.floor(side / by / multiple) * multiple) for side in (width, height)
        )
    elif across * down < least:
        by = math.sqrt(least / (width * height))
        across, down = (math.ceil(side * by / multiple) * multiple for side in (width, height))
    return float(across), float(down)


def inside(box: Box) -> Box:
    """What of a box lies in the picture; one that lies outside of it has no area left."""
    left, top, right, bottom = (min(1.0, max(0.0, share)) for share in box)
    return left, top, right, bottom


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes whose corners are in order: 0 to 1; 0 where one of them
    has no area."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    common = across * down
    return min(1.0, common / (_area(one) + _area(other) - common))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
