"""Constructions without a part: exact where they are said to be."""

from __future__ import annotations

import pytest
import torch

from selfcorrect.theory.construction.blocks import Transformer
from selfcorrect.theory.construction.tokens import (
    Contexts,
    Limits,
    descend,
    embed,
    limits,
    sample,
    stable_rate,
)
from selfcorrect.theory.construction.without import (
    attention_only,
    gated_pair,
    linear,
    one_head,
    pair_step,
)

EXACT = 1e-12


def error(model: Transformer, contexts: Contexts, rate: float, steps: int) -> float:
    with torch.no_grad():
        made = model.prediction(model(embed(contexts, model.layout)))
    return float((made - descend(contexts, rate, steps)[-1][:, None]).abs().max())


@pytest.mark.parametrize("n", [3, 6])
@pytest.mark.parametrize("make", [one_head, attention_only])
def test_a_part_less_and_the_same_step(make: object, n: int) -> None:
    contexts = sample(10, n, 3, seed=1)
    rate = stable_rate(contexts)
    model = make(n, 3, limits(contexts, rate, 4), rate=rate, steps=4)  # type: ignore[operator]
    assert error(model, contexts, rate, 4) < EXACT
    blocks = model.blocks()[1]
    heads = {len(block.attention.does) for block in blocks if block.attention}
    if make is one_head:
        assert (len(blocks), heads) == (2 * (n - 1), {1})
    else:
        assert (len(blocks), heads) == (n - 1, {2})
        assert all(block.feed_forward is None for block in blocks)
    # shuffled responses give the same: nothing depends on their places
    turned = contexts._replace(y=contexts.y.flip(1), r=contexts.r.flip(1))
    assert error(model, turned, rate, 4) < EXACT


def test_two_responses_without_any_large_weight() -> None:
    r = torch.tensor([[0.2, 0.7], [0.9, 0.4], [0.0, 0.5]], dtype=torch.float64)
    contexts = sample(3, 2, 4, seed=2)._replace(r=r)
    rate = stable_rate(contexts)
    largest = float((contexts.scale[:, None] * contexts.y).abs().max())
    model = gated_pair(4, Limits(0, 0, 0.5, 0, 0.9), largest, rate=rate, steps=5)
    assert error(model, contexts, rate, 5) < EXACT
    assert max(float(p.detach().abs().max()) for p in model.parameters()) <= max(8.0, largest)
    # the mark is exactly 0 or 1
    with torch.no_grad():
        seen = model.trace(embed(contexts, model.layout))[0].tokens
    better = seen[..., model.layout["better"]].squeeze(-1)
    assert better.tolist() == (r == r.amax(1, keepdim=True)).double().tolist()


def test_the_step_of_two_is_that_of_descent() -> None:
    contexts = sample(20, 2, 5, seed=3)
    made = contexts.start + pair_step(contexts, 0.01)
    torch.testing.assert_close(made, descend(contexts, 0.01, 1)[1], rtol=0, atol=1e-13)


def test_linear_attention_is_a_polynomial_of_degree_three() -> None:
    model = gated_pair(2, Limits(0, 0, 0.5, 0, 1), 5.0, rate=0.1, steps=1)
    heads = model.blocks()[1][0].attention
    assert heads is not None
    g = torch.Generator().manual_seed(0)
    width = heads.w_q.shape[2]
    a, b = torch.randn(2, 1, 2, width, generator=g, dtype=torch.float64)
    with torch.no_grad():
        values = torch.stack([linear(heads, a + k * b) for k in range(6)])
    assert float(values.diff(n=4, dim=0).abs().max()) < 1e-9
    assert float(values.diff(n=3, dim=0).abs().max()) > 1e-3


def test_an_equal_pair_has_no_step_and_a_swap_reverses_it() -> None:
    """What the proofs on one head and on no feed-forward use."""
    contexts = sample(5, 2, 3, seed=4)
    assert not pair_step(contexts._replace(y=contexts.y[:, [0, 0]]), 1.0).any()
    swapped = contexts._replace(r=contexts.r.flip(1))
    forth, back = pair_step(contexts, 1.0), pair_step(swapped, 1.0)
    y = contexts.sorted().y
    apart = 2 * contexts.scale * (y[:, 0] - y[:, 1])
    torch.testing.assert_close(forth - back, apart)  # σ(u) + σ(−u) = 1: the jump at a tie
