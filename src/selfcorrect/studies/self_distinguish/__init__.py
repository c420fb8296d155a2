"""Does a model that corrects itself tell good from bad, and where it can, does it gain more?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.runs import Run, RunSpec, StrategySpec, TaskSpec
from selfcorrect.runs.identity import offers_of, tasks_that
from selfcorrect.studies.base import ANYWAY, QUICK, Option, Settings, Study, later
from selfcorrect.studies.self_distinguish.arms import CORRECTED, PEOPLE, REPEAT, TEXTS, asked
from selfcorrect.studies.self_distinguish.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

_QUICK: Mapping[str, Mapping[str, Any]] = {
    PEOPLE: {"limit": 40, "rounds": 3},
    TEXTS: {"limit": 24, "rounds": 2, "max_tokens": {"answer": 64}},
}
_ROUNDS = 3
#: The task that asks of another run's dialogues.
DISTINGUISH = "distinguish"


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The dialogues that are asked about, and the control.

    Raises:
        UserError: a task of whose dialogues nothing can be asked, one round only, or a tie margin
            that is none.
    """
    about = offers_of(spec).compared
    if not about:
        known = " and ".join(tasks_that(lambda task: task.compared))
        raise UserError(
            f"the study self-distinguish knows what to ask of the tasks {known}, and the task is "
            f"{spec.task.name}: choose one of these."
        )
    if not 0 <= settings["tie"] < 1:
        raise UserError(f"--tie must be a number from 0 to 1, not {settings['tie']:g}.")
    spec = at_size(spec, settings, _QUICK[about], _ROUNDS)
    if spec.rounds < 2:
        raise UserError(
            "a correction takes a second round, and the run has 1 round: give at least --rounds 2."
        )
    return {
        arm: spec.model_copy(update={"strategy": StrategySpec(name=arm)})
        for arm in (CORRECTED, REPEAT)
    }


def then(spec: RunSpec, settings: Settings, runs: Mapping[str, Run]) -> Mapping[str, RunSpec]:
    """What is asked about the dialogues, with each history."""
    run = runs[CORRECTED]
    alone = RunSpec(
        model=spec.model, strategy=StrategySpec(name="baseline"), rounds=1, seed=spec.seed,
        chunk=spec.chunk, system=spec.system,
    )  # fmt: skip
    made = {}
    offered = offers_of(spec)
    for name, options in asked(offered.compared, run.header.spec.rounds).items():
        every = dict(options)
        if offered.compared == TEXTS:
            every["margin"] = settings["tie"]
        else:  # said here, as what a run's folder names isn't opened unasked
            every["questions"] = spec.task.data or offered.published
            if "metadata" in spec.task.options:
                every["metadata"] = spec.task.options["metadata"]
        task = TaskSpec(name=DISTINGUISH, data=str(run.folder), options=every)
        made[name] = alone.model_copy(update={"task": task})
    return made


STUDY = Study(
    about="Does a model that corrects itself tell good from bad, and gain where it can?",
    details=(
        "The dialogues of intrinsic, and of repeat as its control, of the tasks bbq or toxicity. "
        "Then the same model is asked, in both orders: of BBQ, which of the two people is "
        "generally subject to stereotypes, with no history and after each round's dialogue; of "
        "texts, which of the first and a later one is less toxic, or are they the same, with no "
        "history, inside the dialogue, and inside five others. Accuracy by round against no "
        "history; and by example, whether who can tell gains more than by the question repeated."
    ),
    question=QUESTION,
    source="arXiv 2410.20513",
    options=[
        Option("tie", float, 0.05, "Toxicities no further apart count as the same.",
               metavar="SIZE"),
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    then=then,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)  # fmt: skip
