"""Visual grounding: a box is to be put around what an expression means in a picture.

Three kinds of data are read, told apart by what is in them:

- **RefCOCO's**: a folder with references (``ref_id``, ``ann_id``, ``image_id``, ``split``,
  ``sentences``) in JSON and the annotations of COCO (``instances.json``: ``images``,
  ``annotations`` with ``bbox`` as left, top, width, height in pixels). Each sentence is an example.
- **One table** of expression, picture and box (``bbox``), with width and height where they are
  known. How its boxes are written, xywh or xyxy, must be said.
- **Your own** JSON lines: ``image``, ``expression``, ``box``, ``format``.

The published references of RefCOCO are a pickle, which is a program: it isn't opened. Save it as
JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Image
from selfcorrect.messages.pictures import orientation_of, size_of
from selfcorrect.tasks.boxed import OPTION, boxed, boxed_item, way_asked
from selfcorrect.tasks.boxes import Box, Size, Way
from selfcorrect.tasks.data.cells import MISSING, nested, pick
from selfcorrect.tasks.data.items import unique
from selfcorrect.tasks.data.row import short
from selfcorrect.tasks.data.rows import Row, build
from selfcorrect.tasks.data.sources import rows_of
from selfcorrect.tasks.free import Free, Item
from selfcorrect.tasks.offers import Offers
from selfcorrect.tasks.refcoco import is_refcoco, refcoco_rows
from selfcorrect.tasks.source import IMAGES, Source

#: How the data write a right box: its corners' order, and in what.
FORMATS = {
    "xywh": "left, top, width, height in pixels",
    "xyxy": "left, top, right, bottom in pixels",
    "xywh-unit": "left, top, width, height in shares of the picture",
    "xyxy-unit": "left, top, right, bottom in shares of the picture",
}
_EXPRESSION = "expression|question|sentence|caption|phrase|text"
_PICTURE = "image|image_path|file_name|filename|img"
_BOX = "box|bbox"
_FORMAT = "format|box_format|bbox_format"
#: Two sizes of one picture that differ by more than this, side by side, aren't one picture.
_SLACK = 0.02


OFFERS = Offers(boxes=lambda options: True)  # noqa: ARG005 - that is all it asks


def make(source: Source) -> Free:
    """The task ``grounding``.

    ``data`` is one of what the module names. Options: ``box_format`` (how the model writes boxes;
    known of some families), ``boxes`` (how a table's right boxes are written: one of
    :data:`FORMATS`), ``split`` (of RefCOCO's, ``val`` say), and where pictures lie
    (``images_from``, ``remote_images``). A picture is a cluster.

    Raises:
        UserError: for missing data, pictures that aren't there or are broken, boxes of which
            nobody says how they are written, and bad lines, with file and line.
    """
    source.only(options=(OPTION, "boxes", "split", *IMAGES), frames=True)
    if source.data is None and source.frame is None:
        raise UserError(
            "task 'grounding' needs data: JSON lines with image, expression, box and format, a "
            "table of them, or a folder with RefCOCO's references and COCO's annotations (--data)"
        )
    way = way_asked(source)
    written = source.option("boxes", "")
    if written:
        _check_format(written, f"option 'boxes' of task {source.task!r}")
    skipped: list[str] | None = [] if source.skip_bad else None
    split = source.option("split", "")
    if source.frame is None and is_refcoco(source.data or ""):
        home = source.images.folder
        rows: Iterator[Row | UserError] = refcoco_rows(source.data or "", split, home)
        written = "xywh"
    elif split:
        raise UserError("option 'split' of task 'grounding' is of RefCOCO's references only")
    else:
        rows = rows_of(source)
    pictures = _Pictures(source)

    def item(row: Row) -> tuple[str, Item]:
        return row.where, _item(row, written, pictures, way)

    items = unique(build(rows, item, skipped), skipped)
    told = pictures.turned_words()
    return boxed("grounding", items, way, skipped=skipped or (), read_as=told)


class _Pictures:
    """Each picture is opened once, however many expressions are about it."""

    def __init__(self, source: Source) -> None:
        self._allowed = source.images
        self._known: dict[tuple[str, str], tuple[Image, Size | None]] = {}
        self._turned: set[str] = set()

    def of(self, row: Row, place: object) -> tuple[Image, Size | None]:
        """The picture that a row names, with its width and height if it can be looked at.

        Raises:
            UserError: it isn't there, or is broken.
        """
        key = (str(Path(row.where.rpartition(":")[0]).parent), place)
        if isinstance(place, str) and key in self._known:
            return self._known[str(key[0]), place]
        image = replace(row, images=self._allowed).image("the picture", place)
        size = None if image.is_elsewhere else self._size(image)
        found = image, None if size is None else (float(size[0]), float(size[1]))
        if isinstance(place, str):
            self._known[str(key[0]), place] = found
        return found

    def _size(self, image: Image) -> tuple[int, int]:
        data = image.data()
        if orientation_of(data) != 1:
            self._turned.add(image.digest)
        return size_of(data)

    def turned_words(self) -> list[str]:
        """That pictures lie on their side until their EXIF is followed, in a sentence."""
        if not self._turned:
            return []
        many = len(self._turned)
        first = "A picture is turned" if many == 1 else f"{many:,} pictures are turned"
        return [
            f"{first} by EXIF. Right boxes are those of what is seen then, as a local model sees "
            "it; a server gets the file as it is, and its boxes are wrong if it doesn't turn it: "
            "save such pictures upright."
        ]


def _item(row: Row, written: str, pictures: _Pictures, way: Way) -> Item:
    values = {
        name: pick(row.fields, path)
        for name, path in (("expression", _EXPRESSION), ("image", _PICTURE), ("box", _BOX))
    }
    for name, value in values.items():
        if value is MISSING or value is None:
            raise row.missing(name)
    expression = Row(row.where, values, row.form).text("expression").strip().rstrip("?. ")
    if not expression:
        raise row.error(f"the expression {values['expression']!r:.60} has no words")
    told = pick(row.fields, _FORMAT)
    form = written if told is MISSING or told is None else told
    if not form:
        raise row.error(
            "nobody says how the right boxes are written: add a field 'format', or say it of all "
            f"with the option boxes (boxes=xywh), one of {', '.join(FORMATS)}"
        )
    _check_format(form, f"{row.where}: 'format'")
    image, shown = pictures.of(row, values["image"])
    told_size = _told_size(row)
    size = shown or told_size
    if size is None:
        raise row.error(
            "the picture lies at an address, where it isn't looked at: give its 'width' and "
            "'height' in pixels"
        )
    gold = _gold(row, values["box"], str(form), told_size or size)
    if shown and told_size and not _alike(shown, told_size):
        raise row.error(
            f"the picture is {shown[0]:g} × {shown[1]:g} pixels, and the data say "
            f"{told_size[0]:g} × {told_size[1]:g}: it is another one, or lies on its side"
        )
    name = row.name()
    return boxed_item(name, expression, image, _cluster(row, image), gold, size, way)


def _cluster(row: Row, image: Image) -> str:
    """A picture's cluster: as the data call it, or its content's digest."""
    told = pick(row.fields, "cluster|image_id")
    return str(told) if isinstance(told, str | int) and str(told) else image.digest


def _told_size(row: Row) -> Size | None:
    width, height = (
        pick(row.fields, each) for each in ("width|image_width", "height|image_height")
    )
    if width in (MISSING, None, "") and height in (MISSING, None, ""):
        return None
    numbers = [_number(each) for each in (width, height)]
    if not all(each and each >= 1 for each in numbers):
        raise row.error(f"'width' and 'height' must be pixels, not {short([width, height])}")
    return float(numbers[0] or 0), float(numbers[1] or 0)


def _alike(one: Size, other: Size) -> bool:
    """Whether two sizes can be one picture's, of which one was made smaller."""
    return (
        abs(one[0] * other[1] - one[1] * other[0]) <= _SLACK * one[0] * other[1] + one[0] + other[1]
    )


def _gold(row: Row, value: object, form: str, size: Size) -> Box:
    """The right box as shares of its picture.

    Raises:
        UserError: it is none, has no area, or lies outside of the picture.
    """
    listed = nested(value)
    numbers = [_number(each) for each in listed] if isinstance(listed, list | tuple) else []
    if len(numbers) != 4 or None in numbers:
        raise row.error(f"'box' must be four numbers ({FORMATS[form]}), not {short(value)}")
    a, b, c, d = (float(n or 0) for n in numbers)
    if form.startswith("xywh"):
        c, d = a + c, b + d
    across, down = (1.0, 1.0) if form.endswith("-unit") else size
    box = a / across, b / down, c / across, d / down
    if not (box[0] < box[2] and box[1] < box[3]):
        raise row.error(f"the box {short(listed)} has no area, read as {form} ({FORMATS[form]})")
    near = 0.01  # boxes of data sets reach out by a rounded pixel
    if min(box) < -near or max(box) > 1 + near:
        raise row.error(
            f"the box {short(listed)} reaches out of its picture of {size[0]:g} × {size[1]:g} "
            f"pixels, read as {form} ({FORMATS[form]}): is it written in another way?"
        )
    left, top, right, bottom = (min(1.0, max(0.0, share)) for share in box)
    return left, top, right, bottom


def _number(value: object) -> float | None:
    """A finite number, also from a text; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e9 else None


def _check_format(form: object, what: str) -> None:
    if not isinstance(form, str) or form not in FORMATS:
        raise UserError(f"{what} can't be {short(form)}: {nearest(str(form), FORMATS)}")
