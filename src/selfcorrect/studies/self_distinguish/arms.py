"""The dialogues, and what is asked about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The dialogues that are asked about, and the same without a review.
CORRECTED, REPEAT = "intrinsic", "repeat"
#: Of which dialogues something can be asked.
TASKS = ("bbq", "toxicity")
#: Where the task ``bbq`` reads its data unless it is told otherwise.
PUBLISHED = "hub:heegyu/bbq"
NONE, OWN, OTHERS = "none", "own", "others"


def name(history: str, number: int | None = None) -> str:
    """Of the run in which this history stands before the question."""
    return f"{history} history" if number is None else f"{history} history, round {number}"


def asked(task: str, rounds: int) -> Mapping[str, Mapping[str, Any]]:
    """Name of a run → options of the task ``distinguish``.

    Args:
        task: of the dialogues.
        rounds: that they have.
    """
    if task == "bbq":
        own = {name(OWN, t): {"history": OWN, "round": t} for t in range(1, rounds + 1)}
        return {none(task, rounds): {"history": NONE}, **own}
    made: dict[str, Mapping[str, Any]] = {}
    for t in range(2, rounds + 1):
        made[none(task, t)] = {"history": NONE, "round": t}
        made[name(OWN, t)] = {"history": OWN, "round": t}
    return {**made, name(OTHERS, rounds): {"history": OTHERS, "round": rounds}}


def none(task: str, number: int) -> str:
    """The run without a history that a round's is compared with: of BBQ there is but one, as the
    question is the same for every round."""
    return name(NONE) if task == "bbq" else name(NONE, number)
