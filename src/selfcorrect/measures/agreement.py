"""How far a scorer agrees with people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfcorrect.measures.auroc import FEW, FEWER, LEAST_OF_A_CLASS, auroc
from selfcorrect.measures.clusters import LEAST_EFFECTIVE
from selfcorrect.measures.figures import of_sums
from selfcorrect.measures.intervals import Estimate, proportion, with_both


def kappa(ours: ArrayLike, theirs: ArrayLike, clusters: ArrayLike) -> Estimate:
    """Cohen's κ of two judgements.

    (p_o − p_e) / (1 − p_e): 0 is what chance would agree in, 1 is always. Undefined where both
    always say the same one thing. The interval is the jackknife's over clusters, and reaches at
    least as far as that of p_o alone does, p_e being what it is: where few disagree, or in few
    clusters, the jackknife has hardly seen how far they may lie apart.

    Args:
        ours, theirs: zeros and ones [n]; NaN is missing.
        clusters: the cluster of each [n].

    Source: Cohen 1960, doi:10.1177/001316446002000104.
    """
    a, b, names = with_both(ours, theirs, clusters)
    terms = np.stack([np.ones(len(a)), a, b, a == b], axis=1)
    e = of_sums(terms, _kappa, names, bounds=(-1, 1))
    if e.value is None:
        return e
    alike = proportion((a == b).astype(np.float64), names)
    if alike.low is None or alike.high is None:
        return e
    chance = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    low, high = (float((end - chance) / (1 - chance)) for end in (alike.low, alike.high))
    if e.low is not None and e.high is not None:
        low, high = min(low, e.low), max(high, e.high)
    return replace(e, low=max(-1.0, low), high=min(1.0, high), why=None)


def _kappa(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """From sums [..., 4] of all, ours, theirs and agreeing ones."""
    n, ours, theirs, agree = (sums[..., i] for i in range(4))
    with np.errstate(all="ignore"):
        chance = (ours * theirs + (n - ours) * (n - theirs)) / n**2
        return np.asarray((agree / n - chance) / (1 - chance))


#: Reasons that speak of answers and confidence, as they are of labels.
_OF_LABELS = {
    FEWER: f"fewer than {LEAST_OF_A_CLASS} labels of yes, or of no",
    FEW: f"labels of yes, or of no, lie in fewer than {LEAST_EFFECTIVE:.0f} effective clusters",
}


def _of_labels(e: Estimate) -> Estimate:
    return replace(e, why=_OF_LABELS.get(e.why or "", e.why))


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
    told = kappa(says, y, names)
    if told.value is None and len(x):
        told = replace(told, why="scorer and people always say the same one thing")
    return {
        "auroc": _of_labels(auroc(x, y, names)),
        "kappa": _of_labels(told),
        "agree": proportion((says == y).astype(np.float64), names),
        "labelled": proportion(y, names),
    }
