"""When the loss with squared scores has a minimum: planted cases, and minimisation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from selfcorrect.theory.attained import has_minimum
from selfcorrect.theory.preferences import loss_and_gradient

RNG = np.random.default_rng(0)


def test_on_a_line_there_is_none() -> None:
    for _ in range(20):
        e, t = RNG.normal(size=(2, 5))
        r = RNG.uniform(size=8)
        assert not has_minimum(e + r[:, None] * (t - e), r)
        # rewards out of order on the same line: no direction separates
        assert has_minimum(e + r[:, None] * (t - e), RNG.permutation(8).astype(float))


def test_a_few_responses_in_general_position_are_separated() -> None:
    assert not has_minimum(RNG.normal(size=(6, 5)), RNG.uniform(size=6))
    assert not has_minimum(RNG.normal(size=(2, 5)), np.array([0.1, 0.2]))


def test_equal_responses_have_a_minimum_everywhere() -> None:
    # up to rounding the loss is constant: no direction is strictly better
    y = np.concatenate([np.ones((2, 3)), -np.ones((1, 3)), np.ones((1, 3))])
    assert has_minimum(y, np.array([3.0, 2.0, 1.0, 0.0]))


@pytest.mark.parametrize("seed", range(6))
def test_minimisation_agrees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, r = rng.normal(size=(7, 2)), rng.uniform(size=7)
    of = torch.tensor(y), torch.tensor(r)

    def loss(f: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = loss_and_gradient(torch.tensor(f), *of, "squared")
        return float(value), gradient.numpy()

    found = minimize(loss, np.zeros(2), jac=True, method="BFGS", options={"maxiter": 2000})
    far = loss(100 * found.x / np.linalg.norm(found.x))[0]
    if has_minimum(y, r):
        assert np.abs(found.jac).max() < 1e-4
        assert far > found.fun + 1
    else:
        assert np.linalg.norm(found.x) > 5  # still on its way when the gradient vanishes
