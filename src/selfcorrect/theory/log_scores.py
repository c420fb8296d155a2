"""How well a mechanism forecasts distributions: the log score, and the fit that maximises it.

The score of a forecast p̂ of a distribution p over options is Σ_o p_o log p̂_o, in nats: the log
score (Good 1952) that an answer drawn from p would get on average. It is strictly proper: p̂ = p is
best, and any other forecast loses D(p‖p̂) (Gneiting & Raftery 2007, doi:10.1198/016214506000001437).
A dialogue's score is the mean over its rounds 2 … T, each forecast from what stood before it, as a
likelihood factorises.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from torch import Tensor

from selfcorrect.theory.mechanisms import Mechanism, Seen

Floats = NDArray[np.float64]

#: Of every forecast so much is shared equally among the options, so that no score is −∞.
SHARED = 1e-3
#: Steps of the optimiser; a fit takes some tens.
_STEPS = 300


def log_scores(mechanism: Mechanism, parameters: ArrayLike, of: Seen, p: ArrayLike) -> Floats:
    """The score of each dialogue in each round 2 … T [T − 1, n], in nats.

    Args:
        mechanism: what forecasts.
        parameters: its free numbers [m].
        of: what it is shown.
        p: what came [T, n, K].
    """
    with torch.no_grad():
        given = torch.as_tensor(np.asarray(parameters, dtype=np.float64))
        return np.asarray(_scores(mechanism, given, of, _later(p)).numpy())


def fit(mechanism: Mechanism, of: Seen, p: ArrayLike, start: ArrayLike | None = None) -> Floats:
    """The parameters [m] with the highest mean score, by L-BFGS-B (scipy) with exact gradients.

    Args:
        mechanism: what is fitted.
        of: what it is shown.
        p: what came [T, n, K].
        start: where the search begins [m]; by default where the mechanism says.
    """
    later = _later(p)
    free = mechanism.parameters(len(later) + 1)

    def loss(x: Floats) -> tuple[float, Floats]:
        parameters = torch.tensor(x, requires_grad=True)
        value = -_scores(mechanism, parameters, of, later).mean()
        value.backward()  # type: ignore[no-untyped-call]
        assert parameters.grad is not None
        return float(value.detach()), parameters.grad.numpy()

    found = minimize(
        loss,
        np.array([each.start for each in free] if start is None else start, dtype=np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=[(each.low, each.high) for each in free],
        options={"maxiter": _STEPS, "ftol": 1e-9, "gtol": 1e-6},
    )
    return np.asarray(found.x, dtype=np.float64)


def pseudo_values(mechanism: Mechanism, parameters: Floats, of: Seen, p: ArrayLike) -> Floats:
    """What each dialogue says of each parameter [n, m]; their mean is the parameter.

    θ − H⁻¹ g_i, with g_i the gradient of the dialogue's loss and H the mean loss's matrix of second
    derivatives at the fit: the infinitesimal jackknife, whose spread over clusters is that of θ
    (Huber 1967; Efron 1982, ch. 6). A parameter at its bound doesn't vary.
    """
    later = _later(p)
    at = torch.as_tensor(parameters)

    def loss(x: Tensor) -> Tensor:
        return -_scores(mechanism, x, of, later).mean(dim=0)

    bounds = mechanism.parameters(len(later) + 1)
    inside = np.array(
        [b.low < x < b.high for x, b in zip(parameters.tolist(), bounds, strict=True)]
    )
    each = torch.autograd.functional.jacobian(  # type: ignore[no-untyped-call]
        loss, at, strategy="forward-mode", vectorize=True
    ).numpy()
    curved = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
        lambda x: loss(x).mean(), at
    ).numpy()
    values = np.tile(parameters, (len(each), 1))
    influence = np.linalg.pinv(curved[np.ix_(inside, inside)]) @ each[:, inside].T
    values[:, inside] -= influence.T
    return values


def _scores(mechanism: Mechanism, parameters: Tensor, of: Seen, later: Tensor) -> Tensor:
    """[T − 1, n]."""
    even = of.own.to(later.dtype)
    even = even / even.sum(-1, keepdim=True)
    forecast = (1 - SHARED) * mechanism.forecast(parameters, of) + SHARED * even
    return torch.where(of.own, later * torch.log(forecast.clamp_min(1e-300)), 0.0).sum(-1)


def _later(p: ArrayLike) -> Tensor:
    return torch.as_tensor(np.asarray(p, dtype=np.float64)[1:])
