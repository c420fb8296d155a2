"""How long does one wrong instruction last?"""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec, StrategySpec
from selfcorrect.studies.base import (
    ANYWAY,
    QUICK,
    Option,
    Settings,
    Study,
    later,
)
from selfcorrect.studies.injection.sheet import QUESTION, sheet
from selfcorrect.studies.sizes import at_size

_QUICK = {"limit": 40, "rounds": 6}
#: Of 10 rounds, as published; at quick size one in the middle.
INJECTED, INJECTED_QUICK = (2, 5, 8), (3,)


def plan(spec: RunSpec, settings: Settings) -> Mapping[str, RunSpec]:
    """The run, and the same with the reversed instruction in some rounds.

    Raises:
        UserError: a round is injected that there isn't, or none has a round after it.
    """
    from selfcorrect.studies.series import with_inside

    spec = at_size(spec, settings, _QUICK, 10)
    rounds = injected(settings, spec.rounds)
    spec = with_inside(spec)
    strategies = {
        "injection": StrategySpec(name="injection", parameters={"injected": list(rounds)}),
        "intrinsic": StrategySpec(name="intrinsic"),
        "repeat": StrategySpec(name="repeat"),
    }
    return {arm: spec.model_copy(update={"strategy": each}) for arm, each in strategies.items()}


def injected(settings: Settings, rounds: int) -> tuple[int, ...]:
    """The rounds with the reversed instruction.

    Raises:
        UserError: see :func:`plan`.
    """
    usual = INJECTED_QUICK if settings["quick"] else INJECTED
    given = sorted(set(settings["injected"] or [n for n in usual if n < rounds]))
    wrong = [n for n in given if not 2 <= n <= rounds]
    if wrong:
        raise UserError(
            f"round {wrong[0]} can't be injected: the run has rounds 1 to {rounds}, and round 1 "
            "asks the question; give others with --injected, or more --rounds."
        )
    if not any(n < rounds for n in given):
        raise UserError(
            f"no injected round has a round after it, so how long it lasts can't be seen: the run "
            f"has {rounds} rounds; give more --rounds, or earlier ones with --injected."
        )
    return tuple(given)


STUDY = Study(
    about=QUESTION,
    details=(
        "The run, and the same with the reversed instruction in some of its rounds, on the same "
        "examples: their difference in outcome, uncertainty and activation in the injected round "
        "and in each round after it, until the next."
    ),
    question=QUESTION,
    source="arXiv 2406.02378",
    options=[
        Option(
            "injected",
            int,
            None,
            "A round with the reversed instruction; may be given several times (2, 5 and 8).",
            least=2,
            repeatable=True,
        ),
        QUICK,
        ANYWAY,
    ],
    plan=plan,
    fixed=("strategy",),
    preflight=later(f"{__name__}.analysis", "preflight"),
    analyse=later(f"{__name__}.analysis", "analyse"),
    sheet=sheet,
)
