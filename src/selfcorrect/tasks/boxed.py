"""What tasks of boxes share: an expression, a picture, and the box of what is meant in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from selfcorrect.errors import UserError
from selfcorrect.messages import Image
from selfcorrect.outcome import BOX, GOLD, Number, Outcome
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.boxes import WAYS, Box, Size, Way, inside, overlap, way_of
from selfcorrect.tasks.free import Free, Item
from selfcorrect.tasks.source import Source
from selfcorrect.tasks.wording import Wording, review

#: The option that says how boxes are written.
OPTION = "box_format"
#: So much of two boxes has to be common for a box to count as found (the field's usual bound).
FOUND = 0.5

WORDING = Wording(
    goal="Please give a box that fits closely around what is meant.",
    reversed_goal="Please give a box that is far from what is meant.",
    review=review("fit closely around what is meant"),
    reversed_review=review("be far from what is meant"),
    specific_goal=(
        "A good box holds all of what is meant and nothing besides. Find every thing in the "
        "picture that the words could mean, and decide for the one that fits all of them. Then go "
        "along its four sides, one after the other, and move each until it just touches: not "
        "through it, and with no gap. Compare left with right and top with bottom once more before "
        "you answer."
    ),
)
OUTCOME = Outcome(
    "IoU",
    margin=0.02,
    text="Intersection over union of the reply's first box with the right one, from 0 to 1. A "
    "reply without a box has 0.",
)
VALUES = {
    "iou_50": Number(
        "Share of answers with an IoU of at least .5; one without a box has none.", (0, 1)
    ),
    "further_boxes": Number(
        "Boxes in a reply after the first, which don't count.", (0, float("inf"))
    ),
    "swapped_corners": Number(
        "Share of boxes whose corners stood the other way round; they are put in order.", (0, 1)
    ),
    "outside": Number(
        "Share of boxes that reach out of the picture; what is outside is cut off.", (0, 1)
    ),
}
COLUMNS = {
    **dict.fromkeys(BOX, "an edge of the answer's box, as a share of the picture"),
    **dict.fromkeys(GOLD, "an edge of the right box, as a share of the picture"),
}


def way_asked(source: Source) -> Way:
    """How the model writes boxes, as the option says.

    Raises:
        UserError: nobody says, or it is none.
    """
    named = source.option(OPTION, "")
    if not named:
        raise UserError(
            f"the task {source.task!r} must know how the model writes boxes, and nobody has said: "
            f"name one of {', '.join(WAYS)} with --box-format (task.options.box_format)"
        )
    return way_of(named)


def boxed_item(
    id: str, expression: str, image: Image, cluster: str, gold: Box, size: Size, way: Way
) -> Item:
    """An expression that is to be found in a picture.

    Args:
        id, cluster: of the example.
        expression: what is meant, in words.
        image: the picture.
        gold: the right box in shares of it.
        size: its width and height in pixels, as the model is shown it.
        way: how the model writes boxes.
    """
    asked = f"Where in the picture is this: {expression}?\n{way.words(size)}"
    fields = {"question": asked, "expression": expression}
    facts = dict(zip((*GOLD, "width", "height"), (*gold, *size), strict=True))
    example = Example(id, fields, (), cluster, (image,))
    return Item(example, f"Here it is: {way.written(gold, size)}", facts)


def boxed(
    name: str,
    items: Sequence[Item],
    way: Way,
    *,
    skipped: Sequence[str] = (),
    read_as: Sequence[str] = (),
    find: Callable[[str], Item] | None = None,
    identity: str | None = None,
) -> Free:
    """A task of boxes; items are those of :func:`boxed_item`."""

    def read(example: Example, text: str) -> Answer:
        del example
        found = way.read(text)
        if found.box is None:
            # a reply that was cut off may have had its box cut off, too
            return Answer(text, problem=found.problem, provisional=True)
        return Answer(text, ",".join(f"{number:g}" for number in found.box))

    def judge(item: Item, answer: Answer) -> Grade:
        found = way.read(answer.text)
        known = {each: float(item.facts[each]) for each in GOLD}
        values: dict[str, float | None] = {"further_boxes": float(found.further), **known}
        if found.box is None:
            return Grade(0.0, values={**values, "iou_50": 0.0})
        size = float(item.facts["width"]), float(item.facts["height"])
        said = way.shares(found.box, size)
        box = inside(said)
        left, top, right, bottom = known.values()
        iou = overlap(box, (left, top, right, bottom))
        return Grade(
            iou,
            values={
                **values,
                **dict(zip(BOX, box, strict=True)),
                "iou_50": float(iou >= FOUND),
                "swapped_corners": float(found.swapped),
                "outside": float(box != said),
            },
        )

    made = Free(
        name,
        items,
        wording=WORDING,
        outcome=OUTCOME,
        judge=judge,
        read=read,
        unread=lambda item: judge(item, Answer("", problem="no box")),
        max_tokens={"answer": 64},
        values=VALUES,
        columns=COLUMNS,
        skipped=skipped,
        find=find,
        identity=identity,
    )
    made.read_as = tuple(read_as)
    return made
