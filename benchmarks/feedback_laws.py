"""First answers of three options and feedback for one of the others, whose law is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from selfcorrect.studies.innate.accept import Trials

Floats = NDArray[np.float64]
_NAMES = ("right", "confidence", "before", "taken", "asked", "after", "after_asked")


def _soft(x: Floats) -> Floats:
    z = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(z / z.sum(axis=-1, keepdims=True))


def trials(rng: np.random.Generator, answers: int, likelier: float, more: float) -> Trials:
    """Feedback raises its option's log odds by 1.2, after a second asking that is as noisy for all.

    Args:
        rng: of the draws.
        answers: so many first answers, in clusters of 4.
        likelier: by how many logits right options are likelier before.
        more: by how many logits right feedback pushes more.
    """
    z = 1.2 * rng.normal(size=(answers, 3))
    target, every = rng.integers(0, 3, answers), np.arange(answers)
    z[every, target] += likelier
    before, again = _soft(z), _soft(z + 0.3 * rng.normal(size=z.shape))
    own = before.argmax(axis=1)
    rows: dict[str, list[Floats]] = {name: [] for name in _NAMES}
    which: list[NDArray[np.int64]] = []
    for option in range(3):
        at = every[own != option]
        right = (target[at] == option) * 1.0
        pushed = np.log(again[at])
        pushed[:, option] += 1.2 + more * right
        after = _soft(pushed)
        which.append(at)
        values = (
            right,
            before[at, own[at]],
            before[at, option],
            (after.argmax(axis=1) == option) * 1.0,
            (again[at].argmax(axis=1) == option) * 1.0,
            after[:, option],
            again[at, option],
        )
        for name, value in zip(_NAMES, values, strict=True):
            rows[name].append(value)
    found = np.concatenate(which)
    names = np.array([f"{each:04}" for each in found], dtype=object)
    clusters = np.array([f"c{each // 4}" for each in found], dtype=object)
    return Trials(names, clusters, *(np.concatenate(rows[name]) for name in _NAMES))


#: What is true: by how much right options are likelier before, and right feedback pushes more.
LAWS: Mapping[str, tuple[float, float]] = {
    "feedback is blind, and right options are as likely before": (0.0, 0.0),
    "blind, and right options are likelier before by .6 logits": (0.6, 0.0),
    "blind, and by 1.2 logits": (1.2, 0.0),
    "*right feedback pushes 1 logit more*": (0.0, 1.0),
    "*the same, and right options are likelier before by .6*": (0.6, 1.0),
}
