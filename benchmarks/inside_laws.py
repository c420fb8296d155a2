"""Two series whose law is known, for what is named first: rivals that have no lead, and a lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: From a generator and the number of dialogues the two series [dialogues, ROUNDS].
Law = Callable[[np.random.Generator, int], tuple[Floats, Floats]]

ROUNDS = 6
_TIME = np.arange(ROUNDS)


def _noise(rng: np.random.Generator, n: int) -> Floats:
    return rng.normal(size=(n, ROUNDS))


def _walk(rng: np.random.Generator, n: int, keeps: float) -> Floats:
    x = _noise(rng, n)
    x[:, 0] /= (1 - keeps**2) ** 0.5
    for t in range(1, ROUNDS):
        x[:, t] += keeps * x[:, t - 1]
    return x


def _traits(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    own = rng.normal(size=(n, 1))
    return own + _noise(rng, n), own + _noise(rng, n)


def _trend(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    return _TIME + _noise(rng, n), -_TIME + _noise(rng, n)


def _memories(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    return _walk(rng, n, 0.7), _walk(rng, n, 0.7)


def _shifts(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Each round shifts both at once, for good."""
    both = 0.5 * _noise(rng, n).cumsum(axis=1)
    return both + _noise(rng, n), both + _noise(rng, n)


def _one_state(rng: np.random.Generator, n: int, other: float) -> tuple[Floats, Floats]:
    state = _walk(rng, n, 0.7)
    return state + 0.5 * _noise(rng, n), state + other * _noise(rng, n)


def _right_or_wrong(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    c, u = _one_state(rng, n, 0.5)
    return c, (u > 0).astype(float)


def _floored(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    c, u = _one_state(rng, n, 0.5)
    return c, np.maximum(0.0, u - 0.5)


def _own_speed(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    speed = rng.gamma(2, 0.3, size=(n, 1)) * _TIME
    return 1 - np.exp(-speed) + 0.1 * _noise(rng, n), np.exp(-speed) + 0.1 * _noise(rng, n)


def _own_amplitude(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    far = rng.gamma(2, 0.5, size=(n, 1)) * 0.5**_TIME
    return far + 0.1 * _noise(rng, n), -far + 0.1 * _noise(rng, n)


def _alternation(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Half of the dialogues go back and forth."""
    start, turns = rng.integers(0, 2, (n, 1)), rng.random((n, 1)) < 0.5
    x = turns * np.where((_TIME + start) % 2, 1.0, -1.0)
    return x + _noise(rng, n), -x + _noise(rng, n)


def _led(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    c, u = _walk(rng, n, 0.5), _noise(rng, n)
    for t in range(1, ROUNDS):
        u[:, t] += 0.3 * u[:, t - 1] - 0.4 * c[:, t - 1]
    return c, u


#: What is true of two series, and how they are made; in all but the last neither leads.
LAWS: Mapping[str, Law] = {
    "both hold what the example is like": _traits,
    "both follow a trend over the rounds": _trend,
    "each has a memory of its own": _memories,
    "each round shifts both": _shifts,
    "both settle, at the dialogue's own speed": _own_speed,
    "both settle at one speed, from where the dialogue begins": _own_amplitude,
    "half of the dialogues alternate": _alternation,
    "both read one hidden state, equally well": lambda rng, n: _one_state(rng, n, 0.5),
    "the same, u as 0 or 1": _right_or_wrong,
    "the same, u with a floor": _floored,
    "both read one hidden state, **c better**": lambda rng, n: _one_state(rng, n, 1.5),
    "*c truly leads u*": _led,
}
