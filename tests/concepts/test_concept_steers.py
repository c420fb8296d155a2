"""A steer made of a concept, against the words that define it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from made_concepts import made
from selfcorrect.concepts import steer
from selfcorrect.errors import UserError


def test_a_dose_is_in_units_of_the_layer_s_median_length() -> None:
    concept = made(3, 8)
    for alpha in (2.5, -4.0):
        found = steer(concept, alpha, "all", "reply")
        assert found.layers == (0, 1, 2)
        assert found.at == "reply"
        for layer, vector in zip(found.layers, found.vectors.numpy(), strict=True):
            assert np.linalg.norm(vector) == pytest.approx(abs(alpha) * concept.norms[layer])
            step = concept.directions[layer] * concept.scale[layer]
            cosine = vector @ step / np.linalg.norm(vector) / np.linalg.norm(step)
            assert cosine == pytest.approx(np.sign(alpha), abs=1e-5)
    assert steer(concept, 1.0).layers == (1,)
    assert steer(concept, 1.0, [2, 0]).layers == (2, 0)
    assert not steer(concept, 0.0).vectors.any()


def test_parts_of_it() -> None:
    concept, other = made(3, 64, name="x"), made(3, 64, seed=1, name="y")
    length = concept.norms[1]
    rest = steer(concept, 1.0, part="orthogonal:y", others={"y": other}).vectors[0].numpy()
    assert rest @ other.vector(1) == pytest.approx(0, abs=1e-5)
    assert np.linalg.norm(rest) == pytest.approx(length, rel=1e-5)
    plane = np.linalg.matrix_rank(np.stack([rest, other.vector(1), concept.vector(1)]), tol=1e-4)
    assert plane == 2
    drawn = [steer(concept, 1.0, part=f"random:{seed}").vectors[0].numpy() for seed in range(400)]
    assert np.array_equal(drawn[3], steer(concept, 1.0, part="random:3").vectors[0].numpy())
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(np.full(400, length), rel=1e-5)
    spread = np.std(np.array(drawn), axis=0)
    assert np.corrcoef(spread, concept.scale[1])[0, 1] > 0.95  # it varies as the states do


def test_what_can_t_be_steered_by_is_one_sentence() -> None:
    concept = made(3, 8)
    half = replace(concept, directions=concept.directions * np.array([[0], [1], [1]], "f4"))
    for make, told in [
        (lambda: steer(replace(concept, site="mlp"), 1.0), "read from the mlp blocks"),
        (lambda: steer(replace(concept, norms=np.zeros(3, "f4")), 1.0), "doesn't say how long"),
        (lambda: steer(half, 1.0, [0]), "no direction in layer 0"),
        (lambda: steer(concept, 1.0, [7]), "no direction in layer 7"),
        (lambda: steer(concept, 1e300), "smaller alpha"),
        (lambda: steer(concept, 1.0, part="orthogonal:z"), "'z' is bound"),
        (lambda: steer(concept, 1.0, part="orthogonal:x", others={"x": concept}), "one direction"),
    ]:
        with pytest.raises(UserError, match=told):
            make()
    assert steer(half, 1.0, "all").layers == (1, 2)
