"""Entropy over meanings, from k samples of one prompt that were grouped by what they mean.

Semantic entropy is that of Kuhn, Gal and Farquhar 2023 (arXiv 2302.09664), discrete as in Farquhar
et al. 2024 (Nature 630). The plain estimate is biased low where k is small, as meanings that
weren't drawn are missing in it; the two corrected ones stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, fsum, log


def counts_of(groups: Sequence[int]) -> list[int]:
    """How many samples each meaning has.

    Args:
        groups: the meaning of each sample [k], any numbers.
    """
    found: dict[int, int] = {}
    for group in groups:
        found[group] = found.get(group, 0) + 1
    return list(found.values())


def discrete(counts: Sequence[int]) -> float:
    """−Σ p ln p with p the share of the samples that have a meaning, in nats."""
    k = sum(counts)
    return abs(fsum(-n / k * log(n / k) for n in counts))


def chao_shen(counts: Sequence[int]) -> float:
    """Entropy for meanings that weren't drawn (Chao and Shen 2003, equation 8), in nats.

    Shares are made smaller by the coverage 1 − f1/k, f1 being the meanings with one sample, and
    each term is weighted by the chance that its meaning was drawn at all. Where every meaning has
    one sample, one of them counts as seen twice, as else nothing would be covered.
    """
    k = sum(counts)
    ones = sum(n == 1 for n in counts)
    covered = 1 - min(ones, k - 1) / k
    shares = [covered * n / k for n in counts]
    return abs(fsum(-p * log(p) / (1 - (1 - p) ** k) for p in shares if 0 < p < 1))


def coverage_corrected(counts: Sequence[int]) -> float:
    """Entropy from how the coverage grows with the samples (Chao, Wang and Jost 2013, equation 7),
    in nats."""
    k = sum(counts)
    ones, twos = (sum(n == times for n in counts) for times in (1, 2))
    seen = fsum(n / k * fsum(1 / m for m in range(n, k)) for n in counts if n < k)
    if twos:
        a = 2 * twos / ((k - 1) * ones + 2 * twos)
    elif ones:
        a = 2 / ((k - 1) * (ones - 1) + 2)
    else:
        a = 1.0
    if not ones or a >= 1:
        return seen
    rest = -log(a) - fsum((1 - a) ** r / r for r in range(1, k))
    return seen + ones / k * (1 - a) ** (1 - k) * max(rest, 0.0)


def weighted(groups: Sequence[int], texts: Sequence[str], logs: Sequence[float]) -> float:
    """Entropy with a meaning's share as the weight of its texts, each distinct text once, in nats.

    Args:
        groups: the meaning of each sample [k].
        texts: what each says [k].
        logs: log weight of each text [k]: its mean log p per token (length-normalised), or its
            Σ log p (raw: one short sample may outweigh all others).
    """
    first = {text: at for at, text in reversed(list(enumerate(texts)))}
    top = max(logs[at] for at in first.values())
    mass: dict[int, float] = {}
    for at in first.values():
        mass[groups[at]] = mass.get(groups[at], 0.0) + exp(logs[at] - top)
    total = fsum(mass.values())
    shares = [m / total for m in mass.values()]  # of a tiny mass the share may be 0
    return abs(fsum(-share * log(share) for share in shares if share > 0))
