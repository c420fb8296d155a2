"""The dialogues, and what is asked about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The dialogues that are asked about, and the same without a review.
CORRECTED, REPEAT = "intrinsic", "repeat"
#: What is asked of dialogues, as their task offers (``Offers.compared``): which of two people is
#: subject to stereotypes, or which of two texts is less toxic.
PEOPLE, TEXTS = "people", "texts"
NONE, OWN, OTHERS = "none", "own", "others"


def name(history: str, number: int | None = None) -> str:
    """Of the run in which this history stands before the question."""
    return f"{history} history" if number is None else f"{history} history, round {number}"


def asked(about: str, rounds: int) -> Mapping[str, Mapping[str, Any]]:
    """Name of a run → options of the task ``distinguish``.

    Args:
        about: :data:`PEOPLE` or :data:`TEXTS`.
        rounds: that the dialogues have.
    """
    if about == PEOPLE:
        own = {name(OWN, t): {"history": OWN, "round": t} for t in range(1, rounds + 1)}
        return {none(about, rounds): {"history": NONE}, **own}
    made: dict[str, Mapping[str, Any]] = {}
    for t in range(2, rounds + 1):
        made[none(about, t)] = {"history": NONE, "round": t}
        made[name(OWN, t)] = {"history": OWN, "round": t}
    return {**made, name(OTHERS, rounds): {"history": OTHERS, "round": rounds}}


def none(about: str, number: int) -> str:
    """The run without a history that a round's is compared with: of people there is but one, as the
    question is the same for every round."""
    return name(NONE) if about == PEOPLE else name(NONE, number)
