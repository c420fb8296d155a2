"""Held-out text: how surprised a model is by it, and how much more than before.

Perplexity is exp of the mean negative log p of a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, nan

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import error_of_jackknife
from selfcorrect.measures.intervals import Estimate, error_interval
from selfcorrect.models.base import Model
from selfcorrect.models.scored import Progress, scores_texts, untold

Floats = NDArray[np.float64]
#: Tokens of a text.
MOST = 1024


@dataclass(frozen=True, slots=True)
class Surprise:
    """How likely some texts are.

    Attributes:
        logps: Σ log p of each [n], in nats; NaN where a text is too long, or impossible.
        tokens: of each [n].
    """

    logps: Floats
    tokens: Floats


def surprise(model: Model, texts: Sequence[str], told: Progress = untold) -> Surprise:
    """How likely texts are to a model.

    Raises:
        UserError: the model doesn't tell.
    """
    found = scores_texts(model).scored(texts, MOST, told)
    logps = [nan if each is None or not np.isfinite(each.total) else each.total for each in found]
    tokens = [0.0 if each is None else float(len(each.logps)) for each in found]
    return Surprise(np.array(logps), np.array(tokens))


def per_token(logps: Floats, tokens: Floats) -> Estimate:
    """Σ logps / Σ tokens over texts, in nats, with its interval; each text is a cluster.

    Args:
        logps: of each text, or differences of those of two models [n]; NaN is left out.
        tokens: of each [n].
    """
    there = np.isfinite(logps) & (tokens > 0)
    x, sizes = logps[there], tokens[there]
    n = len(x)
    if not n:
        return Estimate(None, None, None, 0, 0, "no text has a score")
    value = float(x.sum() / sizes.sum())
    if n < 2:
        return Estimate(value, None, None, n, n, "one text: no interval")
    without = (x.sum() - x) / (sizes.sum() - sizes)
    error = error_of_jackknife(value, without, sizes)
    return error_interval(value, error, np.arange(n))


def perplexity(of: Surprise) -> Estimate:
    """The perplexity of texts, with its interval."""
    e = per_token(-of.logps, of.tokens)
    ends = [None if end is None else exp(min(end, 700.0)) for end in (e.value, e.low, e.high)]
    return replace(e, value=ends[0], low=ends[1], high=ends[2], spread=None, at=None)
