"""The arms: the model by itself, and after a given answer in each role, told the truth or not."""

from __future__ import annotations

from collections.abc import Mapping

from selfcorrect.runs import StrategySpec

#: The task that gives the answers, and the strategy that goes on from them.
BLIND_SPOT = "blind-spot"
#: By itself: by which it is seen what the model knows.
ALONE, OWN, USER = "by itself", "own", "user"
#: The same roles, told by the user whether the answer is right: never ranked.
TOLD = {OWN: "own, told", USER: "user, told"}


def arms() -> Mapping[str, StrategySpec]:
    """By name, the model by itself first."""

    def in_role(name: str, role: str) -> StrategySpec:
        return StrategySpec(name=name, parameters={"role": role})

    return {
        ALONE: StrategySpec(name="repeat"),
        **{role: in_role(BLIND_SPOT, role) for role in (OWN, USER)},
        **{name: in_role(f"{BLIND_SPOT}-oracle", role) for role, name in TOLD.items()},
    }
