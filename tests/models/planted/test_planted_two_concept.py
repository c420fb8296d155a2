"""planted:two-concept: a run on it shows the law that it states, and a fit finds it again."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.planted import TwoConcept, load
from selfcorrect.theory import two_concept as tc
from two_concepts import NAME, ran


def within(values: np.ndarray, truth: float, errors: float = 4.2) -> bool:
    """Whether a mean is within so many standard errors of the truth (or equal to it)."""
    return abs(values.mean() - truth) <= errors * values.std() / math.sqrt(values.size) + 1e-12


MENTIONS = {
    "intrinsic": [1, 2, 3, 4, 5],
    "negation": [-1, -2, -3, -4, -5],
    "repeat": [1, 1, 1, 1, 1],
    "injection": [1, 0, 1, 2, 1],
    "anchor": [6, 12, 18, 24, 30],
}


@pytest.mark.parametrize("strategy", MENTIONS)
def test_without_noise_a_run_is_the_law_exactly(strategy: str, tmp_path: Path) -> None:
    law = TwoConcept(noise=0, mass=0.9)
    p, _, _, masses = ran("noise=0,mass=0.9", strategy, tmp_path, limit=40)
    np.testing.assert_allclose(masses, 0.9, rtol=1e-12)
    for t, mentions in enumerate(MENTIONS[strategy]):
        odds = 9 * 0.6**mentions
        epsilon = odds / (1 + odds)
        assert law.epsilon(mentions) == pytest.approx(epsilon, rel=1e-12)
        right = 0.85 * (1 - epsilon) + 0.15 * epsilon
        lure = 0.075 * (1 - epsilon) + 0.7 * epsilon
        other = 0.075 * (1 - epsilon) + 0.15 * epsilon
        np.testing.assert_allclose(p[t, :, 0], right, rtol=1e-12)
        wrong = np.sort(p[t, :, 1:], axis=1)
        np.testing.assert_allclose(wrong, [[other, lure]] * 40, rtol=1e-12)
        assert law.p_right(mentions, 3) == pytest.approx(right)


@pytest.mark.parametrize("law", ["seed=3", "noise=1.5,seed=4", "rho=1.3,prior=0.2,plus=0.3,seed=5"])
def test_noise_averages_out(law: str, tmp_path: Path) -> None:
    stated = load(f"{NAME}?{law}").law
    p, answers, _, _ = ran(law, "intrinsic", tmp_path, choices_per=4)
    for t in range(5):
        assert within(p[t, :, 0], stated.p_right(t + 1, 4))
        right = int((answers[t] == 0).sum())
        assert stats.binomtest(right, 300, stated.p_right(t + 1, 4)).pvalue > 1e-4
    # it is independent from record to record: successive rounds' deviations don't go together
    logits = tc.logit(tc.epsilon(_terms(stated, p)))
    assert logits.std(axis=0) == pytest.approx([stated.noise] * 5, rel=0.2)
    correlations = np.corrcoef(logits.T)[np.triu_indices(5, 1)]
    assert np.abs(correlations).max() < 4.2 / math.sqrt(300)


def _terms(law: TwoConcept, p: np.ndarray) -> np.ndarray:
    """The sums from which each record's ε follows, the lure being the wrong option preferred."""
    lures = 1 + p[0, :, 1:].argmax(axis=1)
    anchors = [law.concepts(p.shape[2], 0, int(lure)) for lure in lures]
    plus, minus = (np.array(each) for each in zip(*anchors, strict=True))
    return tc.epsilon_terms(p, plus, minus)


def test_clusters_differ_by_the_spread_and_records_of_one_do_not(tmp_path: Path) -> None:
    law = TwoConcept(spread=0.8, noise=0, prior=0.6)
    p, _, clusters, _ = ran("spread=0.8,noise=0,prior=0.6", "intrinsic", tmp_path, cluster_size=2)
    logits = tc.logit(tc.epsilon(_terms(law, p)))
    assert len(np.unique(clusters)) == 150
    own = []
    for cluster in np.unique(clusters):
        of = logits[clusters == cluster]
        np.testing.assert_allclose(of[0], of[1], atol=1e-9)
        own.append(of[0, 0])
    assert within(np.array(own), law.log_odds(1))
    assert stats.kstest((np.array(own) - law.log_odds(1)) / 0.8, "norm").pvalue > 1e-3
    steps = np.diff(logits, axis=1)
    np.testing.assert_allclose(steps, math.log(0.6), atol=1e-9)  # whatever the start, ρ a round
    assert abs(p[0, :, 0].mean() - law.p_right(1, 3)) < 4.2 * p[0, :, 0].std() / math.sqrt(150)


def test_answers_are_drawn_from_what_is_stated(tmp_path: Path) -> None:
    p, answers, _, _ = ran("seed=1", "intrinsic", tmp_path, limit=500)
    for t in range(5):
        of_answer = np.take_along_axis(p[t], answers[t][:, None], 1)[:, 0]
        # calibrated, and drawn rather than the likeliest
        assert within(of_answer - (p[t] ** 2).sum(1), 0.0)
        for k in range(3):
            z = ((answers[t] == k) - p[t, :, k]).sum() / math.sqrt(
                (p[t, :, k] * (1 - p[t, :, k])).sum()
            )
            assert abs(z) < 4.2
    # given p, the rounds are independent of each other
    right = (answers == 0) - p[:, :, 0]
    assert within(right[0] * right[1], 0.0)


def test_the_fit_of_the_two_concept_model_finds_rho(tmp_path: Path) -> None:
    """From p− under negation and p+ under anchor, as one would of a model that isn't planted."""
    law = "rho=0.7,prior=0.8,noise=0.2"
    (p, *_), (minus, *_), (plus, *_) = (
        ran(law, strategy, tmp_path, rounds=8, limit=100)
        for strategy in ("intrinsic", "negation", "anchor")
    )
    sums = tc.epsilon_terms(p, plus[-1], minus[-1]).sum(axis=0)
    _, b = tc.odds_line(tc.epsilon(sums), range(1, 9))
    assert math.exp(b) == pytest.approx(0.7, abs=0.03)


@pytest.fixture(scope="module")
def epsilons(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """ε [8, n] of dialogues in which nothing that is said matters, but answers do."""
    law = "answers=1,noise=0,prior=0.5,rho=1,seed=2"
    p, *_ = ran(law, "repeat", tmp_path_factory.mktemp("runs"), rounds=8, limit=400)
    plus, minus = TwoConcept().concepts(3, 0, 1)
    return (plus[0] - p[:, :, 0]) / (plus[0] - minus[0])


def test_the_posterior_is_a_martingale(epsilons: np.ndarray) -> None:
    np.testing.assert_allclose(epsilons[0], 0.5, atol=1e-9)
    for t in range(1, 8):
        assert within(epsilons[t], 0.5)
        # and at every level of the last round's
        step = epsilons[t] - epsilons[t - 1]
        for part in np.array_split(np.argsort(epsilons[t - 1]), 4):
            assert within(step[part], 0.0)


def test_each_dialogue_locks_onto_a_concept_and_a_share_onto_each(epsilons: np.ndarray) -> None:
    """Without drift the model grows surer, and no more often right."""
    unsure = ((epsilons > 0.1) & (epsilons < 0.9)).mean(axis=1)
    assert unsure[0] == 1
    assert unsure[-1] < 0.3
    locked = epsilons[-1] > 0.5
    assert stats.binomtest(int(locked.sum()), locked.size, 0.5).pvalue > 1e-4


def test_evidence_is_bayes_rule_over_whole_histories() -> None:
    """The joint law of three answers is the mixture of three answers under each concept."""
    law = TwoConcept(answers=1, noise=0, prior=0.3)
    plus, minus = law.concepts(3, 0, 2)
    for path in product(range(3), repeat=3):
        chance, evidence = 1.0, 0.0
        for y in path:
            epsilon = law.epsilon(0, evidence)
            chance *= (1 - epsilon) * plus[y] + epsilon * minus[y]
            evidence += math.log(minus[y] / plus[y])
        wanted = 0.7 * np.prod(plus[list(path)]) + 0.3 * np.prod(minus[list(path)])
        assert chance == pytest.approx(wanted)


def test_only_answers_that_count_move_the_odds() -> None:
    text = "What is 3 + 4?\n(a) 7\n(b) 8\n(c) 9"
    for answers, moves in ((0, False), (1, True)):
        model = load(f"{NAME}?noise=0,answers={answers}")
        scores = []
        for said in ("(a) 7", "(b) 8", "hm"):
            talk = model.open(1)
            talk.say([message("user", text)])
            talk.say([message("assistant", said)])
            talk.say([message("user", "And now?")])
            scores.append(talk.likelihoods([("a", "b", "c")])[0])
        assert (scores[0] != scores[1]) == moves
        assert (scores[0] != scores[2]) == moves  # no option: no answer


laws = st.builds(
    TwoConcept,
    plus=st.floats(0.01, 0.99),
    minus=st.floats(0.01, 0.99),
    prior=st.floats(0.001, 0.999),
    rho=st.floats(0.05, 20),
    spread=st.floats(0, 3),
    noise=st.floats(0, 3),
)


@settings(deadline=None)
@given(laws, st.integers(2, 8), st.integers(-20, 20))
def test_the_law_is_a_mixture_that_bayes_moves(law: TwoConcept, options: int, m: int) -> None:
    plus, minus = law.concepts(options, 0, options - 1)
    assert plus.sum() == pytest.approx(1)
    assert minus.sum() == pytest.approx(1)
    assert (plus[0], minus[-1]) == (law.plus, law.minus)
    assert plus.min() > 0
    assert minus.min() > 0
    assert law.total_variation(options) == pytest.approx(1 - np.minimum(plus, minus).sum())
    step = law.log_odds(m + 1) - law.log_odds(m)
    assert step == pytest.approx(math.log(law.rho), abs=1e-9)
    assert law.epsilon(0) == pytest.approx(law.prior)
    low, high = sorted((plus[0], minus[0]))
    assert low - 1e-12 <= law.p_right(m, options) <= high + 1e-12
    centred = replace(law, spread=0, noise=0)
    assert centred.mean_epsilon(m) == pytest.approx(law.epsilon(m), rel=1e-9)


@settings(deadline=None)
@given(laws, st.floats(-5, 5))
def test_the_expected_posterior_is_the_prior(law: TwoConcept, evidence: float) -> None:
    plus, minus = law.concepts(3, 1, 2)
    epsilon = law.epsilon(0, evidence)
    p = (1 - epsilon) * plus + epsilon * minus
    after = [law.epsilon(0, evidence + math.log(b / a)) for a, b in zip(plus, minus, strict=True)]
    assert p @ np.array(after) == pytest.approx(epsilon, rel=1e-9)


@pytest.mark.parametrize("width", [0.1, 1.0, 7.0, 100.0])
@pytest.mark.parametrize("mentions", [-3, 0, 12])
def test_the_mean_over_noise_is_an_integral(width: float, mentions: int) -> None:
    law = TwoConcept(noise=width * 0.6, spread=width * 0.8)
    centre = law.log_odds(mentions)

    def integrand(x: float) -> float:  # P(logistic variable < normal variable), the other way round
        return float(stats.logistic.pdf(x) * stats.norm.cdf((centre - x) / width))

    expected = quad(integrand, -60, 60, points=[centre, 0], limit=400, epsabs=1e-12)[0]
    assert law.mean_epsilon(mentions) == pytest.approx(expected, abs=1e-9)


def test_concepts_may_be_the_same() -> None:
    assert TwoConcept(plus=0.25, minus=0.25).total_variation(4) == 0
    assert TwoConcept(plus=0.3, minus=0.7).total_variation(2) == pytest.approx(0)
    assert TwoConcept().total_variation(3) == pytest.approx(0.7)


def test_a_mean_that_depends_on_answers_is_refused() -> None:
    with pytest.raises(UserError, match="set answers=0"):
        TwoConcept(answers=1).mean_epsilon(1)
