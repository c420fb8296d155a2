"""Which mechanism forecasts the distributions of held-out dialogues best, and by how much.

Every mechanism (:mod:`selfcorrect.theory.mechanisms`) is fitted to all rounds of the other folds'
clusters and judged on those of a fold, by the log score. So no mechanism is judged on clusters that
it was fitted to. Scores are compared in pairs, dialogue by dialogue, with intervals over clusters.

**When one is named.** A mechanism is named if it is better than *each* other one by more than
:data:`LEAST_LEAD`: the interval of every difference lies beyond that. This is an intersection-union
test (Berger 1982): the claim is that all differences are positive, each is tested at the 2.5 % of
its side, and the chance that all of them err together is no larger than that one errs. So nothing
is corrected over rivals. (Holm's method is for the other question, whether *some* difference is
positive.) A mechanism that contains it can't be beaten, as it can do the same: from that one the
interval must show that it isn't better by more than the same amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import Estimate, mean
from selfcorrect.studies.bridge.arrays import Aligned
from selfcorrect.theory.log_scores import fit, log_scores, pseudo_values
from selfcorrect.theory.mechanisms import MECHANISMS, Seen, seen

#: Nats a round. Log scores that are closer are not told apart, however narrow the interval: so
#: much may come from how a mechanism smooths noise. Forecasts whose divergence is less differ by
#: under .016 in total variation (Pinsker's inequality).
LEAST_LEAD = 0.0005

TWO, THREE = "two_concepts", "three_concepts"
#: With two options a distribution is one number, and whatever lies between the anchors is a mixture
#: of two concepts, and of any number: so three don't compete, and two can't be named.
TOO_FEW_OPTIONS = 2


def tournament(data: Aligned, fold: NDArray[np.int64]) -> dict[str, Any]:
    """All mechanisms on one run.

    Args:
        data: the three runs.
        fold: of each dialogue's cluster, 0 … F − 1 [n].

    Returns:
        ``rows``, by mechanism, the best first: ``label``, ``parameters`` (fitted to all clusters),
        ``score``, its mean, and ``behind``, by how much two concepts' is higher, in nats a round,
        as estimates; ``named``, the mechanism that is better than each other, or ``None``;
        ``unexplained``, how far two concepts are from a forecast without error, in nats a round;
        ``explains``, whether that is less than what they are ahead of each rival; ``rho``, e^b of
        the line of each dialogue's own log odds.
    """
    fitted, scores = competing(data, fold)
    rows = {}
    for name in sorted(scores, key=lambda name: -float(scores[name].mean())):
        free = MECHANISMS[name].parameters(len(data.p))
        lead = None if name == TWO else mean(scores[TWO] - scores[name], data.clusters)
        rows[name] = {
            "label": MECHANISMS[name].label,
            "parameters": {p.name: float(x) for p, x in zip(free, fitted[name], strict=True)},
            "score": mean(scores[name], data.clusters).table(),
            "behind": lead and lead.table(),
        }
    return {
        "rows": rows,
        "named": best(scores, data.clusters),
        "unexplained": mean(unexplained(data, scores[TWO]), data.clusters).table(),
        "explains": explains(data, scores),
        "rho": odds_ratio(data, fitted[TWO]).table(),
    }


def competing(
    data: Aligned, fold: NDArray[np.int64]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Each mechanism's parameters, fitted to all, and its held-out score of each dialogue [n]."""
    names = [m for m in MECHANISMS if data.p.shape[2] > TOO_FEW_OPTIONS or m != THREE]
    whole = as_seen(data, np.ones(len(fold), dtype=bool))
    fitted = {name: fit(MECHANISMS[name], whole, data.p) for name in names}
    return fitted, {name: held_out(name, data, fold, fitted[name]) for name in names}


def unexplained(data: Aligned, score: Floats) -> Floats:
    """How much a forecast without error would score above a mechanism, by dialogue [n].

    That is the mean over rounds 2 … T of the divergence of what came from what was forecast.
    """
    later = data.p[1:]
    entropy = -np.where(later > 0, later * np.log(np.maximum(later, 1e-300)), 0.0).sum(axis=-1)
    return np.asarray(-entropy.mean(axis=0) - score)


def explains(data: Aligned, scores: Mapping[str, Floats]) -> bool:
    """Whether two concepts leave less unexplained than they are ahead of each rival.

    A mechanism that isn't among those compared may be nearer to two concepts than to any rival.
    Then two concepts are better than each and yet far from what came.

    Args:
        data: the three runs.
        scores: of each mechanism [n].
    """
    left = unexplained(data, scores[TWO])
    for name, theirs in scores.items():
        if name != TWO and name not in MECHANISMS[TWO].within:
            low = mean(scores[TWO] - theirs - left, data.clusters).low
            if low is None or low <= 0:
                return False
    return True


def best(scores: Mapping[str, Floats], clusters: NDArray[np.int64]) -> str | None:
    """The mechanism that is better than each other (see the module), if there is one.

    Args:
        scores: of each mechanism [n]; without three concepts there are too few options to name two.
        clusters: of the dialogues [n].
    """
    possible = [name for name in scores if name != TWO or THREE in scores]
    return next((name for name in possible if _beats(name, scores, clusters)), None)


def held_out(name: str, data: Aligned, fold: NDArray[np.int64], start: Floats) -> Floats:
    """A mechanism's score of each dialogue, the mean over rounds 2 … T, from the other folds [n].

    Args:
        name: of the mechanism.
        data: the three runs.
        fold: of each dialogue [n].
        start: where the search for the parameters begins [m]; where it ends are other folds' alone.
    """
    mechanism = MECHANISMS[name]
    scores = np.empty(len(fold))
    for number in np.unique(fold):
        train, test = fold != number, fold == number
        of = as_seen(data, train)
        fitted = fit(mechanism, of, data.p[:, train], start)
        mine = as_seen(data, test, of.pooled)
        scores[test] = log_scores(mechanism, fitted, mine, data.p[:, test]).mean(axis=0)
    return scores


def _beats(name: str, scores: Mapping[str, Floats], clusters: NDArray[np.int64]) -> bool:
    """Whether a mechanism is better than each other."""
    for other, theirs in scores.items():
        lead, contained = scores[name] - theirs, other in MECHANISMS[name].within
        if other == name or (contained and np.abs(lead).max() < LEAST_LEAD):
            continue
        low = mean(lead, clusters).low
        if low is None or low <= (-LEAST_LEAD if contained else LEAST_LEAD):
            return False
    return True


def odds_ratio(data: Aligned, fitted: Floats) -> Estimate:
    """ρ = e^b of two concepts, each dialogue starting from its own log odds.

    So differences between dialogues don't flatten it, as they do the line of the mean.

    Args:
        data: the three runs.
        fitted: the parameters of two concepts [m].
    """
    mechanism, whole = MECHANISMS[TWO], as_seen(data, np.ones(len(data.target), dtype=bool))
    place = [each.name for each in mechanism.parameters(len(data.p))].index("b")
    values = pseudo_values(mechanism, fitted, whole, data.p)[:, place]
    e = mean(values, data.clusters)
    ends = [None if x is None else float(np.exp(x)) for x in (e.low, e.high)]
    return replace(e, value=float(np.exp(fitted[place])), low=ends[0], high=ends[1], spread=None)


def as_seen(data: Aligned, which: NDArray[np.bool_], pooled: float | None = None) -> Seen:
    """Some of the dialogues, as mechanisms are shown them; ``pooled`` is ε̄_1 of others."""
    return seen(
        data.p[:, which],
        data.plus[which],
        data.minus[which],
        data.answers[:, which],
        data.target[which],
        pooled,
    )
