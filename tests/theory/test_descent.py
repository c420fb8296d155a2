"""Floor, descent and readings of a context, against scipy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from selfcorrect.theory.contexts import Contexts, Kind, sample
from selfcorrect.theory.descent import (
    best_copy,
    descent,
    distance,
    exponential,
    floor,
    least_squares,
    mean,
)
from selfcorrect.theory.preferences import loss_and_gradient

SIZES = torch.tensor([2, 3, 5, 10, 20])


def contexts(n: int, kind: Kind = "original", seed: int = 0) -> Contexts:
    generator = torch.Generator().manual_seed(seed)
    return sample(n, kind=kind, generator=generator, dtype=torch.float64)


def loss(f: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Plackett-Luce with cosine scores and its gradient, of unit responses from the best on."""
    size = np.linalg.norm(f)
    s = y @ f / size
    weights = np.triu(np.tile(np.exp(s), (len(s), 1)))  # [i, j]: j, where i is to be chosen
    total = weights.sum(axis=1)
    by_score = (weights / total[:, None]).sum(axis=0) - 1
    along = by_score @ y / size
    return float(np.log(total).sum() - s.sum()), along - (along @ f) * f / size**2


@pytest.mark.parametrize("kind", ["original", "warped"])
def test_no_other_search_gets_below_the_floor(kind: Kind) -> None:
    c = contexts(4, kind)
    losses, ends = floor(c, SIZES)
    rng = np.random.default_rng(1)
    for b in range(4):
        for p, n in enumerate(SIZES.tolist()):
            y, r = c.responses[b, :n].numpy(), c.rewards[b, :n].numpy()
            y = y[np.argsort(-r)] / np.linalg.norm(y[np.argsort(-r)], axis=1, keepdims=True)
            found = [
                minimize(loss, rng.normal(size=5), y, jac=True, options={"gtol": 1e-9})
                for _ in range(6)
            ]
            assert losses[b, p].item() == pytest.approx(min(f.fun for f in found), abs=5e-4)
    assert torch.allclose(ends.norm(dim=-1), torch.ones(4, len(SIZES), dtype=torch.float64))


def test_fifty_steps_of_descent_end_near_the_floor() -> None:
    c = contexts(64)
    predictions, norms = descent(c, SIZES, generator=torch.Generator().manual_seed(2))
    mask = torch.arange(20) < SIZES[:, None]
    reached, _ = loss_and_gradient(
        predictions, c.responses[:, None], c.rewards[:, None], "cosine", mask
    )
    least, _ = floor(c, SIZES)
    excess = (reached - least).mean().item()
    assert 0 <= excess < 0.05
    assert bool((norms > 0).all())


def test_the_squared_score_has_no_finite_minimiser_on_a_line() -> None:
    """The responses differ along one direction only, so the map grows while it descends."""
    c = contexts(32)
    sizes = torch.tensor([20])
    norms = [
        descent(c, sizes, score="squared", steps=steps, generator=torch.Generator())[1].median()
        for steps in (50, 200, 800)
    ]
    assert norms[0] < norms[1] < norms[2]


def test_readings_are_what_they_say() -> None:
    c = contexts(8)
    for p, n in enumerate(SIZES.tolist()):
        y, r = c.responses[:, :n], c.rewards[:, :n]
        assert torch.allclose(mean(c, SIZES)[:, p], y.mean(1))
        weights = (5 * r).exp().unsqueeze(-1)
        stated = (weights * y).sum(1) / weights.sum(1)
        assert torch.allclose(exponential(c, SIZES)[:, p], stated)
        for b in range(8):
            assert torch.equal(best_copy(c, SIZES)[b, p], y[b, r[b].argmax()])
            line = np.polyfit(r[b].numpy(), y[b].numpy(), 1).sum(0)
            assert np.allclose(least_squares(c, SIZES)[b, p].numpy(), line)
    # on the original's line two responses and their rewards determine the truth
    assert distance(least_squares(c, SIZES), c.truth).max() < 1e-9
