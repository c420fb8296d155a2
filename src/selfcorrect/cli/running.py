"""Running specs from Python, while it is shown how far they are."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from selfcorrect import runs
from selfcorrect.cli.display import shown
from selfcorrect.errors import UserError
from selfcorrect.models.base import Model
from selfcorrect.runs import ExecutorSettings, Run, RunSpec


def run_shown(
    specs: list[RunSpec],
    model: Model | None,
    *,
    out: str | Path,
    controls: bool,
    progress: bool,
    executor: ExecutorSettings,
) -> list[Run]:
    """As :func:`selfcorrect.runs.run`, having checked what came from Python."""
    if model is not None:
        from selfcorrect.models import check_model

        check_model(model)
    for each in specs:
        if not isinstance(each, runs.RunSpec):
            raise UserError(f"{each!r:.60} is no spec: make one with read_spec.")
    name = model.name if model is not None else specs[0].model.name if specs else ""
    with shown(name) if progress else nullcontext() as tell:
        return runs.run(
            specs, out=out, controls=controls, model=model, progress=tell, executor=executor
        )
