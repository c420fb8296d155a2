"""Does it matter whose turn an earlier answer is: the model's own, the user's, or a tool's?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.runs.identity import task_of
from selfcorrect.studies.base import ANYWAY, QUICK, Settings, Study, later
from selfcorrect.studies.role.sheet import QUESTION, ROLES, sheet
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 128}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The model's own first answer shown again in each role; round 1 is the same in all.

    Raises:
        UserError: answers aren't right or wrong, or the task or its data are wrong.
    """
    spec = at_size(spec, settings, _QUICK).model_copy(update={"rounds": 2})
    if task_of(spec).outcome.kind != "share":
        raise UserError(
            f"the study role counts answers that are right or wrong, and those of the task "
            f"{spec.task.name} are neither: choose a task with answers that are, such as bbq."
        )
    arms = {each: StrategySpec(name="role", parameters={"role": each}) for each in ROLES}
    return {arm: spec.model_copy(update={"strategy": each}) for arm, each in arms.items()}


STUDY = Study(
    about=QUESTION,
    details=(
        "The model's own first answer is shown to it again, word for word, as its own turn, in the "
        "user's message, and as what a tool has returned, with the same request; on the same "
        "examples. Accuracy, answers kept, corrections and harm by role, each role against each "
        "other, with Holm's correction over all of them."
    ),
    question=QUESTION,
    source="arXiv 2606.05976",
    options=[QUICK, ANYWAY],
    plan=plan,
    fixed=("strategy", "rounds"),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
