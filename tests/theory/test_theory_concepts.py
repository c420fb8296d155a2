"""Latent concepts, against brute force, closed forms, scipy and planted cases."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from selfcorrect.errors import UserError
from selfcorrect.report.sheet import Chart, page
from selfcorrect.report.theory.concepts import sheet
from selfcorrect.theory import answers, averages, confidence, instructions, laws, markov, rates
from selfcorrect.theory.concepts import DISTRIBUTIONS, concepts
from selfcorrect.theory.discrete import draw, enumerable, histories, move, sample, types
from selfcorrect.theory.posteriors import (
    Concepts,
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


def plain_posterior(p: Floats, prior: Floats, tokens: Sequence[int]) -> list[float]:
    """Bayes' rule, one token after the other."""
    belief = [float(x) for x in prior]
    for token in tokens:
        joint = [b * float(row[token]) for b, row in zip(belief, p, strict=True)]
        belief = [x / sum(joint) for x in joint]
    return belief


def every_sequence(known: Concepts, rounds: int) -> Any:
    """All sequences of all tokens, each with p(sequence | C+) and its posterior."""
    v = known.p.shape[1]
    for tokens in itertools.product(range(v), repeat=rounds * known.tokens):
        if all(known.p[0][token] > 0 for token in tokens):
            p = math.prod(float(known.p[0][token]) for token in tokens)
            yield tokens, p, plain_posterior(known.p, known.prior, tokens)


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
    # where the two tilted divergences are equal (Cover & Thomas, theorem 11.9.1)
    found = optimize.root_scalar(
        lambda a: kl(_tilted(p, q, a), p) - kl(_tilted(p, q, a), q), bracket=(0, 1)
    )
    if information > 1e-6:
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


# --- calibration ----------------------------------------------------------------------------------


def test_calibration_against_all_sequences() -> None:
    # in fractions, for some of these confidences stand on an edge of a bin
    rows = [[Fraction(str(x)) for x in row] for row in DISTRIBUTIONS]
    known = stated(DISTRIBUTIONS, tokens=2)
    found = confidence.calibration(known, 3, 500, np.random.default_rng(0))
    for t in (1, 2, 3):
        bins = [Fraction(0)] * confidence.BINS
        distance = Fraction(0)
        for tokens in itertools.product(range(3), repeat=2 * t):
            joint = [math.prod(row[token] for token in tokens) for row in rows]
            said, y = max(
                (sum(b * row[y] for b, row in zip(joint, rows, strict=True)) / sum(joint), -y)
                for y in range(3)
            )
            gap = said - rows[0][-y]
            distance += joint[0] * abs(gap)
            bins[min(int(said * 10), 9)] += joint[0] * gap
        row = found.curves["calibration"]["fixed"][t]
        assert row["distance"] == pytest.approx(float(distance))
        assert row["ece"] == pytest.approx(float(sum(map(abs, bins))))
        assert found.curves["calibration"]["drawn"][t]["ece"] == pytest.approx(0, abs=1e-14)


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


@pytest.mark.parametrize("shape", ["a", "i", "ia", "aai"])
def test_followed_against_all_sequences(shape: str) -> None:
    known = stated(DISTRIBUTIONS[:2], [0.3, 0.7], tokens=1)
    found = laws.Found()
    curve = answers.followed(known, shape, 2, 200, np.random.default_rng(0), found)
    mean = 0.0
    for tokens in itertools.product(range(3), repeat=2 * len(shape)):
        p = 1.0
        for k, token in enumerate(tokens):
            belief = plain_posterior(known.p, known.prior, tokens[:k])
            own = sum(b * row[token] for b, row in zip(belief, known.p, strict=True))
            p *= own if shape[k % len(shape)] == "a" else known.p[0][token]
        mean += p * plain_posterior(known.p, known.prior, tokens)[0]
    assert curve["exact"][1] == pytest.approx(mean)


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


def test_noise_finds_the_threshold_and_its_sides() -> None:
    known = stated(DISTRIBUTIONS[:2])
    rng = np.random.default_rng(5)
    found = instructions.noise(known, [0, 0.5, 1], 5, 200, 4000, rng)
    named = {law["name"]: law for law in found.laws}
    star = named["noise_threshold"]
    assert star["low"] < star["predicted"] < star["high"]
    assert named["noise_below"]["measured"] > 0.98
    assert named["noise_above"]["measured"] < 0.02
    assert abs(named["noise_at"]["measured"] - 0.5) < 0.05
    # a round is wrong as a whole: brute force over one round
    side = found.curves["sides"]["at"]
    wanted = 0.0
    for tokens in itertools.product(range(3), repeat=3):
        p, q = (math.prod(float(row[t]) for t in tokens) for row in known.p)
        w = (1 - side["wrong"]) * p + side["wrong"] * q
        wanted += w * plain_posterior(known.p, known.prior, tokens)[0]
    assert side["exact"][0] == pytest.approx(wanted)


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


# --- how it is put down ---------------------------------------------------------------------------


def test_comparisons_are_normal_and_skip_what_is_not() -> None:
    exact = laws.moments(np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    assert exact == pytest.approx((0.5, 0.25, 1))
    (one,) = laws.compare("", 1, exact, [1.0] * 60 + [0.0] * 40)
    assert one["z"] == pytest.approx(2)
    rare = laws.moments(np.array([0.0, 1.0]), np.array([1 - 1e-6, 1e-6]))
    assert laws.compare("", 1, rare, np.zeros(10_000)) == []
    same = laws.moments(np.array([0.3, 0.3]), np.array([0.5, 0.5]))
    assert laws.compare("", 1, same, [0.3] * 1000) == []


def test_agreement_says_how_large_z_usually_gets() -> None:
    rng = np.random.default_rng(0)
    largest = np.abs(rng.standard_normal((4000, 300))).max(axis=1)
    found = laws.agreement([{"z": z} for z in rng.standard_normal(300)])
    assert found["usual_largest"] == pytest.approx(np.median(largest), abs=0.03)
    assert found["chance"] == pytest.approx((largest >= found["largest_z"]).mean(), abs=0.04)


@pytest.fixture(scope="module")
def quick() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(concepts(quick=True), allow_nan=False))
    return found


def test_every_rate_and_every_mean(quick: dict[str, Any]) -> None:
    agreement = quick["agreement"]
    assert agreement["within_3"] == agreement["compared"] > 300
    named = {law["name"]: law for law in quick["laws"]}
    for law in quick["laws"]:
        if law["kind"] == "rate":
            assert law["relative_error"] < 0.02, law
    assert named["ratio"]["predicted"] > 3
    assert named["ratio"]["low"] < named["ratio"]["predicted"] < named["ratio"]["high"]
    assert named["distance_rises"]["measured"] == 0
    assert named["ece_rise"]["low"] > 0  # ECE rises, beyond what sampling does
    assert named["ece_prior"]["measured"] < 1e-12
    assert named["answers_martingale_exact"]["measured"] < 1e-12
    for law in quick["laws"]:
        if law["name"] == "answers_locked":
            assert law["relative_error"] < 0.05


def test_it_is_a_page(quick: dict[str, Any]) -> None:
    made = sheet(quick)
    names = [p.name for s in made.sections for p in s.parts if isinstance(p, Chart)]
    assert len(names) == len(set(names)) == 12
    assert "<html" in page(made)
    assert any("2 %" in said for said in made.findings)


def test_the_seed_decides() -> None:
    first, again, other = (
        concepts(rounds=2, paths=100, seed=seed)["laws"] for seed in (0, 0, 1)
    )  # fmt: skip
    assert first == again
    assert first != other


def test_equal_concepts_are_not_told_apart() -> None:
    found = concepts(rounds=3, paths=200, distributions=[[0.5, 0.5], [0.5, 0.5]])
    assert not found["told_apart"]["value"]
    named = {law["name"]: law for law in found["laws"]}
    assert named["typical_rate"]["predicted"] == 0
    assert "not told apart" in named["mean_rate"]["why"]
    made = sheet(json.loads(json.dumps(found, allow_nan=False)))
    assert "not told apart" in made.findings[0]
    assert page(made)


@pytest.mark.parametrize(
    "rows",
    [
        [[0.5, 0.5, 0], [0.5, 0, 0.5]],
        [[1, 0], [0, 1]],
        [[0.5, 0.5, 0], [0.3, 0.3, 0.4], [0, 0.5, 0.5]],
        [[0.5, 0.5], [1, 0]],
        [[0.5, 0.5], [0.4999, 0.5001]],
    ],
)
def test_excluding_tokens_and_near_twins(rows: list[list[float]]) -> None:
    found = concepts(rounds=2, paths=200, distributions=rows)
    assert page(sheet(json.loads(json.dumps(found, allow_nan=False))))
    for law in found["laws"]:
        assert law["measured"] is not None or law["why"]


# --- bad input ------------------------------------------------------------------------------------

GOOD = [[0.5, 0.5], [0.4, 0.6]]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"rounds": 0}, "rounds must be a whole number from 1 on"),
        ({"rounds": 1.5}, "rounds must be a whole number"),
        ({"rounds": math.nan}, "rounds must be a whole number"),
        ({"paths": 5}, "paths must be a whole number from 100 on"),
        ({"rounds": 500}, "ask for at most"),
        ({"tokens": 0}, "tokens a round must be"),
        ({"wrong": [1.2]}, "between 0 and 1, not 1.2"),
        ({"wrong": [math.nan]}, "between 0 and 1, not nan"),
        ({"distributions": GOOD[:1]}, "single concept"),
        ({"distributions": [[0.5, 0.5], [0.2, 0.3, 0.5]]}, "same tokens"),
        ({"distributions": [[0.5, 0.4], GOOD[1]]}, "concept 1 sums to 0.9"),
        ({"distributions": [GOOD[0], [1.2, -0.2]]}, "concept 2 holds a negative probability"),
        ({"distributions": [GOOD[0], [math.nan, 1]]}, "no number"),
        ({"distributions": GOOD, "prior": [1.0, 0.0]}, "prior 0"),
        ({"distributions": GOOD, "prior": [0.2, 0.3, 0.5]}, "3 numbers for 2 concepts"),
    ],
)
def test_bad_input_is_one_sentence(how: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said) as told:
        concepts(**how)
    assert "\n" not in str(told.value)
    assert not str(told.value).endswith(".")


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
