"""What a run needs to know of pictures before it begins: who sees them, how boxes are written, and
which controls they call for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from selfcorrect import models, strategies
from selfcorrect.errors import UserError
from selfcorrect.models.base import Model
from selfcorrect.models.box_formats import box_format
from selfcorrect.runs.identity import offers_of
from selfcorrect.runs.spec import RunSpec
from selfcorrect.strategies.base import Strategy
from selfcorrect.tasks.base import Example, Task

#: What a run on pictures gets beside its other controls: the same without the picture; and, where
#: examples come in pairs, with the pair's other one.
BLIND, OTHER = "blind", "other-picture"
#: The task's option that says how boxes are written.
_BOXES = "box_format"
#: So many examples are looked at for a picture.
_LOOK = 1_000


def with_boxes(specs: Sequence[RunSpec], model: Model | None) -> list[RunSpec]:
    """The specs, with what the model's family declares of boxes where their task asks for some and
    nobody has said how they are written.

    Raises:
        UserError: the model can't be found.
    """
    return [_with_boxes(spec, model) for spec in specs]


def _with_boxes(spec: RunSpec, model: Model | None) -> RunSpec:
    asks = offers_of(spec).boxes
    if asks is None or not asks(spec.task.options) or spec.task.options.get(_BOXES):
        return spec
    if not (way := _declared(spec, model)):
        return spec
    options = {**spec.task.options, _BOXES: way}
    return spec.model_copy(update={"task": spec.task.model_copy(update={"options": options})})


def _declared(spec: RunSpec, model: Model | None) -> str:
    if model is None:
        return box_format(spec.model.name, trust=spec.model.trust_remote_code)
    try:
        return box_format(model.name, trust=model.trusted)
    except UserError:  # an object of a program's own is called as it likes
        return ""


def check_pictures(
    task: Task, examples: Sequence[Example], loaded: Sequence[Strategy], spec: RunSpec,
    model: Model | None,
) -> None:  # fmt: skip
    """Refuse, before there are folders, pictures that the model can't see (those of later examples
    it refuses itself), and strategies that show pictures where there are none.

    Raises:
        UserError: either.
    """
    first = examples[0]
    for strategy in loaded:
        if any(step.image is not None for step in (*strategy.first, *strategy.again)):
            seen = any(each.images for each in islice(iter(examples), _LOOK))
            others = bool(first.others)
            strategies.check_images(strategy, task.name, images=seen, others=others)
    if images := first.all_images:
        if model is None:  # not opened yet
            models.check_images(spec.model.name, images, trust=spec.model.trust_remote_code)
        else:
            model.check_images(images)


def controls_for(example: Example) -> tuple[str, ...]:
    """The controls that pictures call for, by the first of the examples."""
    if not example.images or example.turns:
        return ()
    return (BLIND, OTHER) if example.others else (BLIND,)
