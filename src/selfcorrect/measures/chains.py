"""Right and wrong answers as a chain over rounds: forecasts, and what speaks against them.

*A simple chain*: every dialogue keeps a right answer with probability CL and mends a wrong one with
CS, whatever came before. Acc_t = Upp − α^(t−1) (Upp − Acc_1), α = CL − CS, Upp = CS / (1 − CL + CS)
(arXiv 2508.16456). *Movers and stayers*: some dialogues never change, the others are such a chain;
the share of stayers among those that start right, and among those that start wrong, by maximum
likelihood (Frydman 1984, J. Am. Stat. Assoc. 79, 632). *Persistence*: nothing moves any more.

All is computed from sums over dialogues, so that intervals over clusters are the jackknife's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.figures import of_sums_with_p
from selfcorrect.measures.independent import difference_between
from selfcorrect.measures.intervals import Estimate

#: With fewer rounds to fit there is no chain to speak of.
LEAST_ROUNDS = 3
Value = Callable[[Floats], Floats]
METHODS = ("chain", "movers and stayers", "persistence")
_HALVINGS = 60
#: Permutations of a test.
_MANY = 999


class Chain:
    """Sums over dialogues from which forecasts are made.

    Args:
        right: 1 or 0 of each dialogue and round [D, T].
        clusters: of each dialogue [D].
        fit: the first so many rounds are fitted, the others forecast.

    Raises:
        ValueError: fewer rounds to fit than three, or more than there are.
    """

    def __init__(self, right: ArrayLike, clusters: ArrayLike, fit: int) -> None:
        self.right = np.asarray(right, dtype=np.float64)
        self.clusters = np.asarray(clusters)
        self.fit, self.rounds = fit, self.right.shape[1]
        if not LEAST_ROUNDS <= fit <= self.rounds:
            raise ValueError(f"{fit} rounds can't be fitted of {self.rounds}")
        self.terms = _terms(self.right, fit)

    def estimate(self, what: str, *, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Estimate:
        """A number of :func:`rates`, such as ``cl``."""
        return self._of(lambda s: rates(s, self.fit)[what], bounds)

    def forecast(self, method: str, number: int) -> tuple[Estimate, Estimate]:
        """The accuracy that a method forecasts of a round, and that minus the round's own."""

        def said(sums: Floats) -> Floats:
            return forecast(sums, self.fit, method, number)

        def off(sums: Floats) -> Floats:
            return np.asarray(said(sums) - _observed(sums, self.fit, number))

        return self._of(said, (0, 1)), self._of(off, (-1, 1))

    def skill(self, method: str) -> Estimate:
        """1 − its mean absolute error over the rounds that are forecast / that of persistence."""

        def value(sums: Floats) -> Floats:
            theirs = self._errors(sums, "persistence")
            return np.asarray(1 - self._errors(sums, method) / np.where(theirs > 0, theirs, np.nan))

        return self._of(value, (-np.inf, 1))

    def _errors(self, sums: Floats, method: str) -> Floats:
        each = [
            np.abs(forecast(sums, self.fit, method, t) - _observed(sums, self.fit, t))
            for t in range(self.fit + 1, self.rounds + 1)
        ]
        return np.asarray(np.mean(each, axis=0))

    def unchanged(self, method: str) -> tuple[Estimate, Estimate]:
        """The share of dialogues that a chain, or movers and stayers, expect never to change in all
        rounds; and that minus those that don't."""

        def said(sums: Floats) -> Floats:
            return _never(sums, self.fit, method, self.rounds)

        def off(sums: Floats) -> Floats:
            return np.asarray(said(sums) - sums[..., -1] / sums[..., 0])

        return self._of(said, (0, 1)), self._of(off, (-1, 1))

    def gain(self) -> Estimate:
        """(1 − Acc) CS − Acc (1 − CL) after the last round fitted: what the simple chain expects of
        one more round."""

        def value(sums: Floats) -> Floats:
            known, acc = rates(sums, self.fit), _observed(sums, self.fit, self.fit)
            return np.asarray((1 - acc) * known["cs"] - acc * (1 - known["cl"]))

        return self._of(value, (-1, 1))

    def further(self, rates: str) -> tuple[Estimate, Estimate]:
        """(1 − Acc) CS − Acc (1 − CL) of one more round after the last one, from the state that it
        left: what that brings these dialogues, and others like them.

        What moved before may have stopped, or slow down, so no rate of the first rounds is taken.

        Args:
            rates: ``last``: CL and CS of the last step; ``fading``: each as the trend over all
                steps has it in the next one, see :func:`fading`.

        Returns:
            With Acc as it is in these dialogues, so that only the rates are uncertain; and with the
            Acc of others, which goes with the rates.
        """
        y, m = self.right, self.rounds - 1
        before, after = y[:, :-1] == 1, y[:, 1:] == 1
        # of each step: right before, of these lost; wrong before, of these mended
        steps = [before, before & ~after, ~before, ~before & after]
        terms = np.hstack([y[:, -1:], *steps]).astype(np.float64)
        acc = float(y[:, -1].mean())

        def gain(sums: Floats, acc: Floats | float) -> Floats:
            there, lost, wrong, mended = (sums[..., 1 + i * m : 1 + (i + 1) * m] for i in range(4))
            rate = _last if rates == "last" else fading
            parts = (1 - acc, rate(mended, wrong)), (acc, rate(lost, there))
            # where nobody is in a state, its rate isn't needed
            one, other = (np.where(np.asarray(w) == 0, 0.0, w * each) for w, each in parts)
            return np.asarray(one - other)

        def theirs(sums: Floats) -> Floats:
            # who is right or wrong before the last step is everybody
            everybody = sums[..., m] + sums[..., 3 * m]
            return gain(sums, sums[..., 0] / everybody)

        return (
            self._of(lambda s: gain(s, acc), (-1, 1), terms),
            self._of(theirs, (-1, 1), terms),
        )

    def memory(self) -> dict[str, Estimate]:
        """P(right | right before, and right before that) − P(right | right before, wrong before
        that), and the same after a wrong answer: 0 where one step of memory is enough."""
        y = self.right
        now, one, two = y[:, 2:], y[:, 1:-1], y[:, :-2]
        names = np.repeat(self.clusters[:, None], now.shape[1], axis=1)
        found = {}
        for name, before in (("after right", 1.0), ("after wrong", 0.0)):
            there = one == before
            found[name] = difference_between(now[there], two[there] == 1, names[there])
        return found

    def _of(
        self, value: Value, bounds: tuple[float, float], terms: Floats | None = None
    ) -> Estimate:
        given = self.terms if terms is None else terms
        return of_sums_with_p(given, value, self.clusters, bounds=bounds)

    def alike(self, seed: int) -> dict[str, float | None]:
        """p that CL, and CS, are the same in every round: the rounds of each cluster's steps are
        exchanged at random. ``None`` where no dialogue, or only one round, has such a step."""
        members = np.unique(self.clusters, return_inverse=True)[1]
        rng, y = np.random.default_rng(seed), self.right
        orders = [
            rng.permuted(np.tile(np.arange(self.rounds - 1), (members.max() + 1, 1)), axis=1)
            for _ in range(_MANY)
        ]
        found: dict[str, float | None] = {}
        for name, before in (("cl", 1.0), ("cs", 0.0)):
            there = y[:, :-1] == before
            right = there & (y[:, 1:] == 1)
            counts = np.stack([_by_cluster(each, members) for each in (there, right)])
            seen = _spread(counts)
            if seen is None:
                found[name] = None
                continue
            rows = np.arange(counts.shape[1])[:, None]
            others = [_spread(counts[:, rows, order]) or 0.0 for order in orders]
            found[name] = (1 + sum(x >= seen * (1 - 1e-12) for x in others)) / (1 + _MANY)
        return found


def _last(moved: Floats, there: Floats) -> Floats:
    """The rate of the last step, from sums [..., steps]."""
    return np.asarray(moved[..., -1] / there[..., -1])


def fading(moved: Floats, there: Floats) -> Floats:
    """A rate r ρ^t, ρ ≤ 1, in the step after those that were seen.

    Quasi-Poisson: Σ t moved_t = Σ t r ρ^t there_t and Σ moved_t = Σ r ρ^t there_t, which hold of
    the means whatever the distribution; ρ by halving. A rate that grows counts as a level one.

    Args:
        moved: how many moved in each step [..., steps].
        there: how many could have [..., steps].

    Returns:
        [...]; NaN where nobody could.
    """
    t = np.arange(moved.shape[-1], dtype=np.float64)
    total = moved.sum(axis=-1)
    with np.errstate(all="ignore"):
        middle = (moved * t).sum(axis=-1) / total
        low, high = np.full(np.shape(total), -40.0), np.zeros(np.shape(total))
        for _ in range(_HALVINGS):
            theta = (low + high) / 2
            weights = there * np.exp(theta[..., None] * t)
            up = (weights * t).sum(axis=-1) / weights.sum(axis=-1) < middle
            low, high = np.where(up, theta, low), np.where(up, high, theta)
        theta = (low + high) / 2
        rate = total / (there * np.exp(theta[..., None] * t)).sum(axis=-1)
        ahead = rate * np.exp(theta * moved.shape[-1])
    anybody = there.sum(axis=-1) > 0
    return np.where(anybody, np.where(total > 0, np.minimum(ahead, 1.0), 0.0), np.nan)


def _by_cluster(which: NDArray[np.bool_], members: NDArray[np.int64]) -> Floats:
    """Sums over the dialogues of each cluster [K, T − 1]."""
    return np.stack([np.bincount(members, column) for column in which.T.astype(float)], axis=1)


def _spread(counts: Floats) -> float | None:
    """How far a rate's rounds lie apart, in squares weighted by how many steps each has."""
    there, right = counts.sum(axis=1)
    known = there > 0
    if known.sum() < 2:
        return None
    each = right[known] / there[known]
    whole = right.sum() / there.sum()
    return float((there[known] * (each - whole) ** 2).sum())


def _terms(y: Floats, fit: int) -> Floats:
    """Of each dialogue: 1; right in round 1; right, or wrong, in all rounds fitted; else its steps
    from right to right, right to wrong, wrong to right, wrong to wrong among these; right in the
    last of these, and in each later round; never changed in all."""
    start = y[:, 0]
    head = y[:, :fit]
    constant = (head == head[:, :1]).all(axis=1)
    one, other = head[:, :-1], head[:, 1:]
    steps = [
        np.where(constant, 0, ((one == a) & (other == b)).sum(axis=1))
        for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))
    ]
    whole = (y == y[:, :1]).all(axis=1)
    stays = constant & (start == 1), constant & (start == 0)
    columns = [np.ones(len(y)), start, *stays, *steps, *y[:, fit - 1 :].T, whole]
    return np.stack(columns, axis=1).astype(np.float64)


def _observed(sums: Floats, fit: int, number: int) -> Floats:
    return np.asarray(sums[..., 8 + number - fit] / sums[..., 0])


def rates(sums: Floats, fit: int) -> dict[str, Floats]:
    """``cl``, ``cs``, ``alpha``, ``upp`` of the simple chain; ``stay``: the share of stayers, in
    it ``stay_right`` and ``stay_wrong``; ``movers_cl``, ``movers_cs``; from sums [..., m]."""
    known = np.ascontiguousarray(sums, dtype=np.float64)
    return _rates(known.tobytes(), known.shape, fit)


@lru_cache(maxsize=8)
def _rates(content: bytes, shape: tuple[int, ...], fit: int) -> dict[str, Floats]:
    """Every figure of a chain is made of the same sums, and movers take long to be fitted."""
    sums = np.frombuffer(content).reshape(shape)
    steps = fit - 1
    kept, lost = sums[..., 4] + steps * sums[..., 2], sums[..., 5]
    mended, wrong = sums[..., 6], sums[..., 7] + steps * sums[..., 3]
    with np.errstate(all="ignore"):
        cl, cs = kept / (kept + lost), mended / (mended + wrong)
        upp = cs / (1 - cl + cs)
    start, n = sums[..., 1], sums[..., 0]
    keep, right = _movers(start, sums[..., 2], sums[..., 4], lost, steps)
    stays, other = _movers(n - start, sums[..., 3], sums[..., 7], mended, steps)
    return {
        "cl": cl,
        "cs": cs,
        "alpha": cl - cs,
        "upp": upp,
        "stay": (right + other) / n,
        "movers_cl": keep,
        "movers_cs": 1 - stays,
        "stay_right": right / n,
        "stay_wrong": other / n,
    }


def _movers(m: Floats, c: Floats, a: Floats, b: Floats, steps: int) -> tuple[Floats, Floats]:
    """A mover's probability of staying in a state, and how many stayers are in it.

    Args:
        m: dialogues that start in it [...].
        c: those of them that never leave it.
        a, b: steps of the others that stay in it, and that leave it.
        steps: of each dialogue.

    The likelihood is concave in log p, so its root is found by halving; where it would leave fewer
    than no stayers there are none, and p is the plain share.
    """
    plain = (a + steps * c) / (a + steps * c + b)
    left = m - c
    low, high = np.full(np.shape(m), -40.0), np.full(np.shape(m), -1e-9)
    powers = np.arange(steps)
    for _ in range(_HALVINGS):
        theta = (low + high) / 2
        p = np.exp(theta)
        weights = p[..., None] ** powers
        mean = (weights * powers).sum(axis=-1) / weights.sum(axis=-1)
        up = a - (b - left) * p / -np.expm1(theta) - left * mean > 0
        low, high = np.where(up, theta, low), np.where(up, high, theta)
    p = np.where(a + b > 0, np.exp((low + high) / 2), np.nan)  # nobody moves: no rate of movers
    with np.errstate(all="ignore"):
        stayers = np.where(left > 0, m - left / (1 - p**steps), m)
    none = ~(stayers > 0)
    return np.where(none, plain, p), np.where(none, 0.0, stayers)


def forecast(sums: Floats, fit: int, method: str, number: int) -> Floats:
    """The accuracy of a round, numbered from 1, from sums [..., m]."""
    known, n = rates(sums, fit), sums[..., 0]
    start = sums[..., 1] / n
    if method == "persistence":
        return _observed(sums, fit, fit)
    if method == "chain":
        return _later(start, 1.0, known["cl"], known["cs"], number - 1)
    right, stay = known["stay_right"], known["stay"]
    moving = _later(start - right, 1 - stay, known["movers_cl"], known["movers_cs"], number - 1)
    return np.asarray(right + moving)


def _later(x: Floats, whole: Floats | float, cl: Floats, cs: Floats, steps: int) -> Floats:
    """The share that is right after some steps, of ``whole`` of which ``x`` is right now. Where
    nobody is in a state, its rate isn't needed."""
    cl, cs = np.where(np.isfinite(cl), cl, 1.0), np.where(np.isfinite(cs), cs, 0.0)
    for _ in range(steps):
        x = x * cl + (whole - x) * cs
    return np.asarray(x)


def _never(sums: Floats, fit: int, method: str, rounds: int) -> Floats:
    known, n = rates(sums, fit), sums[..., 0]
    start, steps = sums[..., 1] / n, rounds - 1
    stays = np.zeros(np.shape(start)), np.zeros(np.shape(start))
    cl, cs = known["cl"], known["cs"]
    if method != "chain":
        stays = known["stay_right"], known["stay_wrong"]
        cl, cs = known["movers_cl"], known["movers_cs"]
    cl, cs = np.where(np.isfinite(cl), cl, 1.0), np.where(np.isfinite(cs), cs, 0.0)
    right, wrong = (start - stays[0]) * cl**steps, (1 - start - stays[1]) * (1 - cs) ** steps
    return np.asarray(stays[0] + stays[1] + right + wrong)
