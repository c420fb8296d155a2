"""Training a transformer on the ranking loss, and judging it by that loss's floor.

The model is never shown the truth W* x: its loss is the Plackett-Luce loss of the triples it has
seen, averaged over prefixes, as in arXiv 2405.18634. So what it can reach is the floor of that
objective (:func:`selfcorrect.theory.descent.floor`), and it is judged by its excess over it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selfcorrect.theory.contexts import Contexts, Kind, sample
from selfcorrect.theory.descent import distance, floor
from selfcorrect.theory.preferences import (
    cosine_score,
    loss_and_gradient,
    plackett_luce,
    prefixes,
)
from selfcorrect.theory.transformer import Shape, Transformer


@dataclass(frozen=True)
class Recipe:
    """How a transformer is trained.

    Attributes:
        kind: of the contexts.
        steps, batch: of the optimiser.
        matrices: the rate of Muon, which moves the blocks' matrices.
        others: the rate of AdamW, which moves everything else.
        warm_up: steps in which the rates rise; then they fall to 0 along a cosine.
    """

    kind: Kind = "original"
    steps: int = 1000
    batch: int = 64
    matrices: float = 0.02
    others: float = 3e-3
    warm_up: int = 50


def sizes_of(responses: int) -> Tensor:
    """How many triples the loss's prefixes have: 2 … N − 1, as in the paper."""
    return torch.arange(2, responses)


def predictions(model: Transformer, contexts: Contexts) -> Tensor:
    """What the model predicts after 2 … N − 1 triples: [B, N − 2, d]."""
    first = 1 if model.shape.format == "one-token" else 2
    every: Tensor = model(contexts)
    return every[:, first : first + model.shape.responses - 2]


def trained(shape: Shape, recipe: Recipe, seed: int) -> Transformer:
    """A transformer trained from scratch; the seed decides weights and contexts."""
    generator = torch.Generator().manual_seed(seed)
    model = Transformer(shape, generator)
    optimizers = _optimizers(model, recipe)
    sizes = sizes_of(shape.responses)
    mask = prefixes(shape.responses, sizes)
    for step in range(recipe.steps):
        rate = _schedule(step, recipe)
        contexts = _drawn(shape, recipe.kind, recipe.batch, generator)
        scores = cosine_score(predictions(model, contexts), contexts.responses[:, None])
        loss = plackett_luce(scores, contexts.rewards[:, None], mask).mean()
        model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer, highest in optimizers:
            optimizer.param_groups[0]["lr"] = rate * highest
            optimizer.step()
    return model


def judged(
    model: Transformer, kind: Kind = "original", *, contexts: int = 1024, seed: int = 1_000_000
) -> dict[str, Any]:
    """A model on contexts that it was not trained on.

    Returns:
        ``excess`` over the floor, in nats, averaged over contexts and prefixes; by prefix, from 2
        triples on: ``excess_by_n``, ``cosine_with_optimum`` and ``distance``, which is
        1 − cos(prediction, W* x).
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = _drawn(model.shape, kind, contexts, generator)
    sizes = sizes_of(model.shape.responses)
    least, optimum = floor(drawn, sizes)
    with torch.no_grad():
        f = predictions(model, drawn)
    mask = prefixes(model.shape.responses, sizes)
    loss, _ = loss_and_gradient(f, drawn.responses[:, None], drawn.rewards[:, None], "cosine", mask)
    excess = (loss - least).mean(0)
    return {
        "excess": float(excess.mean()),
        "excess_by_n": excess.tolist(),
        "cosine_with_optimum": (1 - distance(f, optimum)).mean(0).tolist(),
        "distance": distance(f, drawn.truth).mean(0).tolist(),
    }


def _drawn(shape: Shape, kind: Kind, n: int, generator: torch.Generator) -> Contexts:
    return sample(n, kind=kind, responses=shape.responses, d=shape.d, generator=generator)


def _optimizers(model: Transformer, recipe: Recipe) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon is for matrices between hidden states; what reads tokens or writes predictions isn't."""
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    ours = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in ours]
    return [
        (torch.optim.Muon(matrices, weight_decay=0.0), recipe.matrices),
        (torch.optim.AdamW(others, weight_decay=0.0), recipe.others),
    ]


def _schedule(step: int, recipe: Recipe) -> float:
    rise = min(1.0, (step + 1) / recipe.warm_up)
    return rise * (1 + math.cos(math.pi * step / recipe.steps)) / 2
