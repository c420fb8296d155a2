"""Dialogues with checks whose law is known: checks that do nothing, and checks that help."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Rng = np.random.Generator
#: Of each example: the first answer, whether its check says right, the last answer, and that of the
#: question repeated; unread answers are NaN.
Dialogues = tuple[Floats, Floats, Floats, Floats]
#: From a generator, the accuracy of each category [K], and each example's category [n].
Law = Callable[[Rng, Floats, NDArray[np.int64]], Dialogues]


def _shaken(rng: Rng, first: Bools, says: Bools, often: Floats) -> Dialogues:
    """An answer is shaken as often, whatever its check said; half of the wrong ones are mended."""
    moved = rng.random(len(first)) < often
    last = np.where(moved, ~first & (rng.random(len(first)) < 0.5), first)
    return first * 1.0, says * 1.0, last * 1.0, first * 1.0


def _biased(bias: Callable[[Rng, Floats], Floats]) -> Law:
    """Checks say *wrong* with a bias, whatever the answer is, and it shakes answers, too."""

    def law(rng: Rng, accuracy: Floats, of: NDArray[np.int64]) -> Dialogues:
        s = bias(rng, accuracy)[of]
        first = rng.random(len(of)) < accuracy[of]
        return _shaken(rng, first, rng.random(len(of)) >= s, s)

    return law


def _followed(rng: Rng, accuracy: Floats, of: NDArray[np.int64]) -> Dialogues:
    """As before, and it is the checks that say *wrong* that shake an answer."""
    s = rng.uniform(0.1, 0.9, len(accuracy))[of]
    first = rng.random(len(of)) < accuracy[of]
    says = rng.random(len(of)) >= s
    return _shaken(rng, first, says, ~says * 1.0)


def _able(rng: Rng, first: Bools, able: Floats) -> Bools:
    """Checks that are true so often, of right and wrong answers alike."""
    return (rng.random(len(first)) < able) == first


def _easier(rng: Rng, accuracy: Floats, of: NDArray[np.int64]) -> Dialogues:
    """Easier categories have better checks; answers are kept with .6, or drawn again."""
    level = accuracy[of]
    first = rng.random(len(of)) < level
    says = _able(rng, first, np.clip(0.65 + 0.9 * (level - 0.5), 0.05, 0.95))
    last, again = (
        np.where(rng.random(len(of)) < 0.6, first, rng.random(len(of)) < level) for _ in range(2)
    )
    return first * 1.0, says * 1.0, last * 1.0, again * 1.0


def _curved(rng: Rng, accuracy: Floats, of: NDArray[np.int64]) -> Dialogues:
    """Ability goes with the cube of accuracy, and what shakes answers with its square."""
    level = accuracy[of]
    first = rng.random(len(of)) < level
    return _shaken(rng, first, _able(rng, first, 0.5 + 0.45 * level**3), 0.6 * level**2)


def _unread(rng: Rng, accuracy: Floats, of: NDArray[np.int64]) -> Dialogues:
    """Nothing changes, but unread answers of the question repeated, up to 24 %, are more where
    checks are better."""
    able = np.linspace(0.3, 0.9, len(accuracy))[of]
    first = rng.random(len(of)) < 0.5
    again = np.where(rng.random(len(of)) < (able - 0.3) * 0.4, np.nan, first)
    return first * 1.0, _able(rng, first, able) * 1.0, first * 1.0, again


def _helpful(more: float) -> Law:
    """A wrong answer is mended with .2, and more after a true check."""

    def law(rng: Rng, accuracy: Floats, of: NDArray[np.int64]) -> Dialogues:
        first = rng.random(len(of)) < accuracy[of]
        says = _able(rng, first, rng.uniform(0.4, 0.95, len(accuracy))[of])
        kept = [rng.random(len(of)) < 0.9 for _ in range(2)]
        mended = [rng.random(len(of)) < 0.2 + each for each in (more * (says == first), 0.0)]
        last, again = (np.where(first, k, m) for k, m in zip(kept, mended, strict=True))
        return first * 1.0, says * 1.0, last * 1.0, again * 1.0

    return law


#: What is true, how it is made, and between what categories' accuracies lie.
LAWS: Mapping[str, tuple[Law, tuple[float, float]]] = {
    "checks say *wrong* and answers are shaken with 1 − accuracy each": (
        _biased(lambda _, a: 1 - a), (0.1, 0.95)
    ),
    "both with one rate, drawn by category": (
        _biased(lambda rng, a: rng.uniform(0.1, 0.9, len(a))), (0.1, 0.95)
    ),
    "both with .4 in all": (_biased(lambda _, a: 0.4 * np.ones(len(a))), (0.3, 0.8)),
    "checks say *wrong* with a rate drawn by category, and are followed": (_followed, (0.3, 0.8)),
    "easier categories have better checks": (_easier, (0.3, 0.8)),
    "ability goes with accuracy³, shaking with accuracy²": (_curved, (0.1, 0.95)),
    "unread answers of the question repeated go with better checks": (_unread, (0.5, 0.5)),
    "*true checks mend .3 more*": (_helpful(0.3), (0.3, 0.8)),
    "*true checks mend .6 more*": (_helpful(0.6), (0.3, 0.8)),
}  # fmt: skip
