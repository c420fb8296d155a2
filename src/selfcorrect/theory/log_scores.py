"""How well a mechanism forecasts distributions: the log score, and the fit that maximises it.

The score of a forecast p̂ of a distribution p over options is Σ_o p_o log p̂_o, in nats: the log
score (Good 1952) that an answer drawn from p would get on average. It is strictly proper: p̂ = p is
best, and any other forecast loses D(p‖p̂) (Gneiting & Raftery 2007, doi:10.1198/016214506000001437).
A dialogue's score is the mean over its rounds 2 … T, each forecast from what stood before it, as a
likelihood factorises.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from torch import Tensor

from selfcorrect.theory.mechanisms import LEAST, Mechanism, Seen

Floats = NDArray[np.float64]

#: Of every forecast so much is shared equally among the options, so that no score is −∞.
SHARED = 1e-3
#: The optimiser stops where a step gains less, in nats: far less than what is claimed of a score. A
#: search that begins near its end has no plateau to cross, and may stop sooner.
_GAIN, _GAIN_NEAR = 1e-10, 1e-8
_STEPS = 300
#: Of a parameter or of ε̄_1, for a difference quotient.
_STEP = 1e-4


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
        return np.asarray(_scores(mechanism, given, of, _later(p), _shared(of)).numpy())


def fit(mechanism: Mechanism, of: Seen, p: ArrayLike, start: ArrayLike | None = None) -> Floats:
    """The parameters [m] with the highest mean score, by L-BFGS-B (scipy) with exact gradients.

    Args:
        mechanism: what is fitted.
        of: what it is shown.
        p: what came [T, n, K].
        start: near where the search will end [m]; by default it begins where the mechanism says.
    """
    later, shared = _later(p), _shared(of)
    free = mechanism.parameters(len(later) + 1)

    def loss(x: Floats) -> tuple[float, Floats]:
        parameters = torch.tensor(x, requires_grad=True)
        value = -_scores(mechanism, parameters, of, later, shared).mean()
        value.backward()  # type: ignore[no-untyped-call]
        assert parameters.grad is not None
        return float(value.detach()), parameters.grad.numpy()

    found = minimize(
        loss,
        np.array([each.start for each in free] if start is None else start, dtype=np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=[(each.low, each.high) for each in free],
        options={"maxiter": _STEPS, "ftol": _GAIN if start is None else _GAIN_NEAR, "gtol": 1e-6},
    )
    return np.asarray(found.x, dtype=np.float64)


def pseudo_values(mechanism: Mechanism, parameters: Floats, of: Seen, p: ArrayLike) -> Floats:
    """What each dialogue says of each parameter [n, m]; their mean is the parameter.

    θ − H⁻¹ (g_i + ∂g/∂ε̄_1 · e_i), with g_i the gradient of the dialogue's loss, H the mean loss's
    second derivatives at the fit, and e_i the dialogue's influence on ε̄_1, which is estimated too:
    the infinitesimal jackknife, whose spread over clusters is that of θ (Huber 1967; Efron 1982,
    ch. 6). A parameter at its bound doesn't vary.
    """
    later, shared = _later(p), _shared(of)

    def losses(x: Tensor, moved: float = 0.0) -> Tensor:
        start = replace(of, pooled=of.pooled + moved, farther=of.farther - moved)
        return -_scores(mechanism, x, start, later, shared).mean(dim=0)

    def slope(x: Floats, moved: float = 0.0) -> Floats:
        at = torch.tensor(x, requires_grad=True)
        losses(at, moved).mean().backward()  # type: ignore[no-untyped-call]
        assert at.grad is not None
        return np.asarray(at.grad.numpy())

    free = mechanism.parameters(len(later) + 1)
    inside = [
        j for j, (f, x) in enumerate(zip(free, parameters, strict=True)) if f.low < x < f.high
    ]
    steps = _STEP * np.eye(len(parameters))[inside]
    ends = [(parameters + step, parameters - step) for step in steps]
    slopes = [
        (losses(torch.as_tensor(up)) - losses(torch.as_tensor(down))).numpy() for up, down in ends
    ]
    curved = np.array([(slope(up) - slope(down))[inside] for up, down in ends]) / (2 * _STEP)
    length = (of.gap**2).sum(-1).numpy()
    start = length * of.farther.numpy() / max(float(length.mean()), LEAST)
    by_start = (slope(parameters, _STEP) - slope(parameters, -_STEP))[inside] / (2 * _STEP)
    each = np.array(slopes).T / (2 * _STEP) + start[:, None] * by_start
    values = np.tile(parameters, (len(each), 1))
    values[:, inside] -= each @ np.linalg.pinv(curved)
    return values


def _scores(
    mechanism: Mechanism, parameters: Tensor, of: Seen, later: Tensor, shared: Tensor
) -> Tensor:
    """[T − 1, n]."""
    forecast = torch.add(shared, mechanism.forecast(parameters, of), alpha=1 - SHARED)
    return (later * torch.log(forecast)).sum(-1)


def _shared(of: Seen) -> Tensor:
    """What every option is given beforehand [n, K]; 1, whose log is 0, where there is no option."""
    return SHARED * of.own / of.own.sum(-1, keepdim=True) + 1 - of.own


def _later(p: ArrayLike) -> Tensor:
    return torch.as_tensor(np.asarray(p, dtype=np.float64)[1:])
