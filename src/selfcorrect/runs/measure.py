"""The spec of a run that measures dialogues which exist already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfcorrect import tasks
from selfcorrect.runs.identity import task_of
from selfcorrect.runs.spec import RunSpec, read_spec

_OPTION = "task.options."


def measure_spec(data: object, values: Mapping[str, Any]) -> RunSpec:
    """The spec that measures a file of dialogues.

    It has as many rounds as the longest dialogue has, unless ``values`` say fewer.

    Args:
        data: the file of the dialogues, a folder of them, or a frame.
        values: the rest of the spec, by dotted key.

    Raises:
        UserError: whatever is wrong with the values or the data.
    """
    fixed: dict[str, Any] = {"strategy.name": "given"}
    if isinstance(data, str | Path):
        fixed |= {"task.name": "dialogues", "task.data": str(data)}
    else:
        options = {k.removeprefix(_OPTION): v for k, v in values.items() if k.startswith(_OPTION)}
        seed, skip_bad = values.get("seed", 0), bool(values.get("skip_bad"))
        made, _, _ = tasks.framed("dialogues", data, options, seed, skip_bad)
        fixed |= {"task.name": made if isinstance(made, str) else tasks.register(made)}
        values = {k: v for k, v in values.items() if not k.startswith(_OPTION)}
    spec = read_spec(values={**values, **fixed})
    longest = max(len(example.turns) for example in task_of(spec).examples())
    rounds = min(spec.rounds, longest) if "rounds" in values else longest
    return spec.model_copy(update={"rounds": rounds})
