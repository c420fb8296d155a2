"""Made-up studies whose truth is known, for what they claim: rivals that aren't what is asked for,
and the thing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.chains import Chain
from selfcorrect.studies.anchoring.analysis import Swapped
from selfcorrect.studies.self_distinguish.association import Beyond

Floats = NDArray[np.float64]
K = 3
_EACH = np.eye(K)


def _softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def swapped(
    rng: np.random.Generator,
    n: int,
    *,
    right: float = 0.0,
    times: float = 1.0,
    adds: float = 0.0,
    copies: float = 0.0,
    own: float = 0.0,
    own_adds: float = 0.0,
    knows: float = 0.0,
    noise: float = 0.2,
) -> Swapped:
    """What a model answers after each option, three a question, in clusters of 4 dialogues.

    Args:
        rng: of the draws.
        n: dialogues.
        right: how much likelier, in log odds, right options are.
        times: by how much all log odds are multiplied in round 2.
        adds: to the log odds of what stands there; ``own_adds`` more of the own answer, ``knows``
            more of the right one.
        copies: with what probability it copies what stands there; ``own`` more of the own answer.
        noise: of each reading of round 2, in log odds.
    """
    z = rng.normal(0, 1.2, (n, K))
    target, rows = rng.integers(0, K, n), np.arange(n)
    z[rows, target] += right
    before = _softmax(z)
    mine = before.argmax(axis=1)
    is_own, is_right = (np.arange(K) == x[:, None] for x in (mine, target))
    more = (adds + own_adds * is_own + knows * is_right)[..., None] * _EACH
    again = _softmax(times * z[:, None] + noise * rng.normal(size=(n, K, K)) + more)
    c = (copies + own * is_own)[..., None]
    after = (1 - c) * again + c * _EACH
    taken = after.argmax(axis=2) * 1.0
    return Swapped(before, after, taken, mine * 1.0, target * 1.0, rows // 4)


#: What is true, and the numbers it is made by; in the last four something is there to be found.
ANCHORING: Mapping[str, Mapping[str, float]] = {
    "any option gains alike in log odds": {"adds": 1.0},
    "the same, and the second asking is sharper": {"adds": 1.0, "times": 1.6},
    "whatever stands there is copied in a tenth": {"copies": 0.1},
    "in three tenths": {"copies": 0.3},
    "in six tenths": {"copies": 0.6},
    "in three tenths, and any option gains alike": {"copies": 0.3, "adds": 1.0},
    "any option gains alike; right ones are .6 likelier": {"adds": 1.0, "right": 0.6},
    "1.2 likelier": {"adds": 1.0, "right": 1.2},
    "2 likelier": {"adds": 1.0, "right": 2.0},
    "the own answer gains **.6 more** in log odds": {"adds": 1.0, "own_adds": 0.6},
    "others are copied in .3, the own answer in **.5**": {"copies": 0.3, "own": 0.2},
    "in .6, the own answer in **.3**": {"copies": 0.6, "own": -0.3},
    "right options gain **.75 more**, and are .6 likelier": {
        "adds": 1.0, "right": 0.6, "knows": 0.75,
    },
}  # fmt: skip


def rounds(rng: np.random.Generator, mends: list[float], keeps: list[float]) -> Chain:
    """240 dialogues in clusters of 4, half right at first; the rates of each step are these."""
    y = np.zeros((240, len(mends) + 1))
    y[:, 0] = rng.random(240) < 0.5
    for t, (cs, cl) in enumerate(zip(mends, keeps, strict=True)):
        y[:, t + 1] = rng.random(240) < np.where(y[:, t] == 1, cl, cs)
    return Chain(y, np.arange(240) // 4, y.shape[1])


#: What is true, and from the number of rounds CS and CL of each step.
Rates = Callable[[int], tuple[list[float], list[float]]]
TRANSITIONS: Mapping[str, Rates] = {
    "a quarter is mended up to the middle, then none": lambda t: (
        [0.25] * (t // 2) + [0.0] * (t - 1 - t // 2), [1.0] * (t - 1)
    ),
    "the same, and a tenth is lost up to the middle": lambda t: (
        [0.25] * (t // 2) + [0.0] * (t - 1 - t // 2), [0.9] * (t // 2) + [1.0] * (t - 1 - t // 2)
    ),
    "a quarter is mended, in the last round none": lambda t: (
        [0.25] * (t - 2) + [0.0], [1.0] * (t - 1)
    ),
    "mending halves with every round, from .3": lambda t: (
        [0.3 * 0.5**s for s in range(t - 1)], [1.0] * (t - 1)
    ),
    "a chain that settles (.2, .85)": lambda t: ([0.2] * (t - 1), [0.85] * (t - 1)),
    "a quarter is mended **in every round**": lambda t: ([0.25] * (t - 1), [0.99] * (t - 1)),
    "a quarter is lost **in every round**": lambda t: ([0.01] * (t - 1), [0.75] * (t - 1)),
}  # fmt: skip


def judged(
    rng: np.random.Generator, apart: float, predicts: float
) -> tuple[Beyond, Floats, Floats, NDArray[np.int64]]:
    """240 examples in 40 clusters: what a review brings beyond asking again, the last answers, the
    share of judgements that are right, and clusters.

    Args:
        rng: of the draws.
        apart: how far examples lie apart in how easy they are; every answer is drawn anew, and easy
            ones are easier to judge, too.
        predicts: how much more of the wrong answers a review mends where every judgement is right.
    """
    clusters = np.repeat(np.arange(40), 6)
    easy = 0.7 * apart * (rng.normal(size=40)[clusters] + rng.normal(size=240))
    p, q = (1 / (1 + np.exp(-x)) for x in (easy, 0.3 + 0.8 * easy))
    right = (rng.random((240, 2)) < q[:, None]).mean(axis=1)
    first, last, again = (rng.random((3, 240)) < p) * 1.0
    last = np.maximum(last, (rng.random(240) < predicts * right) * 1.0)
    gain = last - again
    return Beyond(gain, gain, gain, first, np.ones(240, bool)), last, right, clusters


#: What is true, and the numbers it is made by.
DISTINGUISHING: Mapping[str, tuple[float, float]] = {
    "nobody corrects anything; examples hardly differ": (0.5, 0.0),
    "nobody corrects anything; easy ones are easy to judge": (1.0, 0.0),
    "the same, and they differ a lot": (2.0, 0.0),
    "a review mends **up to .4** of what is wrong, as judgements are right": (1.0, 0.4),
}


def seeded(*parts: Any) -> np.random.Generator:
    return np.random.default_rng(list(parts))
