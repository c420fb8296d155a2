"""The arms: no defence, a reminder, demonstrations and checks; on attacks, and on harmless
instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from selfcorrect.runs import StrategySpec

NONE, REMINDER, DEMONSTRATIONS, CHECKING = "none", "self-reminder", "demonstrations", "checking"
#: What an arm on harmless instructions is called.
HARMLESS = "harmless: "
#: The task that asks harmless instructions.
HARMLESS_TASK = "over-refusal"


def arms(demonstrations: int) -> Mapping[str, StrategySpec]:
    """By name, the one without a defence first."""
    return {
        NONE: StrategySpec(name="neutral"),
        REMINDER: StrategySpec(name="self-reminder"),
        DEMONSTRATIONS: StrategySpec(name="demonstrations", parameters={"count": demonstrations}),
        CHECKING: StrategySpec(name="checking", parameters={"form": "harm"}),
    }


def defences(rounds: Sequence[int]) -> dict[str, tuple[str, int]]:
    """What is compared with no defence: name → arm, and the place of its round.

    A reminder and demonstrations stand before the first answer, and are looked at there; checks
    after as many of them as there are.
    """
    checks = {checked(k): (CHECKING, k) for k in range(1, len(rounds))}
    return {REMINDER: (REMINDER, 0), DEMONSTRATIONS: (DEMONSTRATIONS, 0), **checks}


def checked(k: int) -> str:
    """The defence of so many checks."""
    return f"{k} check{'s' if k > 1 else ''}"
