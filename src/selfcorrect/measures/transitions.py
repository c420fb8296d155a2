"""What becomes of each dialogue's answer from round to round.

An answer that couldn't be read is an answer of its own (−1 in a panel), equal to itself. A stable
mean of churning answers is not a stable state, so these stand beside convergence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def changed(answers: ArrayLike) -> Floats:
    """1 where an answer differs from the previous round's, 0 where it doesn't.

    Args:
        answers: [D, T]; NaN is a round without a record.

    Returns:
        [D, T]; NaN in the first round, and where either record is missing.
    """
    a = np.asarray(answers, dtype=np.float64)
    out = np.full(a.shape, np.nan)
    pair = np.isfinite(a[:, 1:]) & np.isfinite(a[:, :-1])
    out[:, 1:] = np.where(pair, a[:, 1:] != a[:, :-1], np.nan)
    return out


def settled(answers: ArrayLike) -> Floats:
    """1 where an answer stands from this round to the last, else 0: [D, T].

    NaN where a record is missing from here on, and in the last round: nothing comes after it that
    could differ, so that it would be 1 even where all answers change in every round.
    """
    a = np.asarray(answers, dtype=np.float64)
    same = np.where(np.isfinite(a), a == a[:, -1:], np.nan)
    # a NaN anywhere from here on makes the minimum NaN
    found = np.array(np.minimum.accumulate(same[:, ::-1], axis=1)[:, ::-1])
    found[:, -1:] = np.nan
    return found


def alternating(answers: ArrayLike) -> Floats:
    """1 where the last three answers are x, y, x with x ≠ y, else 0: [D].

    NaN with fewer than three rounds, and where one of the three records is missing.
    """
    a = np.asarray(answers, dtype=np.float64)
    if a.shape[1] < 3:
        return np.full(len(a), np.nan)
    x, y, z = a[:, -3], a[:, -2], a[:, -1]
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(z)
    return np.where(known, (x == z) & (x != y), np.nan)


def stayed_right(correct: ArrayLike) -> Floats:
    """1 where a right answer is followed by a right one, 0 where by a wrong one: [D, T].

    NaN in the first round and where the answer before wasn't right. Its mean is CL of arXiv
    2412.19513, P(right in round t | right in round t − 1).
    """
    return _after(correct, 1.0)


def became_right(correct: ArrayLike) -> Floats:
    """The same after a wrong answer: its mean is CS, P(right in round t | wrong in t − 1)."""
    return _after(correct, 0.0)


def _after(correct: ArrayLike, before: float) -> Floats:
    y = np.asarray(correct, dtype=np.float64)
    out = np.full(y.shape, np.nan)
    out[:, 1:] = np.where(y[:, :-1] == before, y[:, 1:], np.nan)
    return out


def flow(answers: ArrayLike, correct: ArrayLike) -> list[dict[str, int]]:
    """How many dialogues went which way, from each round to the next: a list of T − 1.

    ``kept_right``, ``right_to_wrong``, ``wrong_to_right``, ``kept_wrong`` (the same wrong answer)
    and ``wrong_to_wrong`` (another one). Dialogues without either record are left out.
    """
    a, y = np.asarray(answers, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    steps = []
    for t in range(1, a.shape[1]):
        before, after = y[:, t - 1], y[:, t]
        wrong = (before == 0) & (after == 0)
        same = a[:, t - 1] == a[:, t]
        ways = {
            "kept_right": (before == 1) & (after == 1),
            "right_to_wrong": (before == 1) & (after == 0),
            "wrong_to_right": (before == 0) & (after == 1),
            "kept_wrong": wrong & same,
            "wrong_to_wrong": wrong & ~same,
        }
        steps.append({way: int(which.sum()) for way, which in ways.items()})
    return steps


def moves(values: ArrayLike) -> list[dict[str, int]]:
    """How many dialogues got better, stayed, or got worse from each round to the next.

    Args:
        values: outcomes [D, T], higher being better; dialogues without either are left out.

    Returns:
        A list of T − 1: ``better``, ``unchanged``, ``worse``.
    """
    d = np.diff(np.asarray(values, dtype=np.float64), axis=1)
    ways = {"better": d > 0, "unchanged": d == 0, "worse": d < 0}
    return [{way: int(which[:, t].sum()) for way, which in ways.items()} for t in range(d.shape[1])]
