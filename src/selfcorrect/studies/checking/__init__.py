"""Does a model's own check of its answer, left in the dialogue, make the next answer better?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError, nearest
from selfcorrect.runs import RunSpec
from selfcorrect.runs.identity import task_of
from selfcorrect.studies.base import (
    ANYWAY,
    QUICK,
    SEED,
    Option,
    Settings,
    Study,
    later,
)
from selfcorrect.studies.checking.arms import FORMS, arms
from selfcorrect.studies.checking.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 40, "rounds": 3}
_ROUNDS = 4


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """An arm for each form of a check and each share of false ones.

    Raises:
        UserError: there is no such form, no round has a check, answers aren't right or wrong, or
            the task or its data are wrong.
    """
    form = settings["form"]
    if form not in FORMS:
        raise UserError(f"a check has no form {form!r}: {nearest(form, FORMS)}.")
    spec = at_size(spec, settings, _QUICK, _ROUNDS)
    if spec.rounds < 2:
        raise UserError(
            "the first check is in round 2, and the run has 1 round: give at least --rounds 2."
        )
    if task_of(spec).outcome.kind != "share":
        raise UserError(
            f"a check says right or wrong, and answers of the task {spec.task.name} are neither: "
            "choose a task with answers that are, such as bbq."
        )
    found = arms(form)
    return {arm: spec.model_copy(update={"strategy": each}) for arm, each in found.items()}


STUDY = Study(
    about=QUESTION,
    details=(
        "Answer, check, the same question again: as many checks as later rounds. Beyond the "
        "question merely repeated; by category, whether gains go with how well the model checks "
        "itself, beyond how many first answers were right; what false checks do, a quarter of them "
        "to all; what an accurate critic does, and whether either drifts over the rounds (up to 20 "
        "checks and more: --rounds 21); and whether a number, a verdict or a reasoned check is "
        "better."
    ),
    question=QUESTION,
    source="arXiv 2405.18634",
    options=[
        Option("form", str, "reasoning", "Of the check: reasoning, short, verdict or number.",
               metavar="FORM"),
        SEED,
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)  # fmt: skip
