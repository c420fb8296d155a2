"""What a concept's file says that its training found: the figures, checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Change = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1 << 40)]
Text = Annotated[str, Field(max_length=10_000)]


class _Table(BaseModel):
    """Types are as JSON has them; what a later version adds is let through."""

    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="allow")


class Area(_Table):
    """An AUROC, with its 95 % interval over clusters."""

    auroc: Share | None
    low: Share | None
    high: Share | None
    n: Count
    clusters: Count


class Nested(Area):
    """With the layer chosen inside; ``layers`` are those that were."""

    layers: list[Count]


class Difference(_Table):
    """Of two AUROCs of the same texts, with its 95 % interval over clusters."""

    value: Change | None
    low: Change | None
    high: Change | None
    n: Count
    clusters: Count
    why: Text = ""


class OfLayer(_Table):
    """Of a layer: see :func:`selfcorrect.concepts.judging.figures_of`."""

    layer: Count
    auroc: Share | None
    low: Share | None
    high: Share | None
    shuffled: Share | None
    masked: Share | None
    masked_low: Share | None = None
    masked_high: Share | None = None
    shuffled_least: Share | None = None
    shuffled_most: Share | None = None


class Data(_Table):
    """The texts: see :func:`selfcorrect.concepts.data.told`."""

    about: Text
    fingerprint: Text
    texts: Count
    clusters: Count
    left_out: Count
    why_left_out: Text


class Imported(_Table):
    """Where an imported concept comes from."""

    file: Text
    model_hint: Text
    unknown: Text


class Trained(_Table):
    """What a training writes."""

    n: Count
    clusters: Count
    layers: list[OfLayer]
    nested: Nested
    text_only: Area
    chosen: Share | None = None
    beyond_words: Difference | None = None
    when_masked: Difference | None = None
    words: list[Text]
    in_place: Text
    words_given: bool
    prefill: Text = ""
    data: Data
    shuffles: Count


class _Import(_Table):
    imported: Imported


def wrong(figures: Mapping[str, Any], layers: int) -> str:
    """What is wrong with the figures of a file, a phrase; empty where nothing is.

    Args:
        figures: JSON's types.
        layers: that the concept has.
    """
    kinds: list[type[_Table]] = []
    if "imported" in figures:
        kinds.append(_Import)
    if figures.keys() & Trained.model_fields.keys():
        kinds.append(Trained)
    try:
        for kind in kinds:
            kind.model_validate(dict(figures))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in details["loc"])
        return f"figures.{place:.80} in its header: {details['msg'][:120].lower()}"
    numbers = [row["layer"] for row in figures.get("layers", ())]
    if "layers" in figures and numbers != list(range(layers)):
        return f"figures.layers in its header are of other layers than the {layers} it has"
    return ""
