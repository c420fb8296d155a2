"""Does a model correct an error that is shown as the user's, and not the same one as its own?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.runs import RunSpec
from selfcorrect.runs.identity import offers_of, task_of
from selfcorrect.studies.base import ANYWAY, QUICK, Settings, Study, later
from selfcorrect.studies.blind_spot.arms import ALONE, BLIND_SPOT, arms
from selfcorrect.studies.blind_spot.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 128}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The questions by themselves, after an answer shown as the model's own and as the user's, and
    both with the truth told. A task that gives no first answers gives its questions to
    the task ``blind-spot``.

    Raises:
        UserError: the task has no lettered questions that are right or wrong, or it or its data
            are wrong.
    """
    spec = at_size(spec, settings, _QUICK)
    task = spec.task
    if not offers_of(spec).continued_by:
        options = {**task.options, "of": task.name}
        task = task.model_copy(update={"name": BLIND_SPOT, "options": options})
    spec = spec.model_copy(update={"task": task})
    task_of(spec)
    return {
        # by itself it is asked once: nothing is given that it could go back on
        arm: spec.model_copy(update={"strategy": each, "rounds": 1 if arm == ALONE else 2})
        for arm, each in arms().items()
    }


STUDY = Study(
    about=QUESTION,
    details=(
        "Each lettered question is asked after a wrong answer and after a right one, which stands "
        "there as the model's own turn or as the user's. How many wrong answers are corrected in "
        "each role; the blind spot, the share of the errors corrected as the user's that isn't as "
        "its own; whether right answers are left; and what the model does when it is told which "
        "it is. --task names whose questions they are."
    ),
    question=QUESTION,
    source="arXiv 2507.02778",
    options=[QUICK, ANYWAY],
    plan=plan,
    fixed=("strategy", "rounds"),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
