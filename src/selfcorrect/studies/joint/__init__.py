"""Are uncertainty and activation associated with right answers, record by record?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.studies.base import ANYWAY, QUICK, Settings, Study, later
from selfcorrect.studies.joint.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

ARMS = ("intrinsic", "repeat")
_QUICK = {"limit": 40, "rounds": 4}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The run with the instruction, and the one in which the question is merely asked again.

    Raises:
        UserError: nothing is asked again.
    """
    from selfcorrect.studies.series import check_plan, with_inside

    spec = with_inside(at_size(spec, settings, _QUICK))
    check_plan("joint", spec, rounds=2)
    return {arm: spec.model_copy(update={"strategy": StrategySpec(name=arm)}) for arm in ARMS}


STUDY = Study(
    about="Do uncertainty and the activation of a concept tell right answers from wrong ones?",
    details=(
        "A regression of the outcome of every record on both, each split into its example's mean "
        "and how far a round is from it, with an intercept for every round and errors over "
        "clusters; per standard deviation, alone and together."
    ),
    question=QUESTION,
    source="arXiv 2406.02378",
    options=[QUICK, ANYWAY],
    plan=plan,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
