"""Losses and closed-form gradients against automatic differentiation and the sums as written."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from selfcorrect.errors import UserError
from selfcorrect.theory.contexts import KINDS, Contexts, sample
from selfcorrect.theory.preferences import (
    SCORES,
    Score,
    loss_and_gradient,
    plackett_luce,
    prefixes,
)
from timing import spent

DOUBLE = torch.float64


def plain(f: Tensor, y: Tensor, r: Tensor, score: Score) -> Tensor:
    """The loss of one context as it is written, one term at a time; ties are not compared."""
    loss = f.new_zeros(())
    for i in range(len(y)):
        mine = SCORES[score](f, y[i : i + 1])
        worse = [SCORES[score](f, y[j : j + 1]) for j in range(len(y)) if r[j] < r[i]]
        loss = loss + torch.logsumexp(torch.cat([mine, *worse]), 0) - mine[0]
    return loss


def looped(f: Tensor, c: Contexts, score: Score, sizes: list[int]) -> Tensor:
    """Contexts, prefixes and ranks in three loops: the losses [B, P]."""
    losses = [
        torch.stack(
            [
                plain(f[b, p], c.responses[b, :n], c.rewards[b, :n], score)
                for p, n in enumerate(sizes)
            ]
        )
        for b in range(len(f))
    ]
    return torch.stack(losses)


@pytest.mark.parametrize("score", ["squared", "cosine"])
@given(seed=st.integers(0, 2**31), n=st.integers(2, 9), d=st.integers(1, 6), ties=st.booleans())
@settings(deadline=None, max_examples=15)
def test_loss_and_gradient_are_those_of_the_sums(
    score: Score, seed: int, n: int, d: int, ties: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    c = sample(2, responses=n, d=d, generator=generator, dtype=DOUBLE)
    if ties:
        c = Contexts(c.query, c.responses, (c.rewards * 3).floor(), c.truth)
    sizes = list(range(2, n + 1))
    f = torch.randn(2, len(sizes), d, generator=generator, dtype=DOUBLE, requires_grad=True)
    mask = prefixes(n, torch.tensor(sizes))
    with torch.no_grad():
        loss, gradient = loss_and_gradient(f, c.responses[:, None], c.rewards[:, None], score, mask)
    written = looped(f, c, score, sizes)
    (by_autograd,) = torch.autograd.grad(written.sum(), f)
    assert torch.allclose(loss, written, rtol=0, atol=1e-10)
    assert torch.allclose(gradient, by_autograd, rtol=1e-10, atol=1e-10)

    again = plackett_luce(SCORES[score](f, c.responses[:, None]), c.rewards[:, None], mask)
    (through,) = torch.autograd.grad(again.sum(), f)
    assert torch.allclose(again, written, rtol=0, atol=1e-10)
    assert torch.allclose(through, by_autograd, rtol=1e-10, atol=1e-10)


def test_the_likelihoods_of_all_orders_sum_to_one() -> None:
    scores = torch.randn(4, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
    ranks = torch.tensor(list(itertools.permutations(range(4))), dtype=DOUBLE)
    total = torch.exp(-plackett_luce(scores.expand(len(ranks), 4), ranks)).sum()
    assert float(total) == pytest.approx(1, abs=1e-12)


def test_of_two_responses_it_is_the_logistic_loss_of_the_difference() -> None:
    scores = torch.tensor([[0.3, -1.2], [2.0, 5.0]], dtype=DOUBLE)
    rewards = torch.tensor([[1.0, 0.0], [0.7, 0.2]], dtype=DOUBLE)
    stated = torch.tensor([math.log1p(math.exp(-1.5)), math.log1p(math.exp(3.0))], dtype=DOUBLE)
    assert torch.allclose(plackett_luce(scores, rewards), stated, atol=1e-12)


def test_far_responses_underflow_to_nothing_and_not_to_nan() -> None:
    """Differences of a thousand nats: the sums must not be taken from one common maximum."""
    scores = torch.tensor([0.0, -1000.0, -2000.0, -2001.0], dtype=DOUBLE, requires_grad=True)
    loss = plackett_luce(scores, torch.tensor([4.0, 3.0, 2.0, 1.0]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log1p(math.exp(-1)), abs=1e-12)
    assert scores.grad is not None
    assert scores.grad.sum().item() == pytest.approx(0, abs=1e-12)


def test_a_missing_reward_is_left_out() -> None:
    generator = torch.Generator().manual_seed(2)
    c = sample(3, responses=6, generator=generator, dtype=DOUBLE)
    f = torch.randn(3, 5, generator=generator, dtype=DOUBLE)
    there = torch.tensor([True, False, True, True, False, True])
    holed = torch.where(there, c.rewards, torch.nan)
    loss, gradient = loss_and_gradient(f, c.responses, holed, "cosine", there)
    kept = loss_and_gradient(f, c.responses[:, there], c.rewards[:, there], "cosine")
    assert torch.allclose(loss, kept[0], atol=1e-12)
    assert torch.allclose(gradient, kept[1], atol=1e-12)
    with pytest.raises(UserError, match="NaN"):
        loss_and_gradient(f, c.responses, holed, "cosine")


def test_equal_rewards_say_nothing() -> None:
    scores = torch.randn(2, 5, requires_grad=True)
    loss = plackett_luce(scores, torch.ones(2, 5))
    loss.sum().backward()
    assert torch.equal(loss, torch.zeros(2))
    assert scores.grad is not None
    assert scores.grad.abs().max() == 0


def test_one_response_is_no_ranking() -> None:
    with pytest.raises(UserError, match="at least two responses"):
        plackett_luce(torch.zeros(1), torch.zeros(1))
    with pytest.raises(UserError, match="at least two responses"):
        sample(3, responses=1, generator=torch.Generator())


@pytest.mark.parametrize("kind", KINDS)
def test_contexts_are_what_they_say(kind: str) -> None:
    generator = torch.Generator().manual_seed(3)
    c = sample(2000, kind=kind, generator=generator, dtype=DOUBLE)  # type: ignore[arg-type]
    assert c.responses.shape == (2000, 20, 5)
    assert bool(((c.rewards >= 0) & (c.rewards <= 1)).all())
    # W x of a standard normal W has variance ‖x‖² in each coordinate
    ratio = (c.truth.square().sum(-1) / c.query.square().sum(-1)).mean().item()
    assert ratio == pytest.approx(5, rel=0.1)
    # on the original's line two responses give the truth; the warped has none such
    a, b = c.responses[:, 0], c.responses[:, 1]
    s, t = c.rewards[:, :1], c.rewards[:, 1:2]
    off = (a + (b - a) * (1 - s) / (t - s) - c.truth).norm(dim=-1).median().item()
    assert (off < 1e-9) == (kind == "original")


def test_reward_noise_replaces_the_share_it_says() -> None:
    c = sample(500, generator=torch.Generator().manual_seed(4))
    for p in (0.0, 0.3, 1.0):
        changed = (c.noisy(p, torch.Generator().manual_seed(5)).rewards != c.rewards).double()
        assert changed.mean().item() == pytest.approx(p, abs=0.02)
    with pytest.raises(UserError, match="from 0 to 1"):
        c.noisy(1.5, torch.Generator())


def test_it_is_much_faster_than_the_loops() -> None:
    """The whole figure is printed by a benchmark; here only that it can't be lost unnoticed."""
    c = sample(4, generator=torch.Generator().manual_seed(6))
    sizes = list(range(2, 20))
    f = torch.randn(4, len(sizes), 5, requires_grad=True)
    with spent() as slow:
        looped(f, c, "cosine", sizes).sum().backward()
    quick = []
    for _ in range(7):
        with spent() as took:
            loss_and_gradient(
                f.detach(), c.responses[:, None], c.rewards[:, None], "cosine",
                prefixes(20, torch.tensor(sizes)),
            )  # fmt: skip
        quick.append(took.seconds)
    assert slow.seconds / sorted(quick)[3] > 100
