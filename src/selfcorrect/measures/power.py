"""How many examples a question needs, and what a given number of them can show.

For paired shares: the same examples before and after, a share of whose answers changes between
right and wrong. Tests are two-sided, at the level of a first look
(:mod:`selfcorrect.measures.looks`) unless another is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from selfcorrect.measures.clusters import LEAST_EFFECTIVE, error_of_mean, sums_of, t_of, z_of
from selfcorrect.measures.looks import FIRST
from selfcorrect.measures.paired import differences, tango_score
from selfcorrect.measures.unseen import chance, together

#: The chance of showing what is there.
POWER = 0.8
#: The level at which a first look decides.
FIRST_LOOK = 1 - FIRST


@dataclass(frozen=True, slots=True)
class Design:
    """What decides how much n examples can show.

    Attributes:
        changed: the share of answers that turn from right to wrong or back, in (0, 1].
        size: examples of a cluster.
        icc: how alike the changes of one cluster are (intraclass correlation), 0 to 1.
        power: the chance of showing what is there.
        unequal: how much larger the cluster of an average example is than the average cluster:
            K / G*, 1 where all are of one size.
    """

    changed: float
    size: float = 1.0
    icc: float = 0.0
    power: float = POWER
    unequal: float = 1.0

    def independent(self, n: float) -> float:
        """How many independent examples n of these are worth, t for few clusters included."""
        largeness = self.size * self.unequal
        if largeness == 1:
            return n
        return n / (1 + (largeness - 1) * self.icc) * _few_clusters(n / self.size, n / largeness)


#: With fewer clusters no sign-flip test reaches its level: 2 / 2^5 is 6 %.
_SIGNS = 6


def _few_clusters(clusters: float, effective: float) -> float:
    """(z / t)² for so many clusters; 0 for those that no direction can come from."""
    if clusters < _SIGNS or effective < LEAST_EFFECTIVE:
        return 0.0
    return (z_of(FIRST_LOOK) / t_of(FIRST_LOOK, effective - 1)) ** 2


_MOST = 1e15
_LEAST = 1e-5


def design_of(
    after: ArrayLike, before: ArrayLike, clusters: ArrayLike, power: float = POWER
) -> Design | None:
    """The design that a pilot's records stand for; ``None`` if none of its answers changes.

    Args:
        after, before: zeros and ones [n]; a pair with a NaN is left out.
        clusters: the cluster of each pair [n], of which there are at least two.
        power: of the design.
    """
    d, members, missing = differences(after, before, clusters)
    if missing is not None or not d.any():
        return None
    n, k = len(d), int(members[-1]) + 1
    changed, size = float((d != 0).mean()), n / k
    if k == n:
        return Design(changed, 1.0, 0.0, power)
    sizes = np.bincount(members).astype(np.float64)
    squares = max(float(((d - d.mean()) ** 2).sum()), 1e-300)
    deff = error_of_mean(sums_of(d, members), sizes, squares).error ** 2 * n**2 / squares
    largeness = float((sizes**2).sum()) / n
    icc = min(1.0, max(0.0, (deff - 1) / (largeness - 1)))
    return Design(changed, size, icc, power, largeness / size)


def n_for_difference(difference: float, design: Design) -> int | None:
    """Examples needed to show a difference of two paired shares.

    ``None`` for a difference of 0, and one larger than the share of answers that change.

    Source: Connor 1987, doi:10.2307/2531961, formula for McNemar's test (after Miettinen 1968).
    """
    if difference == 0 or abs(difference) > design.changed:
        return None
    null = z_of(FIRST_LOOK) * math.sqrt(design.changed)
    other = math.sqrt(max(0.0, design.changed - difference**2))
    wanted = ((null + _quantile(design.power) * other) / difference) ** 2
    return _examples(wanted, design)


def n_for_margin(margin: float, design: Design) -> int:
    """Examples needed to show that nothing changed by more than ± margin, if nothing does."""
    return _examples(share_margin_n(design.changed, margin, design.power), design)


def share_margin_n(
    changed: float,
    margin: float,
    power: float = POWER,
    difference: float = 0.0,
    level: float = FIRST_LOOK,
) -> float:
    """Independent pairs of right or wrong that show a difference to lie within ± margin.

    So many that Tango's interval, its centre off by what chance exceeds only one time in
    1 / (1 − power), still ends at the margin. (A normal approximation promises too few where hardly
    any answer changes.)

    Args:
        changed: the share of pairs that change.
        margin: above the true difference.
        power: the chance of showing it.
        difference: the true one.
        level: of the interval.
    """
    off = _quantile(power if difference else 0.5 + power / 2)  # the end that is near, or both
    spread = max(changed - difference**2, 0.0)

    z = z_of(level)

    def beyond(n: float) -> float:
        moved = min(n, n * abs(difference) + off * math.sqrt(n * spread))
        flips = max(n * changed, moved)
        # the interval's upper end lies below the margin where the score of that is below −z
        return tango_score((flips + moved) / 2, (flips - moved) / 2, n, margin) + z

    least = least_n(margin, level)
    if beyond(least) <= 0:
        return least
    return float(optimize.brentq(beyond, least, _MOST, xtol=1e-3))


def margin_n(
    spread: float,
    margin: float,
    power: float = POWER,
    difference: float = 0.0,
    level: float = FIRST_LOOK,
) -> float:
    """The same for independent pairs of any measure, by the variance of a pair's difference.

    Two one-sided tests, as the interval lying inside the margin.

    Args:
        spread: the variance of one pair's difference.
        margin, power: as above.
        difference: the true one; smaller than the margin.
        level: of the interval.
    """
    room, more, z = margin - abs(difference), margin + abs(difference), z_of(level)

    def lacking(error: float) -> float:
        inside = special.ndtr(room / error - z) + special.ndtr(more / error - z) - 1
        return float(inside) - power

    # with one side alone the error could be this large; with both it is smaller
    most = room / (z + _quantile(power))
    error = optimize.brentq(lacking, most / 4, most * (1 + 1e-9))
    return spread / float(error) ** 2


def least_n(margin: float, level: float = FIRST_LOOK) -> float:
    """Independent pairs below which Tango's interval of a share can't lie within ± margin.

    Where nothing changed its half-width is z² / (n + z²).
    """
    return z_of(level) ** 2 * (1 - margin) / margin


def difference_n(
    spread: float, difference: float, power: float = POWER, level: float = FIRST_LOOK
) -> float:
    """Independent pairs that show a mean difference to be on its side of 0, for any measure."""
    return spread * ((z_of(level) + _quantile(power)) / difference) ** 2


def unseen_n(
    n: float, spread: float, unseen: float, room: float, level: float = FIRST_LOOK
) -> float:
    """Independent pairs where n would do, if an interval allowed for nothing that wasn't seen.

    n pairs have an error of which as many fit into the room as the interval reaches, and further
    ones for the chance of showing it. The latter have to fit in beside the wider interval.

    Args:
        n: pairs that would do.
        spread: the variance of one pair's difference.
        unseen: how far one pair of a kind that wasn't seen could be off, times 1 over its share of
            the independent ones (:attr:`intervals.Estimate.unseen`).
        room: how far the true difference lies from what the interval must not hold.
        level: of the interval.
    """
    if unseen <= 0 or room <= 0:
        return n
    off = chance(level) * unseen
    if spread <= 0 or n <= 0:
        return max(n, off / room)
    z, error = z_of(level), math.sqrt(spread)
    further = room * math.sqrt(n) / error - z

    def lacking(pairs: float) -> float:
        one = error / math.sqrt(pairs)
        return together(z * one, off / pairs) + further * one - room

    # both added up are more than both together
    most = ((math.sqrt(n) + math.sqrt(n + 4 * off / room)) / 2) ** 2
    return float(optimize.brentq(lacking, n * (1 - 1e-9), most * (1 + 1e-9), xtol=1e-3))


@dataclass(frozen=True, slots=True)
class MeanDesign:
    """What decides how much n examples can show of an outcome that is a mean.

    Attributes:
        spread: the variance of one example's difference, its cluster's part in it included.
        power: the chance of showing what is there.
        size: examples of a cluster.
        known: the share of examples whose outcome is known before and after.
        unequal: as of :class:`Design`.
        unseen: of an example with a known outcome, as of :func:`unseen_n`.
    """

    spread: float
    power: float = POWER
    size: float = 1.0
    known: float = 1.0
    unequal: float = 1.0
    unseen: float = 0.0

    def independent(self, n: float) -> float:
        """How many examples with a known outcome n of these are worth, t for few clusters
        included."""
        clusters = n * self.known / self.size
        return n * self.known * _few_clusters(clusters, clusters / self.unequal)

    def n_for_difference(self, difference: float) -> int | None:
        """Examples that show a difference; ``None`` for one of 0."""
        if difference == 0:
            return None
        n = difference_n(self.spread, difference, self.power)
        return _examples(unseen_n(n, self.spread, self.unseen, abs(difference)), self)

    def n_for_margin(self, margin: float) -> int:
        """Examples that show that nothing changed by more than ± margin, if nothing does."""
        n = margin_n(self.spread, margin, self.power)
        return _examples(unseen_n(n, self.spread, self.unseen, margin), self)

    def difference_of(self, n: int) -> float | None:
        """The smallest difference that n examples show; ``None`` if they show none."""
        return self._smallest(n, _quantile(self.power))

    def margin_of(self, n: int) -> float | None:
        """The smallest margin that n examples show; the inverse of :meth:`n_for_margin`."""
        one = math.sqrt(margin_n(1.0, 1.0, self.power))
        return self._smallest(n, one - z_of(FIRST_LOOK))

    def _smallest(self, n: int, further: float) -> float | None:
        """How far an interval of n examples reaches, and so many standard errors beside."""
        worth = self.independent(n)
        if not worth:
            return None
        one = math.sqrt(self.spread / worth)
        unseen = chance(FIRST_LOOK) * self.unseen / worth
        return together(z_of(FIRST_LOOK) * one, unseen) + further * one


def difference_of(n: int, design: Design) -> float | None:
    """The smallest difference that n examples show; ``None`` if none that is possible."""
    return _smallest(n, design, lambda d: n_for_difference(d, design) or 0, design.changed)


def margin_of(n: int, design: Design) -> float | None:
    """The smallest margin that n examples show; ``None`` if none below .99."""
    return _smallest(n, design, lambda m: n_for_margin(m, design), 0.99)


def _smallest(n: int, design: Design, needed: Callable[[float], int], most: float) -> float | None:
    if design.independent(n) <= 0 or needed(most) > n:
        return None
    return float(optimize.brentq(lambda size: needed(size) - n - 0.5, _LEAST, most, xtol=1e-6))


def _quantile(power: float) -> float:
    return float(special.ndtri(power))


def _examples(independent: float, design: Design | MeanDesign) -> int:
    """Examples that are worth so many independent ones, and clusters enough for a test."""
    low = independent
    if isinstance(design, MeanDesign) or design.size * design.unequal > 1:
        known = design.known if isinstance(design, MeanDesign) else 1.0
        fewest = max(_SIGNS, LEAST_EFFECTIVE * design.unequal) * (1 + 1e-9)
        low = max(independent, fewest * design.size / known)
    if design.independent(low) >= independent:
        return math.ceil(low)
    n = optimize.brentq(lambda n: design.independent(n) - independent, low, _MOST, xtol=0.01)
    return math.ceil(float(n))
