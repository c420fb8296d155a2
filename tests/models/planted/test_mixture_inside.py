"""planted:mixture's hidden states hold the posterior, and the posterior moves with them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import mixture_states
from selfcorrect.messages import message
from selfcorrect.models.planted.mixture import Exact, exact
from selfcorrect.tasks import make

#: Times the median norm of the layer's states.
DOSES = np.array([-0.6, -0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45, 0.6])


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
    return mixture_states.prefixes(240, seed=101)


@pytest.fixture(scope="module")
def fresh() -> mixture_states.Prefixes:
    return mixture_states.prefixes(120, seed=102)


def test_a_probe_of_the_concept_reads_the_exact_posterior(
    labelled: mixture_states.Prefixes, fresh: mixture_states.Prefixes
) -> None:
    """Trained on labels alone, on dialogues and rounds of all lengths."""
    found = []
    for layer, states in enumerate(labelled.states):
        probe = Probe(states, labelled.plus)
        found.append(np.corrcoef(probe.activation(fresh.states[layer]), fresh.odds)[0, 1])
    assert max(found) >= 0.9, found
    rng = np.random.default_rng(0)
    shuffled = Probe(labelled.states[-1], rng.permutation(labelled.plus))
    odd = np.corrcoef(shuffled.activation(fresh.states[-1]), fresh.odds)[0, 1]
    assert abs(odd) < max(found) - 0.2


def test_the_probe_reads_it_in_every_round(
    labelled: mixture_states.Prefixes, fresh: mixture_states.Prefixes
) -> None:
    probe = Probe(labelled.states[-1], labelled.plus)
    activation = probe.activation(fresh.states[-1])
    for low, high in ((1, 1), (2, 3), (4, 10)):
        here = (fresh.number >= low) & (fresh.number <= high)
        assert np.corrcoef(activation[here], fresh.odds[here])[0, 1] > 0.85


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


def test_steering_moves_the_answer_as_the_concept_does_and_random_directions_do_not(
    labelled: mixture_states.Prefixes,
) -> None:
    layer = 0
    states = labelled.states[layer]
    concept = states[labelled.plus].mean(axis=0) - states[~labelled.plus].mean(axis=0)
    norm = np.median(np.linalg.norm(states, axis=1))
    concept = concept / np.linalg.norm(concept) * norm
    curve = leanings(layer, DOSES[:, None] * concept, 24)
    assert (np.diff(curve) > 0).all(), curve
    rng = np.random.default_rng(1)
    random = rng.standard_normal((39, len(concept)))
    random *= norm / np.linalg.norm(random, axis=1, keepdims=True)
    dose = 0.3
    odd = []
    for sign in (1, -1):
        odd.append(leanings(layer, sign * dose * np.vstack([concept, random]), 24))
    effect = (odd[0] - odd[1]) / 2
    assert effect[0] > np.abs(effect[1:]).max(), effect
