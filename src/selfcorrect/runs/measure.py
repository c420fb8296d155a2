"""The spec of a run that measures dialogues which exist already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.runs.identity import task_of
from selfcorrect.runs.spec import RunSpec, read_spec


def measure_spec(data: str, values: Mapping[str, Any]) -> RunSpec:
    """The spec that measures a file of dialogues.

    It has as many rounds as the longest dialogue has, unless ``values`` say fewer.

    Args:
        data: the file of the dialogues.
        values: the rest of the spec, by dotted key.

    Raises:
        UserError: whatever is wrong with the values or the data.
    """
    fixed = {"task.name": "dialogues", "task.data": data, "strategy.name": "given"}
    spec = read_spec(values={**values, **fixed})
    longest = max(len(example.turns) for example in task_of(spec).examples())
    rounds = min(spec.rounds, longest) if "rounds" in values else longest
    return spec.model_copy(update={"rounds": rounds})
