"""Do goal, external feedback and chain of thought help, and do they help less together?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.studies.base import ANYWAY, QUICK, Settings, Study, later
from selfcorrect.studies.design import ARMS
from selfcorrect.studies.factorial.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 40, "rounds": 2, "max_tokens": {"rationale": 64, "feedback": 64}}
_ROUNDS = 3


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The eight arms: goal, feedback and chain of thought, each on or off; none of them first.

    Raises:
        UserError: no round has feedback.
    """
    spec = at_size(spec, settings, _QUICK, _ROUNDS)
    if spec.rounds < 2:
        raise UserError(
            "feedback comes from round 2 on, and the run has 1 round: give at least --rounds 2."
        )
    arms = reversed(list(ARMS))
    return {arm: spec.model_copy(update={"strategy": StrategySpec(name=arm)}) for arm in arms}


STUDY = Study(
    about="Do goal, external feedback and chain of thought help, and less so together?",
    details=(
        "Eight arms on the same examples: goal, external feedback and chain of thought, each on or "
        "off. Effects and interactions in the last round, as differences and in log odds; an "
        "interaction is claimed where both scales show it. With bounds for unread answers, "
        "estimates without the examples whose feedback named an answer, the arms that may be the "
        "best, and what each costs."
    ),
    question=QUESTION,
    source="arXiv 2410.20513",
    options=[QUICK, ANYWAY],
    plan=plan,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
