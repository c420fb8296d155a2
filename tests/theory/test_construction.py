"""The constructions against descent on a loss written out here; their laws and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from selfcorrect.errors import UserError
from selfcorrect.theory.construction import (
    Attention,
    Contexts,
    Limits,
    Transformer,
    bradley_terry,
    descend,
    embed,
    limits,
    rank_flags,
    sample,
    select_and_eliminate,
    stable_rate,
)
from selfcorrect.theory.construction.blocks import Head, Unit, attention, feed_forward, layout
from selfcorrect.theory.construction.tokens import excess

EXACT = 1e-12


def loss(w: Tensor, x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    """−log P of the rewards' order for one context, term by term."""
    f = w @ x
    order = sorted(range(len(r)), key=lambda j: -float(r[j]))
    scores = [-((f - y[j]) * (f - y[j])).sum() for j in order]
    total = torch.zeros((), dtype=torch.float64)
    for i in range(len(order) - 1):
        most = max(scores[i:])  # exp is taken of differences, so that none overflows
        total = total + most + sum(torch.exp(s - most) for s in scores[i:]).log() - scores[i]
    return total


def by_hand(contexts: Contexts, rate: float, steps: int) -> Tensor:
    """f after steps of descent on W, a context at a time [B, d]."""
    ends = []
    for x, y, r, start in zip(*contexts, strict=True):
        w = start.clone()
        for _ in range(steps):
            w.requires_grad_()
            (gradient,) = torch.autograd.grad(loss(w, x, y, r), w)
            w = (w - rate * gradient).detach()
        ends.append(w @ x)
    return torch.stack(ends)


def models(contexts: Contexts, rate: float, steps: int) -> dict[str, Transformer]:
    """All constructions that fit the contexts."""
    n, d = contexts.y.shape[1:]
    at = limits(contexts, rate, steps)
    made = {
        "flags": rank_flags(n, d, at, rate=rate, steps=steps),
        "select": select_and_eliminate(n, d, at, rate=rate, steps=steps),
    }
    return made if n > 2 else {**made, "pair": bradley_terry(d, at, rate=rate, steps=steps)}


def after(model: Transformer, contexts: Contexts, **how: bool) -> Tensor:
    """f of every token [B, N, d]."""
    with torch.no_grad():
        return model.prediction(model(embed(contexts, model.layout), **how))


def error(model: Transformer, contexts: Contexts, wanted: Tensor) -> float:
    return float((after(model, contexts) - wanted[:, None]).abs().max())


# --- what they compute ---------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 5), st.sampled_from([0.4, 1.0]))
def test_blocks_are_descent_steps(seed: int, n: int, d: int, size: float) -> None:
    contexts = sample(3, n, d, seed=seed, size=size)
    rate = stable_rate(contexts)
    for steps in (1, 4):
        wanted = by_hand(contexts, rate, steps)
        assert float((descend(contexts, rate, steps)[-1] - wanted).abs().max()) < EXACT
        for model in models(contexts, rate, steps).values():
            assert error(model, contexts, wanted) < EXACT


@pytest.mark.parametrize("n", [2, 8, 20])
def test_twenty_steps(n: int) -> None:
    contexts = sample(20, n, 5, seed=1)
    rate = stable_rate(contexts)
    wanted = by_hand(Contexts(*(each[:2] for each in contexts)), rate, 20)
    path = descend(contexts, rate, 20)
    assert float((path[-1, :2] - wanted).abs().max()) < EXACT
    assert float((path[-1] - path[0]).norm(dim=-1).median()) > 0.05  # else all would be exact
    for model in models(contexts, rate, 20).values():
        assert error(model, contexts, path[-1]) < EXACT


def test_the_order_of_tokens_and_rewards_of_any_range_do_no_harm() -> None:
    contexts = sample(5, 6, 4, seed=2)
    moved = contexts._replace(r=7 * contexts.r - 20)
    rate = stable_rate(moved)
    wanted = descend(moved, rate, 3)[-1]
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    shuffled = moved._replace(y=moved.y[:, order], r=moved.r[:, order])
    for each in (moved, shuffled):
        for model in models(each, rate, 3).values():
            assert error(model, each, wanted) < EXACT


def test_two_ranked_responses_are_bradley_terry() -> None:
    contexts = sample(10, 2, 5, seed=3)
    made = models(contexts, 0.002, 5)
    pair = after(made["pair"], contexts)
    for name in ("flags", "select"):
        assert float((after(made[name], contexts) - pair).abs().max()) < 1e-14


def test_another_order_ends_elsewhere() -> None:
    contexts = sample(10, 5, 5, seed=4)
    rate = stable_rate(contexts)
    reverse = descend(contexts._replace(r=-contexts.r), rate, 20)[-1]
    for model in models(contexts, rate, 20).values():
        away = (after(model, contexts) - reverse[:, None]).abs().amax((1, 2))
        assert float(away.min()) > 1e-3


# --- as modules ----------------------------------------------------------------------------------


def test_sizes_and_printing() -> None:
    contexts = sample(4, 6, 3, seed=5)
    made = models(contexts, 0.001, 2)
    assert [len(b) for b in made["flags"].blocks()] == [3, 1, 1]
    assert [len(b) for b in made["select"].blocks()] == [0, 5, 5]
    text = str(made["select"])
    assert "2 x ModuleList" in text
    assert "head 1: the best remaining" in text
    assert "hidden=3" in text
    assert "heads=6" in str(made["flags"])


def test_trace_shows_every_block() -> None:
    contexts = sample(1, 5, 4, seed=6).sorted()
    model = models(contexts, 0.001, 1)["select"]
    tokens = embed(contexts, model.layout)
    seen = model.trace(tokens)
    assert [(each.step, each.block) for each in seen] == [(1, k) for k in range(1, 5)]
    for k, each in enumerate(seen):
        best, average = each.maps[0]
        assert best[:, k].min() > 1 - EXACT  # from the best on, one after the other
        assert average[:, :k].sum() < EXACT
        scores = -((contexts.start[0] - contexts.y[0, k:]) ** 2).sum(-1)
        assert torch.allclose(average[0, k:], scores.softmax(0), atol=EXACT)
        done = each.tokens[0, :, model.layout["done"].start]
        marks = [1.0] * (k + 1) + [0.0] * (4 - k) if k < 3 else [0.0] * 5
        assert done.tolist() == pytest.approx(marks, abs=1e-9)
        block = model.blocks()[1][k]
        tokens, _ = block(tokens)
        assert torch.equal(tokens, each.tokens)


def test_a_construction_can_be_trained_further() -> None:
    contexts = sample(16, 4, 3, seed=7)
    model = models(contexts, stable_rate(contexts), 2)["select"]
    assert all(p.requires_grad for p in model.parameters())

    def objective() -> Tensor:
        f = model.prediction(model(embed(contexts, model.layout)))[:, 0]
        best = contexts.sorted().y[:, 0]
        return ((f - best) ** 2).sum(-1).mean()

    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    before = objective()
    before.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    optimizer.step()
    assert objective().item() < before.item()


def test_attention_and_feed_forward_are_the_textbook_ones() -> None:
    places = layout(a=2, b=1, one=1)
    head = Head("", [({"a": 3}, {"a": 1}), ({"one": -1}, {"b": 2})], [({"a 2": 1}, {"b": 0.5})])
    h = torch.randn(2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    update, maps = attention(places, [head])(h)
    x = h.detach().numpy()
    for b in range(2):
        for q in range(4):
            logits = [3 * x[b, q, :2] @ x[b, k, :2] - 2 * x[b, q, 3] * x[b, k, 2] for k in range(4)]
            p = np.exp(logits - np.max(logits))
            p /= p.sum()
            assert maps[b, 0, q].tolist() == pytest.approx(p)
            assert update[b, q].tolist() == pytest.approx([0, 0, 0.5 * p @ x[b, :, 1], 0])
    made = feed_forward(places, [Unit({"a 1": 2, "b": -1}, 0.5, {"one": 3})])
    wanted = 3 * np.maximum(2 * x[..., 0] - x[..., 2] + 0.5, 0)
    assert np.allclose(made(h)[..., 3].detach().numpy(), wanted)


# --- laws and limits -----------------------------------------------------------------------------


def test_a_soft_maximum_errs_as_predicted() -> None:
    contexts = sample(30, 2, 5, seed=8)
    rate = stable_rate(contexts)
    exact, at = by_hand(contexts, rate, 1), limits(contexts, rate, 1)
    for sharpness in (0.0, 2.0, 30.0, 300.0):
        model = bradley_terry(5, at._replace(sharpness=sharpness), rate=rate, steps=1)
        off = np.linalg.norm((after(model, contexts)[:, 0] - exact).numpy(), axis=1)
        for b in range(30):
            first, second = contexts.y[b].numpy()
            apart = abs(float(contexts.r[b, 0] - contexts.r[b, 1]))
            leak = 1 / (1 + math.exp(sharpness * apart))
            reach = 2 * rate * float(contexts.x[b] @ contexts.x[b]) * np.linalg.norm(first - second)
            assert off[b] == pytest.approx(reach * leak, abs=1e-13)


def test_excess_is_what_a_loop_finds() -> None:
    contexts = sample(3, 5, 2, seed=9, size=1.0)
    path = descend(contexts, 0.001, 2)
    got = excess(contexts, path)
    for b in range(3):
        order = contexts.r[b].argsort(descending=True)
        found = -math.inf
        for f in path[:, b]:
            s = [-float(((f - contexts.y[b, j]) ** 2).sum()) for j in order]
            found = max(found, *(max(s[:i]) - max(s[i:]) for i in range(1, 4)))
        assert float(got[b]) == pytest.approx(found)
    assert limits(contexts, 0.001, 2).depth == pytest.approx(float(got.max()) + 45 + math.log(4))


def test_limits_scale_with_the_gap() -> None:
    contexts = sample(1, 3, 2, seed=10)
    near = contexts._replace(r=torch.tensor([[0.5, 0.5 + 1e-9, 0.1]], dtype=torch.float64))
    at = limits(near, 0.001, 2)
    assert at.sharpness == pytest.approx((45 + math.log(2)) / 1e-9, rel=1e-6)
    wanted = by_hand(near, 0.001, 2)
    for model in models(near, 0.001, 2).values():
        assert error(model, near, wanted) < EXACT


# --- bad input -----------------------------------------------------------------------------------


def given_rewards(*r: float) -> Contexts:
    n = len(r)
    contexts = sample(1, max(n, 2), 3, seed=0)
    return contexts._replace(y=contexts.y[:, :n], r=torch.tensor([r], dtype=torch.float64))


@pytest.mark.parametrize(
    ("rewards", "said"),
    [
        ((0.5,), "give at least 2"),
        ((0.5, 0.2, 0.5), "make the rewards distinct"),
        ((0.5, math.nan, 0.1), "isn't a finite number"),
        ((0.5, math.inf, 0.1), "isn't a finite number"),
        ((0.0, 5e-324, 1.0), "overflow"),
        ((0.5, 0.5 + 2**-53, 0.1), "overflow"),
    ],
)
def test_rewards_that_rank_nothing(rewards: tuple[float, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        limits(given_rewards(*rewards), 0.01, 1)


def test_sharpness_that_overflows() -> None:
    given = Limits(sharpness=math.inf, depth=50, gap=0.1, lowest=0, spread=2)
    for at in (given, given._replace(sharpness=1e308), given._replace(sharpness=1, depth=math.inf)):
        with pytest.raises(UserError, match="overflows float64"):
            select_and_eliminate(3, 2, at, rate=0.1, steps=1)


def test_more_heads_than_width() -> None:
    with pytest.raises(UserError, match="at least 5 wide"):
        Attention(4, ["head"] * 5, keys=1, values=1)


def test_rates_too_high() -> None:
    with pytest.raises(UserError, match="give a lower rate"):
        limits(sample(2, 4, 3), 1e200, 5)
