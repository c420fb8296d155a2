"""What can be had without learning to rank: other estimates of the truth, on each kind of data.

A task says something of ranking only if the direction with the smallest ranking loss is the best
estimate of the truth that the context allows. Where copying the best response is better, or a line
through the responses, a model that finds those has no need of the ranking.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from selfcorrect.studies.train.arms import SHAPES
from selfcorrect.studies.train.references import estimate, generator
from selfcorrect.theory.contexts import KINDS
from selfcorrect.theory.descent import READINGS, bayes, descent, distance, rank_regression
from selfcorrect.theory.training import held_out

Result = dict[str, Any]


def shortcuts(contexts: int, device: torch.device) -> Result:
    """1 − cos with the truth after N − 1 triples, of each estimate on each kind of data.

    Args:
        contexts: their number.
        device: of the computation.

    Returns:
        By kind: ``n``; ``estimates``, each with its ``distance`` and with ``against``, the paired
        difference from the floor's minimiser (above 0: the minimiser is nearer the truth); and
        ``best``, the name of the nearest of those that need no knowledge of how contexts are drawn.
        ``posterior mean`` needs it, and is given for ``ranked`` only: no estimate of a direction
        has a smaller mean of 1 − cos.
    """
    found: Result = {}
    for kind in KINDS:
        shape = SHAPES[kind]
        drawn, _, optimum = held_out(kind, contexts, shape.responses, shape.d, device)
        n = torch.tensor([shape.responses - 1], device=device)
        fell, _ = descent(drawn, n, generator=generator(device))
        read: dict[str, Tensor] = {"floor": optimum[:, -1:], "descent": fell}
        read |= {name: reading(drawn, n) for name, reading in READINGS.items()}
        read["regression of ranks"] = rank_regression(drawn, n)
        free = list(read)
        if kind == "ranked":
            read["posterior mean"] = bayes(drawn, n, generator=generator(device))
        apart = {name: distance(f, drawn.truth)[:, 0] for name, f in read.items()}
        told = {
            name: {
                "distance": estimate(of.tolist()),
                "against": estimate((of - apart["floor"]).tolist()) if name != "floor" else None,
            }
            for name, of in apart.items()
        }
        best = min(free, key=lambda name: float(told[name]["distance"]["mean"]))  # type: ignore[index]
        found[kind] = {"n": int(n), "estimates": told, "best": best}
    return found
