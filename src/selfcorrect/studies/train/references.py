"""Curves that need no training, to compare trained transformers with.

Distances are 1 − cos(prediction, W* x), by the number n of triples seen, averaged over contexts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from selfcorrect.studies.train.arms import SHAPES
from selfcorrect.theory.contexts import KINDS
from selfcorrect.theory.descent import READINGS, descent, distance, floor
from selfcorrect.theory.preferences import loss_and_gradient, prefixes
from selfcorrect.theory.training import NOISE, TEST, held_out, noisy, sizes_of

#: arXiv 2405.18634, figure on reward noise: distances at n = 2, 5, 10, 15, by p.
PUBLISHED = {
    "transformer": {
        "0": (0.519, 0.336, 0.307, 0.297),
        "0.25": (0.647, 0.477, 0.422, 0.399),
        "0.5": (0.781, 0.665, 0.620, 0.624),
        "0.75": (0.924, 0.922, 0.867, 0.837),
        "1": (1.022, 1.067, 1.065, 1.083),
    },
    "gradient descent": {
        "0": (0.385, 0.328, 0.306, 0.298),
        "0.25": (0.563, 0.436, 0.336, 0.313),
        "0.5": (0.708, 0.630, 0.525, 0.467),
        "0.75": (0.885, 0.837, 0.717, 0.701),
        "1": (0.989, 1.018, 1.095, 1.074),
    },
}
PUBLISHED_N = (2, 5, 10, 15)
#: Numbers of steps of descent on the loss with squared scores, which has no minimum.
GROWING = (50, 200, 800, 3200)
STEPS, _RATE = 50, 0.01
_RESPONSES, _D = 20, 5


def published() -> dict[str, dict[str, dict[str, float]]]:
    """The published distances by curve, p and n."""
    return {
        curve: {
            p: {str(n): value for n, value in zip(PUBLISHED_N, found, strict=True)}
            for p, found in by_p.items()
        }
        for curve, by_p in PUBLISHED.items()
    }


def references(contexts: int, device: torch.device, *, quick: bool = False) -> dict[str, Any]:
    """Descent, the floor and other estimates, on the held-out contexts of both kinds.

    Args:
        contexts: their number.
        device: of the computation.
        quick: fewer steps with squared scores.

    Returns:
        ``references`` (by kind and estimate), ``floor`` and ``random`` (the loss, averaged over
        prefixes, of the best directions and of random ones, by kind), ``noise`` (descent, descent
        stopped early and the floor's direction, by p) and ``squared``
        (:func:`on_squared_scores`).
    """
    found: dict[str, Any] = {"references": {}, "floor": {}, "random": {}}
    for kind in KINDS:
        shape = SHAPES[kind]
        sizes = sizes_of(shape.responses).to(device)
        mask = prefixes(shape.responses, sizes)
        drawn, least, optimum = held_out(kind, contexts, shape.responses, shape.d, device)
        fell, _ = descent(drawn, sizes, steps=STEPS, generator=generator(device))
        read = {name: reading(drawn, sizes) for name, reading in READINGS.items()}
        found["references"][kind] = {
            name: curve(distance(f, drawn.truth))
            for name, f in {"descent": fell, "floor": optimum, **read}.items()
        }
        f = torch.randn(optimum.shape, generator=generator(device), device=device)
        y, r = drawn.responses[:, None], drawn.rewards[:, None]
        loss, _ = loss_and_gradient(f, y, r, "cosine", mask)
        found["floor"][kind] = estimate(least.mean(-1).tolist())
        found["random"][kind] = estimate(loss.mean(-1).tolist())
    growing = on_squared_scores(device, steps=GROWING[:-1] if quick else GROWING)
    return {**found, "noise": _noise(contexts, device), "squared": growing}


def _noise(contexts: int, device: torch.device) -> dict[str, Any]:
    """Descent under reward noise; the released code stops it at ⌊50 − 25 p⌋ steps."""
    sizes = sizes_of(_RESPONSES).to(device)
    drawn, *_ = held_out("original", contexts, _RESPONSES, _D, device)
    found: dict[str, Any] = {"descent": {}, "descent stopped early": {}, "floor": {}}
    for p in NOISE:
        hit = noisy(drawn, p)
        for name, steps in (("descent", STEPS), ("descent stopped early", int(STEPS - 25 * p))):
            f, _ = descent(hit, sizes, steps=steps, generator=generator(device))
            found[name][f"{p:g}"] = curve(distance(f, drawn.truth))
        found["floor"][f"{p:g}"] = curve(distance(floor(hit, sizes)[1], drawn.truth))
    return found


def on_squared_scores(
    device: torch.device, contexts: int = 128, steps: Sequence[int] = GROWING
) -> dict[str, Any]:
    """Gradient descent from W = 0 on the Plackett-Luce loss with scores −‖Wx − y‖².

    The responses of a context lie on one line, and every gradient points along it. So the direction
    of Wx never changes, and the loss falls as Wx grows: no finite W is a minimum. As W = f xᵀ/‖x‖²
    in each step from 0, the descent is computed for f = Wx, at the rate _RATE.

    Returns:
        ``steps`` [S]; by n, for each of them, the ``norm`` of W and the ``distance``.
    """
    sizes = torch.tensor(PUBLISHED_N, device=device)
    mask = prefixes(_RESPONSES, sizes)
    drawn = held_out("original", contexts, _RESPONSES, _D, device)[0]
    y, r = drawn.responses[:, None], drawn.rewards[:, None]
    found: dict[str, dict[str, list[Any]]] = {
        what: {str(n): [] for n in PUBLISHED_N} for what in ("norm", "distance")
    }
    f = drawn.query.new_zeros(contexts, len(PUBLISHED_N), drawn.query.shape[-1])
    for step in range(1, steps[-1] + 1):
        f -= _RATE * loss_and_gradient(f, y, r, "squared", mask)[1]
        if step in steps:
            norm = f.norm(dim=-1) / drawn.query.norm(dim=-1, keepdim=True)
            for what, of in (("norm", norm), ("distance", distance(f, drawn.truth))):
                for k, values in enumerate(found[what].values()):
                    values.append(estimate(of[:, k].tolist()))
    return {"steps": list(steps), "rate": _RATE, "contexts": contexts, **found}


def estimate(values: Sequence[float]) -> dict[str, Any]:
    """The mean of values with Student's t interval at 95 %; one value has no interval."""
    of = curve(torch.tensor(values, dtype=torch.float64).unsqueeze(-1))
    return {
        "mean": of["mean"][0],
        **{end: None if of[end] is None else of[end][0] for end in ("low", "high")},
        "n": of["n"],
    }


def curve(values: Tensor | Sequence[Sequence[float]]) -> dict[str, Any]:
    """The same as :func:`estimate` for each column of values [B, P]."""
    found = np.asarray(values.cpu() if isinstance(values, Tensor) else values, dtype=np.float64)
    n, middle = len(found), found.mean(0)
    if n == 1:
        return {"mean": _short(middle), "low": None, "high": None, "n": n}
    half = stats.t.ppf(0.975, n - 1) * found.std(0, ddof=1) / n**0.5
    return {
        "mean": _short(middle),
        "low": _short(middle - half),
        "high": _short(middle + half),
        "n": n,
    }


def _short(values: Any) -> list[float]:
    """To six digits: more would be noise, and would make the file a third larger."""
    return [float(f"{value:.6g}") for value in values]


def generator(device: torch.device) -> torch.Generator:
    """The same draws for every curve."""
    return torch.Generator(device).manual_seed(TEST + 2)
