"""Latent concepts: divergences, enumeration and hidden Markov models, against brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from plain_concepts import every_sequence, plain_posterior
from selfcorrect.errors import UserError
from selfcorrect.studies.concepts.analysis import DISTRIBUTIONS
from selfcorrect.theory import averages, instructions, markov, rates
from selfcorrect.theory.discrete import draw, enumerable, histories, move, sample, types
from selfcorrect.theory.posteriors import (
    Floats,
    chernoff,
    cross_entropy,
    entropy,
    kl,
    log_likelihood,
    log_posterior,
    stated,
    total_variation,
)


def shares(v: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(0.05, 1), min_size=v, max_size=v).map(
        lambda row: (np.array(row) / sum(row)).tolist()
    )


pairs_of_three = st.tuples(shares(3), shares(3))


# --- divergences ---------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(pairs_of_three)
def test_divergences(rows: tuple[list[float], list[float]]) -> None:
    p, q = (np.array(row) for row in rows)
    assert kl(p, q) == pytest.approx(stats.entropy(p, q), abs=1e-12)
    assert entropy(p) == pytest.approx(stats.entropy(p))
    assert cross_entropy(p, q) == pytest.approx(-sum(p * np.log(q)))
    information, s = chernoff(p, q)
    grid = np.linspace(0, 1, 2001)
    best = max(-math.log(sum(p ** (1 - a) * q**a)) for a in grid)
    assert information == pytest.approx(best, abs=1e-5)
    assert information >= best - 1e-12
    assert 0 <= s <= 1
    if information > 1e-6:  # rows that are about equal have their difference from rounding alone
        # where the two tilted divergences are equal (Cover & Thomas, theorem 11.9.1)
        found = optimize.root_scalar(
            lambda a: kl(_tilted(p, q, a), p) - kl(_tilted(p, q, a), q), bracket=(0, 1)
        )
        assert s == pytest.approx(found.root, abs=1e-3)
        assert information == pytest.approx(kl(_tilted(p, q, s), p), rel=1e-3)


def _tilted(p: Floats, q: Floats, s: float) -> Floats:
    r = p ** (1 - s) * q**s
    return r / r.sum()


def test_two_points_in_closed_form() -> None:
    a = 0.8
    p, q = np.array([a, 1 - a]), np.array([1 - a, a])
    assert kl(p, q) == pytest.approx((2 * a - 1) * math.log(a / (1 - a)))
    information, s = chernoff(p, q)
    assert information == pytest.approx(-math.log(2 * math.sqrt(a * (1 - a))))
    assert s == pytest.approx(0.5, abs=1e-6)
    assert total_variation(p, q) == pytest.approx(2 * a - 1)
    assert instructions.threshold(stated([p.tolist(), q.tolist()])) == pytest.approx(0.5)


def test_divergences_at_the_edge() -> None:
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.0, 0.5])
    assert kl(p, q) == math.inf
    assert chernoff(p, q)[0] == pytest.approx(math.log(2))
    assert chernoff(np.array([1.0, 0]), np.array([0, 1.0]))[0] == math.inf
    assert chernoff(p, p)[0] == 0


# --- enumeration against all sequences ------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(pairs_of_three, shares(2), st.integers(1, 2), st.integers(1, 3))
def test_types_stand_for_all_sequences(
    rows: tuple[list[float], list[float]], prior: list[float], tokens: int, rounds: int
) -> None:
    known = stated(rows, prior, tokens)
    found = histories(known, rounds)
    p = np.exp(found.log_p[:, 0])
    assert p.sum() == pytest.approx(1)
    brute = list(every_sequence(known, rounds))
    for power in (1, 2):
        wanted = sum(w * (1 - belief[0]) ** power for _, w, belief in brute)
        assert p @ np.exp(found.epsilon) ** power == pytest.approx(wanted)
    wanted = sum(w * math.log(belief[1]) for _, w, belief in brute)
    assert p @ found.epsilon == pytest.approx(wanted)


def test_types_are_all_there_once() -> None:
    found = types(5, 3)
    wanted = {c for c in itertools.product(range(6), repeat=3) if sum(c) == 5}
    assert {tuple(row) for row in found.tolist()} == wanted
    assert len(found) == len(wanted)
    assert types(4, 2).shape == (5, 2)
    assert enumerable(stated(DISTRIBUTIONS), 10) == 1  # 10 types of 3 tokens, 28 of 6


def test_epsilon_does_not_drown() -> None:
    known = stated([[0.9, 0.1], [0.1, 0.9]], tokens=1)
    found = histories(known, 2000)
    every_first = found.counts[:, 0] == 2000
    assert found.epsilon[every_first] == pytest.approx(2000 * math.log(1 / 9))


def test_a_token_rules_a_concept_out_for_ever() -> None:
    known = stated([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]], tokens=1)
    seen = log_posterior(log_likelihood([[2, 0, 0], [9, 1, 0]], known.p), known.prior)
    assert np.exp(seen) == pytest.approx(np.array([[0.5, 0.5], [1, 0]]))
    with pytest.raises(UserError, match="impossible under every concept"):
        log_posterior(log_likelihood([0, 1, 1], known.p), known.prior)


def test_move_is_the_multinomial() -> None:
    known = stated(DISTRIBUTIONS, tokens=2)
    counts, mass = np.zeros((1, 3), dtype=np.int64), np.ones(1)
    for _ in range(6):
        counts, mass = move(counts, mass, np.eye(3, dtype=np.int64), known.p[0])
    got = {tuple(c): m for c, m in zip(counts.tolist(), mass, strict=True)}
    wanted = {c: stats.multinomial.pmf(c, 6, known.p[0]) for c in got}
    assert got == pytest.approx(wanted)
    wide = np.ones((1, 70), dtype=np.int64)  # more kinds than one code can hold
    merged, mass = move(wide, np.ones(1), np.eye(70, dtype=np.int64)[[0, 0, 1]], np.ones(3) / 3)
    assert len(merged) == 2
    assert sorted(mass) == pytest.approx([1 / 3, 2 / 3])


# --- rates ----------------------------------------------------------------------------------------


def test_importance_weights_are_unbiased_by_enumeration() -> None:
    known = stated([[0.5, 0.3, 0.2], [0.3, 0.3, 0.4], [0.6, 0.4, 0.0]], tokens=2)
    found = histories(known, 3, under_truth=True)
    weight = averages.log_weights(known, found.counts)
    p = found.log_p[:, 0]
    assert np.exp(p - weight).sum() == pytest.approx(1)  # what is drawn is a distribution
    r, _ = averages.tilt(known)
    plain, tilted = (np.prod(x**found.counts, axis=1) for x in (known.p[0], r))
    assert np.exp(weight) == pytest.approx(plain / (0.1 * plain + 0.9 * tilted))


def test_the_constant_of_the_mean() -> None:
    known = stated(DISTRIBUTIONS[:2], [0.3, 0.7], tokens=2)
    a, rate = averages.constant(known), float(rates.speeds(known).chernoff.min())
    off = []
    for t in (50, 100, 200):
        found = histories(known, t)
        mean = np.exp(found.log_p[:, 0]) @ np.exp(found.epsilon)
        off.append(mean * math.sqrt(t) * math.exp(rate * t) / a - 1)
    assert abs(off[2]) < 0.1
    # the next order is 1/t
    assert off[0] / off[1] == pytest.approx(2, rel=0.15)
    assert off[1] / off[2] == pytest.approx(2, rel=0.15)


def test_nearest_and_slowest_rival_may_differ() -> None:
    # KL hates a token that the rival hardly has; Chernoff doesn't mind
    known = stated([[0.5, 0.45, 0.05], [0.526315, 0.473684999, 1e-9], [0.3, 0.45, 0.25]])
    speed = rates.speeds(known)
    assert speed.nearest != speed.slowest


@settings(max_examples=15, deadline=None)
@given(pairs_of_three, st.floats(-25, -5))
def test_departure_is_exact_for_small_epsilon(
    rows: tuple[list[float], list[float]], log_epsilon: float
) -> None:
    known = stated(rows)
    e = math.exp(log_epsilon)
    away, variation = rates.departure(known, np.array([math.log1p(-e), log_epsilon]))
    p, q = known.p
    assert variation == pytest.approx(e * total_variation(p, q), rel=1e-9)
    slope = cross_entropy(q, p) - entropy(p)
    curvature = ((q - p) ** 2 / p).sum()
    assert away == pytest.approx(e * slope - e**2 * curvature / 2, abs=2e2 * e**3 + 1e-9 * e)


def test_departure_where_the_rival_says_more() -> None:
    known = stated([[1.0, 0.0], [0.5, 0.5]])
    away, _ = rates.departure(known, np.log([0.9, 0.1]))
    assert away == pytest.approx(stats.entropy([0.95, 0.05]))


# --- instructions and answers ---------------------------------------------------------------------


def test_answers_are_a_martingale_over_all_sequences() -> None:
    known = stated(DISTRIBUTIONS[:2], [0.3, 0.7], tokens=1)
    for length in (1, 3, 5):
        mean = 0.0
        for tokens in itertools.product(range(3), repeat=length):
            p = 1.0
            for k, token in enumerate(tokens):
                belief = plain_posterior(known.p, known.prior, tokens[:k])
                p *= sum(b * row[token] for b, row in zip(belief, known.p, strict=True))
            mean += p * plain_posterior(known.p, known.prior, tokens)[0]
        assert mean == pytest.approx(0.3, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(pairs_of_three, st.floats(0, 1))
def test_drift_is_the_mean_step(rows: tuple[list[float], list[float]], q: float) -> None:
    known = stated(rows, tokens=2)
    p, other = known.p
    step = sum(
        ((1 - q) * p[a] * p[b] + q * other[a] * other[b])
        * math.log(p[a] * p[b] / other[a] / other[b])
        for a, b in itertools.product(range(3), repeat=2)
    )
    assert instructions.drift(known, q) == pytest.approx(step, abs=1e-12)


# --- hidden Markov models -------------------------------------------------------------------------

SPOKEN = markov.hidden_markov(
    [0.6, 0.4], [[0.7, 0.3], [0.2, 0.8]], [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]
)


def test_forward_is_the_sum_over_hidden_paths() -> None:
    strings = markov.strings(3, 4)
    got = np.exp(markov.forward(SPOKEN, strings))
    assert got.sum() == pytest.approx(1)
    for string, p in zip(strings.tolist()[::7], got[::7], strict=True):
        wanted = 0.0
        for states in itertools.product(range(2), repeat=4):
            path = SPOKEN.start[states[0]] * SPOKEN.emits[states[0]][string[0]]
            for k in range(1, 4):
                path *= SPOKEN.moves[states[k - 1]][states[k]] * SPOKEN.emits[states[k]][string[k]]
            wanted += path
        assert p == pytest.approx(wanted)


def test_one_state_is_independent_tokens() -> None:
    row = list(DISTRIBUTIONS[0])
    alone = markov.hidden_markov([1.0], [[1.0]], [row])
    strings = markov.strings(3, 3)
    wanted = np.prod(np.array(row)[strings], axis=1)
    assert np.exp(markov.forward(alone, strings)) == pytest.approx(wanted)
    other = markov.hidden_markov([1.0], [[1.0]], [list(DISTRIBUTIONS[1])])
    together = markov.as_concepts([alone, other], 3)
    assert kl(*together.p) == pytest.approx(3 * kl(np.array(row), np.array(DISTRIBUTIONS[1])))


def test_impossible_strings_have_no_probability() -> None:
    alternating = markov.hidden_markov([1, 0], [[0, 1], [1, 0]], [[1, 0], [0, 1]])
    found = np.exp(markov.forward(alternating, markov.strings(2, 3)))
    assert found.tolist() == [0, 0, 1, 0, 0, 0, 0, 0]  # 0 1 0


def test_said_strings_have_their_probabilities() -> None:
    said = markov.say(SPOKEN, 3, 20_000, np.random.default_rng(1))
    code = said @ [9, 3, 1]
    expected = 20_000 * np.exp(markov.forward(SPOKEN, markov.strings(3, 3)))
    assert stats.chisquare(np.bincount(code, minlength=27), expected).pvalue > 1e-3


def test_drawn_tokens_have_their_probabilities() -> None:
    rng = np.random.default_rng(2)
    p = np.array(DISTRIBUTIONS[0])
    counts = draw(np.tile(p, (20_000, 1)), rng).sum(axis=0)
    assert stats.chisquare(counts, 20_000 * p).pvalue > 1e-3
    walked = sample(p, 3, [1, 4], 50, rng)
    assert walked.sum(axis=2).tolist() == [[3] * 50, [12] * 50]
    assert (np.diff(walked, axis=0) >= 0).all()


def test_bad_hidden_markov_concepts() -> None:
    with pytest.raises(UserError, match="2 states"):
        markov.hidden_markov([0.5, 0.5], [[1.0]], [[1.0], [1.0]])
    with pytest.raises(UserError, match=r"moves from state 2 sums to 0\.9"):
        markov.hidden_markov([0.5, 0.5], [[1, 0], [0.5, 0.4]], [[1.0, 0], [1.0, 0]])
    with pytest.raises(UserError, match="take shorter ones"):
        markov.strings(2, 40)
    with pytest.raises(UserError, match="same tokens"):
        markov.as_concepts([SPOKEN, markov.hidden_markov([1], [[1]], [[0.5, 0.5]])], 2)
    with pytest.raises(UserError, match="drift is not finite"):
        instructions.drift(stated([[1, 0], [0.5, 0.5]]), 0.3)
    with pytest.raises(UserError, match="fewer rounds"):
        types(10_000, 4)
