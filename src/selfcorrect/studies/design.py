"""The factorial design of goal, external feedback and chain of thought: eight arms.

Source: arXiv 2410.20513.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

#: Factors of the arms.
INSTRUCTION, COT, FEEDBACK = "instruction", "cot", "feedback"
#: Arm → its factors; each arm is the strategy of that name.
ARMS: Mapping[str, frozenset[str]] = {
    "intrinsic-feedback-cot": frozenset({INSTRUCTION, FEEDBACK, COT}),
    "intrinsic-feedback": frozenset({INSTRUCTION, FEEDBACK}),
    "intrinsic-cot": frozenset({INSTRUCTION, COT}),
    "intrinsic": frozenset({INSTRUCTION}),
    "feedback-cot": frozenset({FEEDBACK, COT}),
    "feedback": frozenset({FEEDBACK}),
    "cot": frozenset({COT}),
    "neutral": frozenset(),
}
#: Factors by the letter that stands for each.
FACTORS = {"I": INSTRUCTION, "F": FEEDBACK, "C": COT}
#: Main effects and interactions, by their factors' letters.
EFFECTS = tuple("×".join(c) for size in (1, 2, 3) for c in combinations(FACTORS, size))


def weights(effect: str, arms: Sequence[str]) -> NDArray[np.float64]:
    """What each arm counts in an effect [A]: of one factor, the difference between with and
    without, over the other two; of two, how much that differs between with and without the other,
    over the third; of three, how much the latter differs by the third.

    Args:
        effect: one of :data:`EFFECTS`.
        arms: names of strategies.
    """
    factors = [FACTORS[letter] for letter in effect.split("×")]
    lacking = np.array([sum(f not in ARMS[arm] for f in factors) for arm in arms])
    found: NDArray[np.float64] = (-1.0) ** lacking / 2 ** (len(FACTORS) - len(factors))
    return found
