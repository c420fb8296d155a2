"""Calibration over the rounds: what conditioning on C+ does to it.

After every round the model names the token it finds likeliest; its confidence is the probability
that it gives that token, its accuracy the probability that the true concept gives it. Both are
known for every history, so no token need be drawn to tell whether the model was right.
"""

from __future__ import annotations

import numpy as np

from selfcorrect.theory.posteriors import Concepts, Floats, Ints

#: Bins [a, b) of ECE, the last closed.
BINS = 10
_ROUNDING = 1e-12


def answers(concepts: Concepts, posterior: Floats) -> tuple[Floats, Floats, Ints]:
    """What the model says and how sure it is.

    Args:
        concepts: with p [K, V].
        posterior: log p(concept | history) [n, K].

    Returns:
        Confidence [n]; accuracy, were each concept the true one [n, K]; bin of the confidence [n].
    """
    prediction = np.exp(posterior) @ concepts.p
    confidence = prediction.max(axis=1)
    # up, so that rounding leaves no confidence of .4 below the edge that it stands on
    bins = np.minimum((confidence * BINS + _ROUNDING * BINS).astype(np.int64), BINS - 1)
    return confidence, concepts.p[:, prediction.argmax(axis=1)].T, bins
