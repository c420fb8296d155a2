"""Parts of labelled texts that are kept apart: no cluster lies in two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from selfcorrect.errors import UserError

Ints = NDArray[np.int64]
#: Outer parts, on each of which a probe made from the others is judged; and inner ones, by which
#: the layer and the strength of regularisation are chosen.
OUTER, INNER = 5, 4
#: So often labels are shuffled again where a probe couldn't be made of them.
_TRIES = 100


def folds(
    labels: Sequence[int] | Ints, clusters: Sequence[str], number: int, seed: int, what: str
) -> list[tuple[Ints, Ints]]:
    """Split texts into parts with about as many of each label.

    Args:
        labels: 1 or 0 [n].
        clusters: of each text [n].
        number: of parts.
        seed: of the order in which clusters are dealt out.
        what: the texts are called, for errors.

    Returns:
        For each part the positions of the texts outside it, and of those in it.

    Raises:
        UserError: there are too few texts, clusters or texts of a label for that.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    y = np.asarray(labels, np.int64)
    groups = np.unique(np.asarray(clusters, object).astype(str), return_inverse=True)[1]
    k = int(groups.max()) + 1 if len(groups) else 0
    if len(y) < number or k < number:
        raise UserError(
            f"{what}: {len(y):,} texts in {k:,} clusters are fewer than the {number} parts that "
            "they are judged in; give more texts."
        )
    split = StratifiedGroupKFold(number, shuffle=True, random_state=seed % (1 << 32))
    try:
        made = [(np.asarray(a), np.asarray(b)) for a, b in split.split(y, y, groups)]
    except ValueError:  # fewer texts of a label than parts
        made = []
    if not made or any(len(np.unique(y[a])) < 2 or not len(b) for a, b in made):
        raise UserError(
            f"{what}: the {int((y == 1).sum()):,} texts with the concept and the "
            f"{int((y == 0).sum()):,} without lie in too few clusters to be judged in {number} "
            "parts that all have both; give more texts, or more clusters."
        )
    return made


def shuffled(
    labels: Ints,
    clusters: Sequence[str],
    outer: Sequence[tuple[Ints, Ints]],
    rng: np.random.Generator,
) -> Ints:
    """Labels that say nothing, as far apart from each other as the true ones are.

    Texts of a cluster are alike. So clusters whose texts all have one label swap it as wholes, and
    labels are dealt out anew within each of the others: single texts would get labels that no
    cluster has, and a control of more independent texts than there are.

    Args:
        labels, clusters: of each text [n].
        outer: the parts, outside each of which both labels are needed.
        rng: by which they are drawn.
    """
    groups = np.unique(np.asarray(clusters, object).astype(str), return_inverse=True)[1]
    sizes, ones = np.bincount(groups), np.bincount(groups, labels)
    whole = (ones == 0) | (ones == sizes)
    for _ in range(_TRIES):
        first = (ones > 0).astype(np.int64)  # of a cluster with one label
        first[whole] = rng.permutation(first[whole])
        drawn = first[groups]
        for mixed in np.flatnonzero(~whole):
            drawn[groups == mixed] = rng.permutation(labels[groups == mixed])
        if all(len(np.unique(drawn[outside])) == 2 for outside, _ in outer):
            return drawn
    return rng.permutation(labels)  # so few clusters that some part always lacks a label


def parts_of(split: Sequence[tuple[Ints, Ints]]) -> Ints:
    """In which part each text is [n], of what :func:`folds` returns."""
    parts = np.zeros(sum(len(held) for _, held in split), np.int64)
    for number, (_, held) in enumerate(split):
        parts[held] = number
    return parts


def area(scores: NDArray[np.float64], labels: Ints, parts: Ints | None = None) -> float:
    """The AUROC of scores [n], ties counting a half: by which layers are chosen.

    Args:
        scores: [n].
        labels: 1 or 0 [n].
        parts: of each text [n], where its score comes from what was made from the other parts: only
            texts of one part are compared (see :func:`selfcorrect.measures.auroc.auroc`).

    Returns:
        A half where no two texts can be compared.
    """
    from scipy.stats import rankdata

    right, pairs = 0.0, 0
    for number in [None] if parts is None else np.unique(parts):
        here = np.full(len(labels), True) if number is None else parts == number
        ones = labels[here] == 1
        n, m = int(ones.sum()), int((~ones).sum())
        right += float(rankdata(scores[here])[ones].sum()) - n * (n + 1) / 2
        pairs += n * m
    return right / pairs if pairs else 0.5
