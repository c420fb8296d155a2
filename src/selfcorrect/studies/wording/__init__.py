"""How much depends on the words of an instruction, and on how specific it is?

Eight paraphrases of a request to review, each with nothing on the goal, with the goal, and with the
goal at length: 24 arms that share their first round.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.studies.base import ANYWAY, QUICK, Settings, Study, later
from selfcorrect.studies.sizes import at_size
from selfcorrect.studies.wording.sheet import QUESTION, sheet
from selfcorrect.studies.wording.texts import LEVELS, WORDINGS, arm_of

_QUICK = {"limit": 24, "rounds": 2}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """An arm for each level and wording, and the question merely asked again.

    Raises:
        UserError: the model knows no English, or nothing is asked again.
    """
    from selfcorrect.studies.series import check_plan, with_inside

    check_plan("wording", spec, ("English",), rounds=2)
    spec = with_inside(at_size(spec, settings, _QUICK), concept=False)
    strategies = {
        arm_of(level, n): StrategySpec(name=f"review-{level}", parameters={"wording": wording})
        for level in LEVELS
        for n, wording in enumerate(WORDINGS, start=1)
    }
    strategies["repeat"] = StrategySpec(name="repeat")
    return {arm: spec.model_copy(update={"strategy": each}) for arm, each in strategies.items()}


STUDY = Study(
    about="How much depends on the words of an instruction, and on how specific it is?",
    details=(
        "Eight paraphrases of a request to review × three levels: nothing on the goal, the goal, "
        "the goal at length. Wordings are a random effect: what is said of a level holds for other "
        "wordings of its kind, not for these eight alone."
    ),
    question=QUESTION,
    source="arXiv 2406.02378; this project",
    options=[QUICK, ANYWAY],
    plan=plan,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
