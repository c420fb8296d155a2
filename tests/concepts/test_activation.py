"""Activation against plain loops, on numbers and on the device."""

from __future__ import annotations

import math

import numpy as np
import torch

from made_concepts import made
from selfcorrect.concepts import Projector, activation


def test_cosine_and_probability_by_hand() -> None:
    concept = made(3, 5, layer=2)
    states = np.random.default_rng(1).standard_normal((4, 3, 5)) * 3
    found = activation(states, concept)
    for i in range(4):
        for x in range(3):
            z = [
                (float(states[i, x, k]) - float(concept.centre[x, k])) / float(concept.scale[x, k])
                for k in range(5)
            ]
            w = [float(v) for v in concept.directions[x]]
            dot = sum(a * b for a, b in zip(z, w, strict=True))
            cosine = dot / math.sqrt(sum(a * a for a in z)) / math.sqrt(sum(b * b for b in w))
            assert math.isclose(found.cosine[i, x], cosine, abs_tol=1e-9)
            p = 1 / (1 + math.exp(-dot - float(concept.bias[x])))
            assert math.isclose(found.probability[i, x], p, abs_tol=1e-9)


def test_the_projector_says_the_same_of_several() -> None:
    concepts = [made(3, 5, seed, layer=2) for seed in range(4)]
    states = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    cosines, probabilities = Projector(concepts).of(states)
    for k, concept in enumerate(concepts):
        found = activation(states.numpy(), concept)
        assert np.allclose(cosines[k], found.cosine, atol=1e-6)
        assert np.allclose(probabilities[k], found.probability, atol=1e-6)


def test_states_that_are_not_finite_and_layers_without_a_direction_are_unknown() -> None:
    concept = made(3, 5, layer=2)
    concept.directions[0] = 0
    states = torch.ones(3, 5)
    states[1, 2] = float("inf")
    found = activation(states.numpy(), concept)
    (cosines,), (probabilities,) = Projector([concept]).of(states)
    for values in (found.cosine, found.probability, cosines, probabilities):
        assert [math.isfinite(v) for v in values] == [False, False, True]
