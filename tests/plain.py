"""The statistics once more, slow and plain, as an oracle for ``selfcorrect.measures``.

Written from the definitions without a look at the fast code. Lists are plain lists; None is a
missing value, and a record that lacks one is left out. None as a result: undefined.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from itertools import product
from math import comb, fsum, inf, log, sqrt
from typing import Any

from scipy import stats

Z = 1.959963984540054


# Intervals and tests


def wilson(successes: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval: every p with (successes/n - p)² ≤ z² p (1 - p) / n, ends by bisection."""
    share = successes / n

    def inside(p: float) -> bool:
        return (share - p) ** 2 <= z**2 * p * (1 - p) / n

    return _edge(inside, share, 0.0), _edge(inside, share, 1.0)


def tango(b: int, c: int, n: int, z: float = Z) -> tuple[float, float]:
    """Tango's (1998) score interval of p10 - p01, from b and c discordant among n pairs.

    All d with (b - c - n d)² ≤ z² n (p10 + p01 - d²), the variance being that of the most likely
    p10 and p01 with p10 - p01 = d.
    """

    def inside(d: float) -> bool:
        p01 = _most_likely_p01(b, c, n, d)
        return (b - c - n * d) ** 2 <= z**2 * n * (2 * p01 + d - d**2)

    return _edge(inside, (b - c) / n, -1.0), _edge(inside, (b - c) / n, 1.0)


def _most_likely_p01(b: int, c: int, n: int, d: float) -> float:
    """The p01 that makes b, c, n - b - c most likely, given p10 = p01 + d: golden section."""

    def log_likelihood(p01: float) -> float:
        total = 0.0
        for count, p in ((b, p01 + d), (c, p01), (n - b - c, 1 - 2 * p01 - d)):
            if count > 0:
                total += count * log(p) if p > 0 else -inf
        return total

    lowest, highest = max(0.0, -d), (1 - d) / 2
    low, high = lowest, highest
    ratio = (sqrt(5) - 1) / 2
    for _ in range(100):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if log_likelihood(left) >= log_likelihood(right):
            high = right
        else:
            low = left
    # The ends themselves are never tried above, and the maximum often lies there.
    return max((lowest, highest, (low + high) / 2), key=log_likelihood)


def _edge(inside: Callable[[float], bool], within: float, beyond: float) -> float:
    """Where ``inside`` turns false on the way from ``within`` to ``beyond``, by bisection."""
    for _ in range(100):
        middle = (within + beyond) / 2
        if inside(middle):
            within = middle
        else:
            beyond = middle
    return (within + beyond) / 2


def mcnemar_midp(b: int, c: int) -> float:
    """Two-sided mid-p: twice P(X < min) + P(X = min) / 2 for X binomial(b + c, 1/2)."""
    fewer = min(b, c)
    ways = Fraction(comb(b + c, fewer), 2)
    for k in range(fewer):
        ways += comb(b + c, k)
    return float(2 * ways / 2 ** (b + c))


def cluster_mean(
    values: Sequence[float | None], clusters: Sequence[Hashable]
) -> tuple[float, float | None, float | None, float | None] | None:
    """(mean, se, low, high) at 95 %: all values' mean, its variance from the clusters' residuals.

    The mean is the clusters' sums over their sizes. With one cluster only the mean is defined.
    """
    values, clusters = _present(values, clusters)
    n = len(values)
    if n == 0:
        return None
    mean = fsum(values) / n
    residuals: dict[Hashable, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        residuals[cluster] = residuals.get(cluster, 0.0) + (value - mean)
    k = len(residuals)
    if k == 1:
        return mean, None, None, None
    se = sqrt(k / (k - 1) * fsum(r**2 for r in residuals.values()) / n**2)
    t = float(stats.t.ppf(0.975, k - 1))
    return mean, se, mean - t * se, mean + t * se


def sign_flip(cluster_sums: Sequence[float]) -> float:
    """Two-sided exact p: how many of all 2^K flips of signs have at least the observed |sum|."""
    observed = abs(fsum(cluster_sums))
    tolerance = 1e-9 * fsum(abs(s) for s in cluster_sums)
    as_far = 0
    for signs in product((1, -1), repeat=len(cluster_sums)):
        flipped = fsum(sign * s for sign, s in zip(signs, cluster_sums, strict=True))
        as_far += abs(flipped) >= observed - tolerance
    return as_far / 2 ** len(cluster_sums)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p values, in the order given; a missing one is no member of the family."""
    family = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, (p, i) in enumerate(family):
        largest = max(largest, min(1.0, (len(family) - rank) * p))
        adjusted[i] = largest
    return adjusted


def n_for_difference(p10: float, p01: float, power: float, alpha: float) -> float | None:
    """Pairs that McNemar's test needs (Connor 1987, Miettinen's unconditional form), unrounded."""
    discordant, difference = p10 + p01, p10 - p01
    if difference == 0:
        return None
    z_alpha, z_power = float(stats.norm.ppf(1 - alpha / 2)), float(stats.norm.ppf(power))
    root = z_alpha * sqrt(discordant) + z_power * sqrt(discordant - difference**2)
    return root**2 / difference**2


# Calibration


def brier(p: Sequence[float], target: int) -> float:
    """One record's multi-class score: p over the options, target the right option's index."""
    return fsum((p_o - (o == target)) ** 2 for o, p_o in enumerate(p))


def ece(
    confidences: Sequence[float | None], corrects: Sequence[bool | None], bins: int = 10
) -> float | None:
    """Expected calibration error over equally wide bins [a, b), the last one closed."""
    confidences, corrects = _present(confidences, corrects)
    if not confidences:
        return None
    total = 0.0
    for members in _equal_width(confidences, bins):
        total += abs(fsum(corrects[i] - confidences[i] for i in members))
    return total / len(confidences)


def gap(confidences: Sequence[float | None], corrects: Sequence[bool | None]) -> float | None:
    """Mean confidence - accuracy."""
    confidences, corrects = _present(confidences, corrects)
    if not confidences:
        return None
    return (fsum(confidences) - sum(corrects)) / len(confidences)


def ece_expected_exact(confidences: Sequence[float | None], bins: int = 10) -> float | None:
    """The mean of ``ece`` if every answer is right with exactly its confidence, independently.

    How many are right in a bin is Poisson-binomial: one coin after the other is added.
    """
    (confidences,) = _present(confidences)
    if not confidences:
        return None
    total = 0.0
    for members in _equal_width(confidences, bins):
        chance = [1.0]  # chance[k]: of k right answers so far
        for i in members:
            c, longer = confidences[i], [0.0] * (len(chance) + 1)
            for k, p in enumerate(chance):
                longer[k] += p * (1 - c)
                longer[k + 1] += p * c
            chance = longer
        expected = fsum(confidences[i] for i in members)
        total += fsum(p * abs(k - expected) for k, p in enumerate(chance))
    return total / len(confidences)


def debiased_l2(
    confidences: Sequence[float | None], corrects: Sequence[bool | None], bins: int
) -> float | None:
    """Kumar, Liang & Ma's (2019) debiased squared l2 error over equal-mass bins; may be negative.

    A bin of one record joins its left neighbour, the first its right one.
    """
    confidences, corrects = _present(confidences, corrects)
    if len(confidences) < 2:
        return None
    merged: list[list[int]] = []
    for members in equal_mass(confidences, bins):
        if merged and (len(members) == 1 or len(merged[-1]) == 1):
            merged[-1] += members
        else:
            merged.append(list(members))
    total = 0.0
    for members in merged:
        n = len(members)
        y = sum(corrects[i] for i in members) / n
        c = fsum(confidences[i] for i in members) / n
        total += n * ((y - c) ** 2 - y * (1 - y) / (n - 1))
    return total / len(confidences)


def _equal_width(values: Sequence[float], bins: int) -> list[list[int]]:
    """The indices of the values in each of the bins [b/bins, (b + 1)/bins), the last closed."""
    members: list[list[int]] = [[] for _ in range(bins)]
    for i, value in enumerate(values):
        b = 0
        while b < bins - 1 and value >= (b + 1) / bins:
            b += 1
        members[b].append(i)
    return members


def equal_mass(values: Sequence[float], bins: int) -> list[list[int]]:
    """The indices of the values in each bin, the sorted values being cut at multiples of n/bins.

    Equal values all go to the bin of the first of them; empty bins vanish.
    """
    order = sorted(range(len(values)), key=lambda i: values[i])
    members: list[list[int]] = [[] for _ in range(bins)]
    for place, i in enumerate(order):
        if place == 0 or values[i] != values[order[place - 1]]:
            b = place * bins // len(values)
        members[b].append(i)
    return [m for m in members if m]


# Ranks


def auroc(scores: Sequence[float | None], corrects: Sequence[bool | None]) -> float | None:
    """How often a right answer has the higher score than a wrong one; equal scores count 1/2."""
    scores, corrects = _present(scores, corrects)
    wins, pairs = 0.0, 0
    for right, is_right in zip(scores, corrects, strict=True):
        for wrong, is_also_right in zip(scores, corrects, strict=True):
            if is_right and not is_also_right:
                pairs += 1
                wins += (right > wrong) + (right == wrong) / 2
    return wins / pairs if pairs else None


def rce(u: Sequence[float | None], a: Sequence[float | None], bins: int = 20) -> float | None:
    """Rank-calibration error (2404.03163) over ``equal_mass`` bins of u, with ties counted 1/2.

    Undefined if a is constant, or u, which leaves one bin. Means are exact, so that ties are.
    """
    u, a = _present(u, a)
    groups = equal_mass(u, bins) if u else []
    if len(groups) < 2 or len(set(a)) < 2:
        return None
    a_bins = [_exact_mean([a[i] for i in members]) for members in groups]
    u_bins = [_exact_mean([u[i] for i in members]) for members in groups]
    total = 0.0
    for b in range(len(groups)):
        better, surer = 0.0, 0.0
        for other in range(len(groups)):
            if other != b:
                better += (a_bins[other] > a_bins[b]) + (a_bins[other] == a_bins[b]) / 2
                surer += (u_bins[other] < u_bins[b]) + (u_bins[other] == u_bins[b]) / 2
        total += abs(better - surer) / (len(groups) - 1)
    return total / len(groups)


def spearman(u: Sequence[float | None], a: Sequence[float | None]) -> float | None:
    """Pearson's correlation of the ranks, equal values having their average rank."""
    u, a = _present(u, a)
    x, y = _centred_ranks(u), _centred_ranks(a)
    xx, yy = fsum(i * i for i in x), fsum(j * j for j in y)
    if xx == 0 or yy == 0:
        return None
    return fsum(i * j for i, j in zip(x, y, strict=True)) / sqrt(xx * yy)


def _centred_ranks(values: Sequence[float]) -> list[float]:
    """Average rank minus the mean rank: half of (how many are below - how many are above)."""
    return [sum((w < v) - (w > v) for w in values) / 2 for v in values]


def risk_coverage_area(u: Sequence[float | None], loss: Sequence[float | None]) -> float | None:
    """Mean over k = 1..n of the mean loss of the k records with the lowest u.

    Records of equal u each count with their mean loss: what a random order among them gives.
    """
    u, loss = _present(u, loss)
    if not u:
        return None
    so_far, total = 0.0, 0.0
    for k, value in enumerate(sorted(u), start=1):
        tied = [loss[i] for i in range(len(u)) if u[i] == value]
        so_far += fsum(tied) / len(tied)
        total += so_far / k
    return total / len(u)


# Rounds. ``answers`` and ``corrects`` have a list for each dialogue, all of T rounds; an unread
# answer is None, which is an answer of its own, and a wrong one.


def flips(answers: Sequence[Sequence[Any]]) -> list[float]:
    """For t = 2..T: the share of dialogues whose answer differs from that of round t - 1."""
    shares = []
    for t in range(1, _rounds(answers)):
        shares.append(sum(dialogue[t] != dialogue[t - 1] for dialogue in answers) / len(answers))
    return shares


def settled(answers: Sequence[Sequence[Any]]) -> list[float]:
    """For t = 1..T: the share of dialogues whose answers from t to T are all the same."""
    shares = []
    for t in range(_rounds(answers)):
        same = sum(all(x == dialogue[t] for x in dialogue[t:]) for dialogue in answers)
        shares.append(same / len(answers))
    return shares


def alternating(answers: Sequence[Sequence[Any]]) -> float | None:
    """The share of dialogues that end in x, y, x with x ≠ y; None with under 3 rounds."""
    if _rounds(answers) < 3:
        return None
    return sum(d[-3] == d[-1] and d[-2] != d[-1] for d in answers) / len(answers)


def flow(
    answers: Sequence[Sequence[Any]], corrects: Sequence[Sequence[bool | None]]
) -> list[dict[str, int]]:
    """For t = 2..T: how many dialogues went from right or wrong to right or wrong.

    kept_wrong is the same wrong answer, wrong_to_wrong another one; right to right is kept_right.
    """
    counts = []
    for t in range(1, _rounds(answers)):
        moves = dict.fromkeys(
            ("kept_right", "kept_wrong", "right_to_wrong", "wrong_to_right", "wrong_to_wrong"), 0
        )
        for answer, correct in zip(answers, corrects, strict=True):
            if correct[t - 1]:
                move = "kept_right" if correct[t] else "right_to_wrong"
            elif correct[t]:
                move = "wrong_to_right"
            else:
                move = "kept_wrong" if answer[t] == answer[t - 1] else "wrong_to_wrong"
            moves[move] += 1
        counts.append(moves)
    return counts


def _rounds(answers: Sequence[Sequence[Any]]) -> int:
    lengths = {len(dialogue) for dialogue in answers}
    if len(lengths) > 1:
        raise ValueError(f"dialogues of different lengths: {sorted(lengths)}")
    return lengths.pop() if lengths else 0


def converged_at(
    interval: Callable[[int, int], tuple[float, float] | None], rounds: int, margin: float
) -> int | None:
    """The earliest round within ±margin of all later ones, tried from T - 3 back to a failure.

    ``interval(s, t)`` is that of round s - round t, from 1; an undefined one (None) is a failure.
    """
    earliest = None
    for t in range(rounds - 3, 0, -1):
        for s in range(t + 1, rounds + 1):
            ends = interval(s, t)
            if ends is None or ends[0] < -margin or ends[1] > margin:
                return earliest
        earliest = t
    return earliest


def _exact_mean(values: Sequence[float]) -> Fraction:
    return sum((Fraction(v) for v in values), Fraction(0)) / len(values)


def _present(*columns: Sequence[Any]) -> tuple[list[Any], ...]:
    """The columns without the rows in which any value is missing."""
    rows = [row for row in zip(*columns, strict=True) if all(v is not None for v in row)]
    return tuple([row[i] for row in rows] for i in range(len(columns)))
