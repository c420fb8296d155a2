"""Latent concepts by brute force: Bayes' rule token by token, over every sequence."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from selfcorrect.theory.posteriors import Concepts, Floats


def plain_posterior(p: Floats, prior: Floats, tokens: Sequence[int]) -> list[float]:
    """Bayes' rule, one token after the other."""
    belief = [float(x) for x in prior]
    for token in tokens:
        joint = [b * float(row[token]) for b, row in zip(belief, p, strict=True)]
        belief = [x / sum(joint) for x in joint]
    return belief


def every_sequence(known: Concepts, rounds: int) -> Any:
    """All sequences of all tokens, each with p(sequence | C+) and its posterior."""
    v = known.p.shape[1]
    for tokens in itertools.product(range(v), repeat=rounds * known.tokens):
        if all(known.p[0][token] > 0 for token in tokens):
            p = math.prod(float(known.p[0][token]) for token in tokens)
            yield tokens, p, plain_posterior(known.p, known.prior, tokens)
