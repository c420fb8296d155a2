"""Does repeated instruction settle a model: its outcome, uncertainty, calibration, activation?

- :mod:`.analysis`: curves by arm, from which round each stays, differences from the controls, and
  what goes ahead of what;
- :mod:`.sheet`: the findings, tables and charts.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.studies.base import ANYWAY, QUICK, Settings, Study, later
from selfcorrect.studies.convergence.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

#: The first is the one asked about, the others are what it is compared with.
ARMS = ("intrinsic", "repeat", "negation", "baseline")
_QUICK = {"limit": 40, "rounds": 5}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The four runs, which differ in their strategy only.

    Raises:
        UserError: nothing is asked again.
    """
    from selfcorrect.studies.series import check_plan, with_inside

    spec = with_inside(at_size(spec, settings, _QUICK))
    check_plan("convergence", spec, rounds=2)
    return {
        arm: spec.model_copy(update={"strategy": StrategySpec(name=arm)}
                             | ({"rounds": 1} if arm == "baseline" else {}))
        for arm in ARMS
    }  # fmt: skip


STUDY = Study(
    about="Does a repeated instruction settle a model, and what settles first?",
    details=(
        "Outcome, uncertainty, calibration and the activation of a concept by round, in the run "
        "and in three others on the same examples: the question merely asked again, the goal "
        "reversed, no goal. Of each the round from which it stays, its difference from those at "
        "the last round, and which of two goes ahead of the other."
    ),
    question=QUESTION,
    source="arXiv 2406.02378 and 2510.07290",
    options=[QUICK, ANYWAY],
    plan=plan,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
