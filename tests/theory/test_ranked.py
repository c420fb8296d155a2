"""The ranked contexts, what can be made of them, and one training cooled at several budgets."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from selfcorrect.theory.contexts import SHARP, Contexts, sample
from selfcorrect.theory.descent import bayes, distance, rank_regression
from selfcorrect.theory.training import Recipe, at_budgets, predictions
from selfcorrect.theory.transformer import Shape


def contexts(n: int, responses: int = 8, d: int = 2) -> Contexts:
    return sample(
        n,
        kind="ranked",
        responses=responses,
        d=d,
        generator=torch.Generator().manual_seed(0),
        dtype=torch.float64,
    )


def test_the_order_follows_the_plackett_luce_model() -> None:
    """Each of the 6 orders of three responses is as frequent as its probability, on average."""
    n = 20_000
    drawn = contexts(n, responses=3)
    scores = SHARP * torch.cosine_similarity(drawn.responses, drawn.truth[:, None], dim=-1)
    order = drawn.rewards.argsort(-1, descending=True)
    for expected in itertools.permutations(range(3)):
        s = scores[:, list(expected)]
        p = (s.exp() / s.exp().flip(-1).cumsum(-1).flip(-1)).prod(-1)
        seen = (order == torch.tensor(expected)).all(-1).double()
        error = math.sqrt(float((p * (1 - p)).mean()) / n)
        assert abs(float(seen.mean() - p.mean())) < 4 * error
        # also where that order is likely
        likely = p > p.median()
        assert abs(float((seen - p)[likely].mean())) < 8 * error


def test_nothing_but_the_order_is_in_the_rewards() -> None:
    drawn = contexts(4000)
    assert torch.allclose(drawn.responses.norm(dim=-1), torch.tensor(2.0).sqrt().double())
    top = drawn.rewards.amax(-1)
    # the largest of 8 draws from U(0, 1), whatever the scores are
    assert float(top.mean()) == pytest.approx(8 / 9, abs=0.01)
    scores = torch.cosine_similarity(drawn.responses, drawn.truth[:, None], dim=-1).amax(-1)
    assert abs(np.corrcoef(top.numpy(), scores.numpy())[0, 1]) < 0.06


def test_the_posterior_mean_is_that_of_a_grid() -> None:
    drawn = contexts(5)
    angle = np.linspace(0, 2 * math.pi, 4000, endpoint=False)
    grid = torch.tensor(np.stack([np.cos(angle), np.sin(angle)], 1))
    made = bayes(drawn, torch.tensor([5]), generator=torch.Generator().manual_seed(1))[:, 0]
    for b in range(5):
        y, r = drawn.responses[b, :5], drawn.rewards[b, :5]
        y = y[r.argsort(descending=True)]
        s = SHARP * torch.cosine_similarity(grid[:, None], y[None], dim=-1)
        weight = (s.sum(-1) - s.flip(-1).logcumsumexp(-1).sum(-1)).softmax(0)
        wanted = weight @ grid
        assert float(distance(made[None, b : b + 1], wanted[None, None])) < 1e-3


def test_the_regression_of_ranks_is_least_squares() -> None:
    drawn = contexts(3, responses=8, d=3)
    found = rank_regression(drawn, torch.tensor([8]))[:, 0]
    for b in range(3):
        design = np.column_stack([np.ones(8), drawn.responses[b].numpy()])
        rank = drawn.rewards[b].numpy().argsort().argsort()
        slope = np.linalg.lstsq(design, rank, rcond=None)[0][1:]
        assert found[b].numpy() == pytest.approx(slope)
    line = sample(2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    along = line.responses[:, 0] - line.responses[:, 1]
    cosine = 1 - distance(rank_regression(line, torch.tensor([9])), along)
    assert cosine.abs() == pytest.approx(1)


def test_budgets_are_trainings_of_their_own() -> None:
    """A budget's transformer is the same whether or not others are evaluated on the way."""
    shape = Shape(layers=1, heads=1, width=4, responses=6, d=2)
    recipe = Recipe(kind="ranked", batch=4)
    seen = contexts(3, responses=6)
    small = Contexts(
        *(getattr(seen, k).float() for k in ("query", "responses", "rewards", "truth"))
    )
    several = [predictions(m, small) for m in at_budgets(shape, recipe, 0, (4, 8, 20))]
    (alone,) = (predictions(m, small) for m in at_budgets(shape, recipe, 0, (8,)))
    assert torch.equal(several[1], alone)
    assert not torch.equal(several[0], several[1])
    assert not torch.equal(several[1], several[2])
