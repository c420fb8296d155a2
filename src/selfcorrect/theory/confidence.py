"""The model's answer after a history: its confidence, and its accuracy under each concept.

The answer is the most likely token. Its confidence is the probability that the model gives it, its
accuracy the probability that the true concept gives it.
"""

from __future__ import annotations

import numpy as np

from selfcorrect.theory.posteriors import Concepts, Floats, Ints

#: Number of bins [a, b) of ECE; the last one is closed.
BINS = 10
_ROUNDING = 1e-12


def answers(concepts: Concepts, posterior: Floats) -> tuple[Floats, Floats, Ints]:
    """The confidence and accuracy of the model's answers.

    Args:
        concepts: with p [K, V].
        posterior: log p(concept | history) [n, K].

    Returns:
        Confidence [n]; accuracy for each concept as the true one [n, K]; bin of the confidence [n].
    """
    prediction = np.exp(posterior) @ concepts.p
    confidence = prediction.max(axis=1)
    # rounded up a little, so that a confidence of .4 isn't below the edge .4 by rounding
    bins = np.minimum((confidence * BINS + _ROUNDING * BINS).astype(np.int64), BINS - 1)
    return confidence, concepts.p[:, prediction.argmax(axis=1)].T, bins
