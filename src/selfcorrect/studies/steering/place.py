"""Where the study pushes: from which token on, and after which layer."""

from __future__ import annotations

from selfcorrect.concepts.file import Concept
from selfcorrect.errors import UserError, nearest

#: From the last token before the reply on, or at every token.
PLACES = ("reply", "transcript")


def check_place(at: str) -> None:
    """Refuse a place that there isn't.

    Raises:
        UserError: it is none of :data:`PLACES`.
    """
    if at not in PLACES:
        raise UserError(f"there is no place {at!r} to push at: {nearest(at, PLACES)}.")


def layer_of(concept: Concept, wanted: int | None) -> int:
    """The layer after which states are pushed.

    What is pushed acts through the layers above. The layer that reads a concept best is often one
    of the last, above which hardly anything is computed; so by default it is the one that reads it
    best among those that have a third of all layers, or more, above them. (A concept that doesn't
    say how well its layers read has its own layer there, or else the highest that has a direction.)

    Args:
        concept: whose direction it is.
        wanted: the layer that was asked for.

    Raises:
        UserError: the concept has no direction in that layer.
    """
    if wanted is not None:
        concept.vector(wanted)  # refuses a layer without one
        return wanted
    low = [each for each in concept.there if 3 * (concept.layers - 1 - each) >= concept.layers]
    if not low:
        return concept.layer
    areas = {row["layer"]: row["auroc"] for row in concept.figures.get("layers", ())}
    known = [each for each in low if areas.get(each) is not None]
    if known:
        return max(known, key=lambda each: (areas[each], -each))
    return concept.layer if concept.layer in low else low[-1]
