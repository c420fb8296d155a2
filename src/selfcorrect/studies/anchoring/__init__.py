"""Does a model review its earlier answer, or copy whatever stands in its transcript?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.runs.identity import task_of
from selfcorrect.studies.anchoring.sheet import QUESTION, sheet
from selfcorrect.studies.base import ANYWAY, QUICK, Settings, Study, later
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 40}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The question merely asked again, and asked again after each option.

    Raises:
        UserError: the task has no options, or the task or its data are wrong.
    """
    spec = at_size(spec, settings, _QUICK).model_copy(update={"rounds": 2})
    task = task_of(spec)
    letters = max((len(task.labels(each)) for each in task.examples()[:1000]), default=0)
    if letters < 2:
        raise UserError(
            f"the task {spec.task.name} has no options to exchange: choose one with lettered "
            "answers, such as bbq."
        )
    arms = {"repeat": StrategySpec(name="repeat")}
    for letter in "abcdefghijklmnopqrstuvwxyz"[:letters]:
        arms[letter] = StrategySpec(name="swapped", parameters={"letter": letter})
    return {arm: spec.model_copy(update={"strategy": each}) for arm, each in arms.items()}


STUDY = Study(
    about="How much of a model's convergence is copying what stands in its transcript?",
    details=(
        "The question is asked again after the model's own answer, and after each other option in "
        "its place, in turn. How much likelier an option gets by standing there, the model's own "
        "answer and others that were as likely; how often it takes over an answer that it never "
        "gave; and whether, where it was wrong, it rather takes over the right one than another "
        "wrong one that is as likely."
    ),
    question=QUESTION,
    source="this project; arXiv 2606.05976 on the role of the earlier answer",
    options=[QUICK, ANYWAY],
    plan=plan,
    fixed=("strategy", "rounds"),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
