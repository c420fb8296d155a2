"""Drawn pictures of coloured shapes: pairs to tell apart, and shapes to put a box around.

They are drawn as they are needed, so that the task brings all of its pictures and downloads none;
what is right follows from where the shapes lie. See :mod:`selfcorrect.scenes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from selfcorrect.messages import Image, held
from selfcorrect.scenes import MOST_PAIRS, SIDE, Shape, drawn, pairs, pointed
from selfcorrect.tasks.base import Example
from selfcorrect.tasks.boxed import OPTION, boxed, boxed_item, way_asked
from selfcorrect.tasks.boxes import Box, Way
from selfcorrect.tasks.data.lazy import Lazy
from selfcorrect.tasks.free import Free
from selfcorrect.tasks.free import Item as Boxed
from selfcorrect.tasks.lettered import Item, Lettered
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.pairs import COLUMNS, FIGURES, VALUES, judge, paired
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import CORRECT

#: So many pictures unless the option ``n`` says otherwise.
PICTURES = 240
_KINDS = ("pairs", "grounding")


def _boxes(options: Mapping[str, object]) -> bool:
    return options.get("kind") == "grounding"


OFFERS = Offers(boxes=_boxes, bundled=True)


def make(source: Source) -> Lettered | Free:
    """The task ``shapes``.

    Options: ``kind`` (``pairs``: lettered questions, two pictures each; ``grounding``: boxes),
    ``n`` (how many pictures, 240; of pairs an even number up to 2,208), ``scene_seed`` (from which
    they are drawn, 0), and of grounding ``box_format``. The first pictures are the same whatever
    ``n``. A pair is a cluster, and its kind of question (count, side, height, size) a category; of
    grounding, which asks for two shapes a picture, a picture is one.

    Raises:
        UserError: for other options, or numbers that make no sense; for boxes of which nobody says
            how they are written.
    """
    source.only(data=False, options=("kind", "n", "scene_seed", OPTION))
    seed = source.at_least("scene_seed", 0, 0, 10**9)
    if source.one_of("kind", "pairs", _KINDS) == "grounding":
        return _grounding(source.at_least("n", PICTURES, 1, 100_000), seed, way_asked(source))
    number = source.at_least("n", PICTURES, 2, 2 * MOST_PAIRS)
    return _pairs(number // 2, seed)


def _pairs(number: int, seed: int) -> Lettered:
    items = paired([_pair(at, seed) for at in range(number)])
    return Lettered(
        "shapes",
        items,
        wording=CORRECT,
        values=VALUES,
        columns=COLUMNS,
        figures=FIGURES,
        judge=judge,
    )


@lru_cache(maxsize=1024)
def _pair(number: int, seed: int) -> tuple[Item, Item]:
    pair = pairs(number, seed)
    fields = {"question": pair.question.text}
    cluster = f"{pair.question.kind}/{number}"
    one, other = (
        Item(Example(f"{number}{part}", fields, pair.options, cluster, (_image(shapes),)), target)
        for part, shapes, target in zip("ab", pair.pictures, pair.answers, strict=True)
    )
    return one, other


def _grounding(number: int, seed: int, way: Way) -> Free:
    def item(name: str) -> Boxed:
        at, part = int(name[:-1]), "ab".index(name[-1])
        picture = pointed(at, seed)
        expression, shape = picture.meant[part]
        gold = _shares(shape)
        image = _image(picture.shapes)
        return boxed_item(name, expression, image, str(at), gold, (SIDE, SIDE), way)

    names: Sequence[str] = Lazy(2 * number, lambda i: f"{i // 2}{'ab'[i % 2]}")
    return boxed(
        "shapes",
        Lazy(2 * number, lambda i: item(names[i])),
        way,
        find=item,
        identity=repr(("shapes 1", number, seed, way)),
    )


@lru_cache(maxsize=4096)
def _drawn(shapes: tuple[Shape, ...]) -> bytes:
    return drawn(shapes)


def _image(shapes: tuple[Shape, ...]) -> Image:
    return held(_drawn(shapes))


def _shares(shape: Shape) -> Box:
    left, top, right, bottom = (edge / SIDE for edge in shape.box)
    return left, top, right, bottom
