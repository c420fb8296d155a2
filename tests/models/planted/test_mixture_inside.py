"""planted:mixture's hidden states hold the posterior, and the posterior moves with them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import mixture_states
from selfcorrect.messages import message
from selfcorrect.models.planted.mixture import Exact, exact
from selfcorrect.tasks import make

#: Times the median norm of the layer's states.
DOSES = np.array([-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4])
#: That is steered, and whose probe is looked at round by round.
LAYER = 1


class Probe:
    """A linear probe of one layer, trained on which concept governs a dialogue."""

    def __init__(self, states: NDArray[np.float32], plus: NDArray[np.bool_]) -> None:
        self.scaler = StandardScaler().fit(states)
        self.model = LogisticRegression(C=1.0, max_iter=2000)
        self.model.fit(self.scaler.transform(states), plus)

    def activation(self, states: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(self.model.decision_function(self.scaler.transform(states)))


@pytest.fixture(scope="module")
def labelled() -> mixture_states.Prefixes:
    return mixture_states.prefixes(1000, seed=101)


@pytest.fixture(scope="module")
def fresh() -> mixture_states.Prefixes:
    return mixture_states.prefixes(200, seed=102)


@pytest.mark.slow  # a thousand dialogues
def test_a_probe_of_the_concept_reads_the_exact_posterior(
    labelled: mixture_states.Prefixes, fresh: mixture_states.Prefixes
) -> None:
    """Trained on labels alone, on dialogues of all lengths. Far out, where no answer tells the odds
    apart any more, the states don't either: so the pooled log odds correlate less."""
    probe = Probe(labelled.states[LAYER], labelled.plus)
    activation = probe.activation(fresh.states[LAYER])
    p, exactly = expit(activation), expit(fresh.odds)
    assert np.corrcoef(p, exactly)[0, 1] >= 0.9
    assert abs((p - exactly).mean()) < 0.03
    assert spearmanr(activation, fresh.odds)[0] >= 0.9
    within = [
        np.corrcoef(activation[fresh.number == number], fresh.odds[fresh.number == number])[0, 1]
        for number in (1, 2, 3, 4, 5)
    ]
    assert np.mean(within) >= 0.9, within
    assert min(within) >= 0.85, within
    assert np.corrcoef(activation, fresh.odds)[0, 1] >= 0.85
    shuffled = np.random.default_rng(0).permutation(labelled.plus)
    other = Probe(labelled.states[LAYER], shuffled).activation(fresh.states[LAYER])
    assert abs(np.corrcoef(expit(other), exactly)[0, 1]) < 0.5


def asked(n: int) -> tuple[list[Exact], NDArray[np.int64], NDArray[np.int64]]:
    """Questions of the task in its first round; where the right option stands, and the lure."""
    from selfcorrect.planted_words import DECIDED

    task = make("planted-mixture")
    known, right, lure = [], [], []
    for example in list(task.examples())[: 4 * n : 4]:  # one of a cluster
        said = task.ask(example)
        known.append(exact([message("user", f"{said['question']}\n\n{said['goal']}")]))
        kinds = [next(k for k in range(3) if each in DECIDED[k]) for each in example.choices]
        right.append(kinds.index(0))
        lure.append(kinds.index(1))
    return known, np.array(right), np.array(lure)


def leanings(layer: int, vectors: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """log P(right) − log P(lure) under each vector [vectors], a mean over questions."""
    known, right, lure = asked(n)
    p = np.log(mixture_states.steered(known, layer, vectors))
    rows = np.arange(len(known))
    return np.asarray((p[:, rows, right] - p[:, rows, lure]).mean(axis=1))


def test_steering_moves_the_answer_as_the_concept_does_and_random_directions_do_not() -> None:
    """By the difference of means; 39 directions of equal norm are random, 39 match the states'
    covariance, too."""
    few = mixture_states.prefixes(150, seed=103)
    states = few.states[LAYER].astype(np.float64)
    norm = np.median(np.linalg.norm(states, axis=1))
    concept = states[few.plus].mean(axis=0) - states[~few.plus].mean(axis=0)
    rng = np.random.default_rng(1)
    random = rng.standard_normal((39, len(concept)))
    matched = rng.standard_normal((39, len(states))) @ (states - states.mean(axis=0))
    every = np.vstack([concept, random, matched])
    every *= norm / np.linalg.norm(every, axis=1, keepdims=True)
    curve = leanings(LAYER, DOSES[:, None] * every[0], 24)
    assert (np.diff(curve) > 0).all(), curve
    up, down = (leanings(LAYER, sign * 0.2 * every, 24) for sign in (1, -1))
    effect = (up - down) / 2
    assert effect[0] > 0.1
    assert effect[0] > np.abs(effect[1:40]).max(), effect
    assert effect[0] > np.abs(effect[40:]).max(), effect
