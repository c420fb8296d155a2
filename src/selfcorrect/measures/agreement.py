"""How far a scorer agrees with people."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfcorrect.measures.auroc import auroc
from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import Estimate, proportion, with_both


def kappa(ours: ArrayLike, theirs: ArrayLike, clusters: ArrayLike) -> Estimate:
    """Cohen's κ of two judgements, with the jackknife's interval over clusters.

    (p_o − p_e) / (1 − p_e): 0 is what chance would agree in, 1 is always. Undefined where both
    always say the same one thing.

    Args:
        ours, theirs: zeros and ones [n]; NaN is missing.
        clusters: the cluster of each [n].

    Source: Cohen 1960, doi:10.1177/001316446002000104.
    """
    a, b, names = with_both(ours, theirs, clusters)
    terms = np.stack([np.ones(len(a)), a, b, a == b], axis=1)
    return of_sums(terms, _kappa, names, bounds=(-1, 1))


def _kappa(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """From sums [..., 4] of all, ours, theirs and agreeing ones."""
    n, ours, theirs, agree = (sums[..., i] for i in range(4))
    with np.errstate(all="ignore"):
        chance = (ours * theirs + (n - ours) * (n - theirs)) / n**2
        return np.asarray((agree / n - chance) / (1 - chance))


def agreement(
    scores: ArrayLike,
    labels: ArrayLike,
    clusters: ArrayLike,
    *,
    threshold: float,
) -> dict[str, Estimate]:
    """Scores against people's labels of the same answers.

    Args:
        scores: of the scorer [n]; NaN is missing.
        labels: 1 where people say yes, else 0 [n].
        clusters: the cluster of each [n].
        threshold: from this score on the scorer says yes.

    Returns:
        ``auroc`` of the scores; ``kappa`` and ``agree``, the share alike, at the threshold;
        ``labelled``, the share to which people say yes.
    """
    x, y, names = with_both(scores, labels, clusters)
    says = (x >= threshold).astype(np.float64)
    return {
        "auroc": auroc(x, y, names),
        "kappa": kappa(says, y, names),
        "agree": proportion((says == y).astype(np.float64), names),
        "labelled": proportion(y, names),
    }
