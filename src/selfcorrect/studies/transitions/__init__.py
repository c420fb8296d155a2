"""Are a run's answers a simple chain, and may its later rounds be forecast from the first ones?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec
from selfcorrect.studies.base import (
    ANYWAY,
    QUICK,
    SEED,
    Option,
    Settings,
    Study,
    later,
)
from selfcorrect.studies.sizes import at_size
from selfcorrect.studies.transitions.sheet import QUESTION, sheet

_QUICK = {"limit": 60, "rounds": 6}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The run alone.

    Raises:
        UserError: the task's answers aren't right or wrong, or no round is left to be forecast.
    """
    from selfcorrect.runs.identity import task_of

    spec = at_size(spec, settings, _QUICK, 8)
    if spec.rounds <= settings["fit"]:
        raise UserError(
            f"the run has {spec.rounds} rounds, and the first {settings['fit']} are to be fitted: "
            "give more --rounds, or a smaller --fit (3 or more)."
        )
    outcome = task_of(spec).outcome
    if outcome.kind != "share":
        raise UserError(
            f"the study transitions is about answers that are right or wrong, and {outcome.name}, "
            f"of the task {spec.task.name}, is a number: choose another task."
        )
    return {"run": spec}


STUDY = Study(
    about=QUESTION,
    details=(
        "How often right answers stay right (CL) and wrong ones are mended (CS) in the first "
        "rounds; what a simple chain, movers and stayers, and no change at all forecast of the "
        "later rounds, minus what came; whether CL and CS are the same in all rounds, and one step "
        "of memory is enough; and what one more round would bring. Any run whose answers are right "
        "or wrong will do: --of RUN."
    ),
    question=QUESTION,
    source="arXiv 2508.16456 and 2412.19513",
    options=[
        Option("fit", int, 3, "The first so many rounds are fitted, the later ones forecast.",
               least=3),
        SEED,
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    on_one_run="run",
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)  # fmt: skip
