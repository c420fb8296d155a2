"""The spec of a run that measures dialogues which exist already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.runs.identity import task_of
from selfcorrect.runs.spec import RunSpec, read_spec


def measure_spec(data: str | Path, values: Mapping[str, Any]) -> RunSpec:
    """The spec that measures a file of dialogues.

    It has as many rounds as the longest dialogue has, unless ``values`` say fewer.

    Args:
        data: the file of the dialogues.
        values: the rest of the spec, by dotted key.

    Raises:
        UserError: whatever is wrong with the values or the data.
    """
    if not isinstance(data, str | Path):
        raise UserError(
            f"dialogues are read from files, not from a {type(data).__name__}: write it to one "
            "(a frame of polars with write_ndjson) and give its place."
        )
    fixed = {"task.name": "dialogues", "task.data": str(data), "strategy.name": "given"}
    spec = read_spec(values={**values, **fixed})
    longest = max(len(example.turns) for example in task_of(spec).examples())
    rounds = min(spec.rounds, longest) if "rounds" in values else longest
    return spec.model_copy(update={"rounds": rounds})
