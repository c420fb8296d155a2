"""Squared scores: whether the loss has a minimum, by kind of data, and what descent then does."""

from __future__ import annotations

from typing import Any

import torch

from selfcorrect.studies.train.arms import SHAPES
from selfcorrect.studies.train.references import estimate
from selfcorrect.theory.attained import has_minimum
from selfcorrect.theory.contexts import KINDS
from selfcorrect.theory.preferences import loss_and_gradient, prefixes
from selfcorrect.theory.training import held_out

Result = dict[str, Any]

#: Steps of descent between which ‖f‖ is compared, and the learning rate.
STEPS, QUICK_STEPS, _RATE = (800, 3200), (100, 400), 0.01


def minima(device: torch.device, *, contexts: int, steps: tuple[int, int] = STEPS) -> Result:
    """How often the Plackett-Luce loss with scores −‖f − y‖² has a minimum.

    Args:
        device: of the computation.
        contexts: of each kind.
        steps: of descent, between which ‖f‖ is compared.

    Returns:
        By kind of data, a row for some n: ``share`` of the contexts with a minimum, their number
        ``contexts``, and ``growth``: the factor by which ‖f‖ grows between ``steps``, where there
        is a ``minimum`` and where there is ``none``; ``None`` for fewer than two contexts.
    """
    found: Result = {}
    for kind in KINDS:
        shape = SHAPES[kind]
        n = sorted({2, shape.d + 1, shape.responses // 2, shape.responses - 1})
        drawn = held_out(kind, contexts, shape.responses, shape.d, device)[0]
        y, r = drawn.responses[:, None], drawn.rewards[:, None]
        mask = prefixes(shape.responses, torch.tensor(n, device=device))
        f = y.new_zeros(contexts, len(n), shape.d)
        sizes = []
        for step in range(1, steps[-1] + 1):
            f -= _RATE * loss_and_gradient(f, y, r, "squared", mask)[1]
            if step in steps:
                sizes.append(f.norm(dim=-1))
        growth = (sizes[1] / sizes[0]).cpu()
        rows = []
        for k, seen in enumerate(n):
            pairs = zip(drawn.responses[:, :seen].cpu(), drawn.rewards[:, :seen].cpu(), strict=True)
            there = torch.tensor([has_minimum(a.numpy(), b.numpy()) for a, b in pairs])
            rows.append(
                {
                    "n": seen,
                    "share": float(there.double().mean()),
                    "contexts": contexts,
                    "steps": list(steps),
                    "growth": {
                        name: _growth(growth[which, k])
                        for name, which in (("minimum", there), ("none", ~there))
                    },
                }
            )
        found[kind] = rows
    return found


def _growth(of: torch.Tensor) -> Result | None:
    """The mean, over contexts whose loss isn't so flat that its gradients are rounded to 0."""
    moved = of[of.isfinite()]
    return estimate(moved.tolist()) if len(moved) > 1 else None
