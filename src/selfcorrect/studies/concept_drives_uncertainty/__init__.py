"""Does the change of a concept predict that of the uncertainty, beyond what is known without it?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.studies.base import (
    ANYWAY,
    QUICK,
    SEED,
    Option,
    Settings,
    Study,
    later,
)
from selfcorrect.studies.concept_drives_uncertainty.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

ARMS = ("intrinsic", "repeat")
_QUICK = {"limit": 40, "rounds": 5}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The run with the instruction, and the one in which the question is merely asked again.

    Raises:
        UserError: no activation is read, or nothing is asked again.
    """
    from selfcorrect.studies.series import check_plan, with_inside

    spec = with_inside(at_size(spec, settings, _QUICK))
    check_plan("concept-drives-uncertainty", spec, ("activation",), rounds=2)
    return {arm: spec.model_copy(update={"strategy": StrategySpec(name=arm)}) for arm in ARMS}


STUDY = Study(
    about="Does the change of a concept's activation tell whether uncertainty falls?",
    details=(
        "For consecutive rounds: a classifier that knows the rounds and the uncertainty before, "
        "and one that knows the change of the activation too, on clusters that neither was fitted "
        "to. And over all rounds: does the activation go ahead of the uncertainty, or follow it? "
        "The same in the run in which the question is merely asked again."
    ),
    question=QUESTION,
    source="arXiv 2406.02378",
    options=[
        Option("folds", int, 5, "Parts that the clusters are cut into.", least=2),
        SEED,
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
