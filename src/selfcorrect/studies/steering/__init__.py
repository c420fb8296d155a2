"""Does the concept cause it? Dose and response along its direction, against directions like it.

- :mod:`.place`: from which token on, after which layer;
- :mod:`.directions`: those that mean nothing, and the states' length;
- :mod:`.measure`: the model opened, its options under every dose;
- :mod:`.analysis`: the odd part and the even part, the null, the prompt beside;
- :mod:`.sheet`: the findings, tables and charts.
"""

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
from selfcorrect.studies.sizes import at_size
from selfcorrect.studies.steering.sheet import QUESTION, sheet

#: The question without the goal, which is steered; with it, the prompt that is to be matched; and
#: with a goal as long that asks for the opposite.
ARMS = ("baseline", "intrinsic", "negation")
_QUICK = {"limit": 24}


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The question without the goal, with it, and with it reversed, one round each.

    Raises:
        UserError: the model can't be steered, or the task's answers have no options.
    """
    from selfcorrect.studies.series import check_plan, with_inside
    from selfcorrect.studies.steering.place import check_place

    check_place(settings["at"])
    check_plan("steering", spec, ("steering",))
    spec = with_inside(at_size(spec, settings, _QUICK)).model_copy(update={"rounds": 1})
    check_plan("steering", spec, ("activation", "options"))
    return {arm: spec.model_copy(update={"strategy": StrategySpec(name=arm)}) for arm in ARMS}


STUDY = Study(
    about="Does a push along the concept change uncertainty and answers, more than any other push?",
    details=(
        "The model's states are moved along the concept's direction by several doses, to both "
        "sides, from the last token before the answer on or at every token, and along directions "
        "of the same kind that mean nothing. What changes sign with the dose is the effect, what "
        "doesn't is damage. Beside it the instruction itself, which states the goal in words, its "
        "reverse, and how badly the model reads neutral text under each dose."
    ),
    question=QUESTION,
    source="this project; arXiv 2406.02378 for the claim",
    options=[
        Option("dose", float, 0.2, "The dose that the findings speak of, in median lengths of the "
               "layer's states.", metavar="ALPHA", least=0.001),
        Option("at", str, "reply", "Which tokens are pushed: from the last one before the reply on "
               "(reply), or all (transcript), which takes many times as long.", metavar="PLACE"),
        Option("layer", int, None, "After which layer, from 0; by default the one that reads the "
               "concept best among those with a third of all layers above them.", least=0),
        Option("directions", int, 39, "Directions of the same kind that mean nothing.", least=39),
        SEED,
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    fixed=("strategy", "rounds"),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)  # fmt: skip
