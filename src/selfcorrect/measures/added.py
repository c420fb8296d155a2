"""Whether the change of one series tells if another fell, beyond what is known without it.

For consecutive rounds: did the uncertainty u fall? A shared trend over the rounds alone tells that
with an AUROC of .65 for independent series, and the uncertainty before it with .87. And what the
dialogue is like tells it: its uncertainty in other rounds, which an activation that only copies an
earlier round tells, too. So the change of the concept must add to all of these: a logistic
regression on the round pair, u₁, the u before it and the mean of the dialogue's other rounds, each
with its square, and the same with c₂ − c₁, each judged on clusters that it wasn't fitted to. Ties
(nothing moved) are a third class, counted and left out.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfcorrect.measures.auroc import auroc, auroc_difference
from selfcorrect.measures.clusters import Floats, Ints
from selfcorrect.measures.intervals import proportion

#: What the classifiers know: the round pair, u₁, both; these and the dialogue's other rounds; the
#: change alone; and all of it.
SETS = ("pair", "before", "both", "history", "change", "with change")
#: Smaller changes of u are ties, in u's unit.
TIE = 1e-9
PERMUTATIONS = 999
_LEAST = 20


def added(
    c: ArrayLike,
    u: ArrayLike,
    clusters: ArrayLike,
    *,
    folds: int = 5,
    tie: float = TIE,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> dict[str, Any]:
    """What c₂ − c₁ adds to telling whether u₂ < u₁, over consecutive rounds.

    Args:
        c, u: [D, T], a row a dialogue, a column a round; NaN is missing.
        clusters: the cluster of each dialogue [D]; no cluster is in both halves of a split.
        folds: into how many parts the clusters are cut.
        tie: changes of u up to this size are ties.
        seed: of the folds and the permutations.
        permutations: of the dialogues' changes of c, which stay whole.

    Returns:
        ``n`` transitions with ``fell``, ``rose`` and ``ties`` of them; ``majority``, the share of
        the larger of the first two; by each of :data:`SETS` ``auroc`` and ``accuracy`` on held-out
        clusters; ``adds``, AUROC with the change minus without; ``p``, how often other dialogues'
        changes tell as much of what is left unexplained, in errors over clusters; ``shown``: the
        interval of ``adds`` is above 0, and p is below .05. Where it can't be told, ``why``, and
        only the counts.
    """
    one, other = (np.asarray(each, dtype=np.float64) for each in (c, u))
    moved, step = np.diff(other), np.diff(one)
    known = np.isfinite(moved) & np.isfinite(step)
    tied = known & (np.abs(moved) <= tie)
    used = known & ~tied
    fell = np.where(used, moved < 0, np.nan)
    names = np.repeat(np.asarray(clusters), moved.shape[1]).reshape(moved.shape)
    label, group = fell[used].astype(np.float64), names[used]
    ones, n = int(label.sum()), len(label)
    counts = {"n": n, "fell": ones, "rose": n - ones, "ties": int(tied.sum())}
    members = np.unique(group, return_inverse=True)[1].astype(np.int64)
    if min(ones, n - ones) < _LEAST or len(np.unique(members)) < 2 * folds:
        why = (
            f"fewer than {_LEAST} falls or rises"
            if min(ones, n - ones) < _LEAST
            else f"fewer than {2 * folds} clusters"
        )
        return {**counts, "why": why}
    pair = np.broadcast_to(np.arange(moved.shape[1]), moved.shape)[used]
    before = other[:, :-1][used]
    fold = _folds(members, folds, seed)
    columns = {"pair": np.eye(moved.shape[1])[pair], "before": np.stack([before, before**2], 1)}
    columns["both"] = np.concatenate([columns["pair"], columns["before"]], axis=1)

    others = [x[used] for x in _others(other)]
    told = np.stack([column for x in others for column in (x, x**2)], axis=1)
    columns["history"] = np.concatenate([columns["both"], told], axis=1)
    columns["change"] = step[used][:, None]
    columns["with change"] = np.concatenate([columns["history"], columns["change"]], axis=1)
    p_of = {name: _held_out(columns[name], label, fold) for name in SETS}
    pair_of = (p_of["with change"], label), (p_of["history"], label)
    adds = auroc_difference(*pair_of, group, parts=fold)
    found: dict[str, Any] = {
        name: {
            "auroc": auroc(p, label, group, parts=fold).table(),
            "accuracy": proportion((p > 0.5) == (label == 1), group).table(),
        }
        for name, p in p_of.items()
    }
    unexplained = np.zeros(moved.shape)
    unexplained[used] = label - p_of["history"]
    number = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
    p = _permuted(step, known, unexplained, number, permutations, seed)
    shown = adds.low is not None and adds.low > 0 and not adds.few and p < 0.05
    return {
        **counts,
        "majority": max(ones, n - ones) / n,
        "sets": found,
        "adds": adds.table(),
        "p": p,
        "permutations": permutations,
        "shown": shown,
    }


def _others(u: Floats) -> tuple[Floats, Floats]:
    """Of each transition [D, T − 1] the u of the round before it, and the mean of the dialogue's
    rounds that aren't its two; the mean of all such transitions where there is none."""
    known = np.isfinite(u)
    filled = np.where(known, u, 0.0)
    count = known.sum(axis=1, keepdims=True) - known[:, :-1] - known[:, 1:]
    total = filled.sum(axis=1, keepdims=True) - filled[:, :-1] - filled[:, 1:]
    rest = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    earlier = np.concatenate([np.full((len(u), 1), np.nan), u[:, :-2]], axis=1)
    return _imputed(earlier), _imputed(rest)


def _imputed(x: Floats) -> Floats:
    known = np.isfinite(x)
    return np.where(known, x, x[known].mean() if known.any() else 0.0)


def _folds(members: Ints, folds: int, seed: int) -> Ints:
    """A fold for each record: clusters are dealt out, the largest first, in a drawn order."""
    sizes = np.bincount(members)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    full, of = np.zeros(folds), np.zeros(len(sizes), np.int64)
    for cluster in order:
        of[cluster] = int(full.argmin())
        full[of[cluster]] += sizes[cluster]
    return of[members]


def _held_out(x: Floats, label: Floats, fold: Ints) -> Floats:
    """The probability of a fall of each record [n], from the records of the other folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    p = np.empty(len(label))
    for number in np.unique(fold):
        there = fold == number
        if len(np.unique(label[~there])) < 2:
            p[there] = label[~there].mean()
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(C=10.0, max_iter=500))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a fit that takes longer: its forecast is judged
            p[there] = model.fit(x[~there], label[~there]).predict_proba(x[there])[:, 1]
    return p


def _permuted(
    step: Floats,
    known: NDArray[np.bool_],
    unexplained: Floats,
    clusters: Ints,
    permutations: int,
    seed: int,
) -> float:
    """How often other dialogues' changes go as far with what is left unexplained: a score test,
    whose statistic is over its error between clusters, so that it holds where they drift together
    (Janssen 1997, doi:10.1016/S0167-7152(97)00043-6).

    Args:
        step: changes [D, T − 1], which stay whole and go to dialogues with as many rounds.
        known: where there is one.
        unexplained: what the classifier without the change leaves on held-out clusters; 0 where
            there is nothing.
        clusters: the number of each dialogue's [D].
        permutations: how many.
        seed: of them.
    """
    rng = np.random.default_rng(seed)
    centred = np.where(known, step - np.nanmean(np.where(known, step, np.nan), axis=0), 0.0)

    def score(changes: Floats) -> float:
        sums = np.bincount(clusters, (changes * unexplained).sum(axis=1))
        error = float((sums**2).sum()) ** 0.5
        return abs(float(sums.sum())) / error if error > 0 else 0.0

    seen, more = score(centred), 0
    patterns = np.unique(known, axis=0, return_inverse=True)[1].ravel()
    groups = [np.flatnonzero(patterns == pattern) for pattern in np.unique(patterns)]
    for _ in range(permutations):
        order = np.arange(len(step))
        for rows in groups:
            order[rows] = rng.permutation(rows)
        more += score(centred[order]) >= seen * (1 - 1e-12)
    return (1 + more) / (1 + permutations)
