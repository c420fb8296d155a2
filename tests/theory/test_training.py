"""The transformer sees no future, and training brings it near the floor of its objective."""

from __future__ import annotations

import itertools

import pytest
import torch

from selfcorrect.errors import UserError
from selfcorrect.theory.contexts import Contexts, sample
from selfcorrect.theory.training import Recipe, judged, predictions, trained
from selfcorrect.theory.transformer import Shape, Transformer

SHAPES = [
    Shape(layers=2, heads=2, width=8, attention=attention, ffn=ffn, format=form)  # type: ignore[arg-type]
    for attention, ffn, form in itertools.product(
        ("softmax", "linear"), (True, False), ("one-token", "interleaved")
    )
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_prediction_has_seen_its_prefix_and_no_more(shape: Shape) -> None:
    """In every ablation: what comes later changes nothing, and the last triple seen does."""
    model = Transformer(shape, torch.Generator().manual_seed(0))
    c = sample(2, generator=torch.Generator().manual_seed(1))
    before = predictions(model, c)  # after 2 … 19 triples
    assert before.shape == (2, 18, 5)
    for n in (2, 7, 19):
        rewards, responses = c.rewards.clone(), c.responses.clone()
        rewards[:, n:] += 1
        responses[:, n:] += 1
        later = predictions(model, Contexts(c.query, responses, rewards, c.truth))
        assert torch.allclose(later[:, : n - 1], before[:, : n - 1], atol=1e-6)
        rewards, responses = c.rewards.clone(), c.responses.clone()
        responses[:, n - 1] += 1
        seen = predictions(model, Contexts(c.query, responses, rewards, c.truth))
        assert not torch.allclose(seen[:, n - 2], before[:, n - 2], atol=1e-4)


def test_a_short_training_comes_near_the_floor_and_is_repeatable() -> None:
    shape, recipe = Shape(layers=2, responses=10), Recipe(steps=200, batch=32)
    before = judged(Transformer(shape, torch.Generator().manual_seed(0)), contexts=128)
    after = judged(trained(shape, recipe, 0), contexts=128)
    short = Recipe(steps=5, batch=4)
    one, other = (judged(trained(Shape(), short, 3), contexts=8) for _ in range(2))
    assert one == other
    assert before["excess"] > 1
    assert 0 < after["excess"] < 0.1
    assert after["cosine_with_optimum"][3] > 0.93


def test_shapes_that_cannot_be_are_refused() -> None:
    with pytest.raises(UserError, match="60 heads don't fit a width of 48"):
        Shape(heads=60)
    with pytest.raises(UserError, match="can't be shared by 5 heads"):
        Shape(heads=5)
    with pytest.raises(UserError, match="at least one layer"):
        Shape(layers=0)
