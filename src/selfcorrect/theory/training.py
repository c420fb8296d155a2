"""Training a transformer on rewarded contexts, and its excess over the floor of the loss.

The model is never shown the truth W* x: its loss is the Plackett-Luce loss of the triples it has
seen, averaged over prefixes, as in arXiv 2405.18634. The best that it can reach is the floor of
this objective (:func:`selfcorrect.theory.descent.floor`), so its excess over the floor is measured.

Objectives:

- **ranking**: the Plackett-Luce loss with cosine scores, as in the paper's experiments.
- **ranking, squared**: the same with scores −‖f − y‖², as in its theorem.
- **weighted**: Σ_i w_i ‖f − y_i‖² with w the softmax of 5 r over the triples seen. It uses the
  values of the rewards; its minimiser is the mean with exponential weights.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor

from selfcorrect.theory.contexts import Contexts, Kind, sample
from selfcorrect.theory.descent import BETA, distance, floor
from selfcorrect.theory.preferences import SCORES, loss_and_gradient, plackett_luce, prefixes
from selfcorrect.theory.transformer import Shape, Start, Transformer

Objective = Literal["ranking", "ranking, squared", "weighted"]
#: The probabilities with which rewards are replaced at test time.
NOISE = (0.0, 0.25, 0.5, 0.75, 1.0)
#: The seeds of the held-out contexts, far from those of training: those that models are evaluated
#: on, and those that a learning rate is chosen on.
TEST, VALIDATION = 1_000_000, 2_000_000


@dataclass(frozen=True)
class Recipe:
    """How a transformer is trained.

    Attributes:
        kind: of the contexts.
        objective: see the module.
        steps, batch: of the optimiser.
        optimizer: ``muon`` for the matrices of the blocks and AdamW for everything else, with
            learning rates that rise for 50 steps and then fall to 0 along a cosine; or ``adam`` for
            everything at a constant learning rate, as in the paper.
        matrices: the learning rate of Muon.
        others: the learning rate of Adam.
        start: the initialisation.
    """

    kind: Kind = "original"
    objective: Objective = "ranking"
    steps: int = 1000
    batch: int = 64
    optimizer: Literal["muon", "adam"] = "muon"
    matrices: float = 0.02
    others: float = 3e-3
    start: Start = "scaled"


def sizes_of(responses: int) -> Tensor:
    """The numbers of triples in the prefixes of the loss: 2 … N − 1, as in the paper."""
    return torch.arange(2, responses)


def predictions(model: Transformer, contexts: Contexts) -> Tensor:
    """The predictions after 2 … N − 1 triples: [B, N − 2, d]."""
    first = 1 if model.shape.format == "one-token" else 2
    every: Tensor = model(contexts)
    return every[:, first : first + model.shape.responses - 2]


def trained(
    shape: Shape, recipe: Recipe, seed: int, device: torch.device | str = "cpu"
) -> Transformer:
    """A transformer trained from scratch; the seed determines initial weights and contexts."""
    run = _Run(shape, recipe, seed, device)
    for step in range(recipe.steps):
        run.step(_schedule(step, recipe))
    return run.model


def at_budgets(
    shape: Shape,
    recipe: Recipe,
    seed: int,
    budgets: Sequence[int],
    device: torch.device | str = "cpu",
) -> Iterator[Transformer]:
    """The transformers that one training gives at several numbers of steps.

    The learning rate rises for 50 steps, is constant, and falls linearly to 0 in the last quarter
    of a budget's steps. So the constant part is done once, and only the last quarters are done for
    each budget (Hägele et al. 2024, arXiv 2405.18392). ``recipe.steps`` isn't used.

    Args:
        budgets: rising numbers of steps, each at least 4/3 of the one before.
    """
    run = _Run(shape, recipe, seed, device)
    done = 0
    for budget in budgets:
        turn = budget - budget // 4
        for step in range(done, turn):
            run.step(min(1.0, (step + 1) / _WARM_UP))
        done = max(done, turn)
        cooling = run.copy()
        for step in range(turn, budget):
            cooling.step((budget - step) / (budget - turn))
        yield cooling.model


def judged(
    model: Transformer, kind: Kind = "original", *, contexts: int = 1024, seed: int = TEST
) -> dict[str, Any]:
    """A model evaluated on held-out contexts, which are the same for every model of its N and d.

    Args:
        model: a trained one.
        kind, contexts, seed: of the held-out contexts.

    Returns:
        ``excess`` over the floor of the ranking loss with cosine scores, in nats, averaged over
        contexts and prefixes, and the ``norm`` of predictions; by prefix, from 2 triples on:
        ``excess_by_n``, ``cosine_with_optimum`` and ``distance``, which is
        1 − cos(prediction, W* x); and ``noise``, the distance by prefix for each p of NOISE.
    """
    device = model.place.device
    shape = model.shape
    drawn, least, optimum = held_out(kind, contexts, shape.responses, shape.d, device, seed)
    sizes = sizes_of(model.shape.responses).to(device)
    mask = prefixes(model.shape.responses, sizes)
    with torch.no_grad():
        f = predictions(model, drawn)
        noise = {
            f"{p:g}": distance(predictions(model, noisy(drawn, p)), drawn.truth).mean(0).tolist()
            for p in NOISE
        }
    loss, _ = loss_and_gradient(f, drawn.responses[:, None], drawn.rewards[:, None], "cosine", mask)
    excess = (loss - least).mean(0)
    return {
        "excess": float(excess.mean()),
        "norm": float(f.norm(dim=-1).mean()),
        "excess_by_n": excess.tolist(),
        "cosine_with_optimum": (1 - distance(f, optimum)).mean(0).tolist(),
        "distance": distance(f, drawn.truth).mean(0).tolist(),
        "noise": noise,
    }


@lru_cache(maxsize=8)
def held_out(
    kind: Kind, contexts: int, responses: int, d: int, device: torch.device, seed: int = TEST
) -> tuple[Contexts, Tensor, Tensor]:
    """The held-out contexts, their floor [B, P] and its directions [B, P, d]."""
    generator = torch.Generator(device).manual_seed(seed)
    drawn = sample(contexts, kind=kind, responses=responses, d=d, generator=generator)
    return drawn, *floor(drawn, sizes_of(responses).to(device))


def noisy(drawn: Contexts, p: float) -> Contexts:
    """The held-out contexts with reward noise, which is the same for every model."""
    return drawn.noisy(p, torch.Generator(drawn.rewards.device).manual_seed(TEST + 1))


class _Run:
    """A training under way: a model, its optimisers, and what draws its contexts."""

    def __init__(self, shape: Shape, recipe: Recipe, seed: int, device: torch.device | str) -> None:
        self.shape, self.recipe = shape, recipe
        self.generator = torch.Generator(device).manual_seed(seed)
        self.model = Transformer(shape, self.generator, recipe.start)
        self.optimizers = _optimizers(self.model, recipe)
        self.objective = _objective(recipe.objective, shape.responses, device)

    def copy(self) -> _Run:
        """Another one in the same state, which draws the same contexts."""
        other = copy.copy(self)
        # together, so that the copied optimisers hold the weights of the copied model
        other.model, other.optimizers = copy.deepcopy((self.model, self.optimizers))
        other.generator = torch.Generator(self.generator.device)
        other.generator.set_state(self.generator.get_state())
        return other

    def step(self, rate: float) -> None:
        """One step, at this factor of the highest learning rates."""
        shape, recipe = self.shape, self.recipe
        contexts = _drawn(shape, recipe.kind, recipe.batch, self.generator)
        loss = self.objective(predictions(self.model, contexts), contexts)
        self.model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer, highest in self.optimizers:
            optimizer.param_groups[0]["lr"] = rate * highest
            optimizer.step()


def _objective(
    name: Objective, responses: int, device: torch.device | str
) -> Callable[[Tensor, Contexts], Tensor]:
    """The loss of predictions [B, P, d] for contexts, averaged over both."""
    mask = prefixes(responses, sizes_of(responses).to(device))

    def ranking(f: Tensor, contexts: Contexts) -> Tensor:
        score = SCORES["cosine" if name == "ranking" else "squared"]
        scores = score(f, contexts.responses[:, None])
        return plackett_luce(scores, contexts.rewards[:, None], mask).mean()

    def weighted(f: Tensor, contexts: Contexts) -> Tensor:
        logits = (BETA * contexts.rewards[:, None]).masked_fill(~mask, -torch.inf)
        apart = (f[..., None, :] - contexts.responses[:, None]).square().sum(-1)
        return (logits.softmax(-1) * apart).sum(-1).mean()

    return weighted if name == "weighted" else ranking


def _drawn(shape: Shape, kind: Kind, n: int, generator: torch.Generator) -> Contexts:
    return sample(n, kind=kind, responses=shape.responses, d=shape.d, generator=generator)


def _optimizers(model: Transformer, recipe: Recipe) -> list[tuple[torch.optim.Optimizer, float]]:
    """Each with its highest learning rate. Muon is for matrices between hidden states, not for the
    layers that read tokens or write predictions."""
    if recipe.optimizer == "adam":
        return [(torch.optim.Adam(model.parameters(), lr=recipe.others), recipe.others)]
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    ours = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in ours]
    return [
        (torch.optim.Muon(matrices, weight_decay=0.0), recipe.matrices),
        (torch.optim.AdamW(others, weight_decay=0.0), recipe.others),
    ]


def _schedule(step: int, recipe: Recipe) -> float:
    """The factor of the highest learning rate."""
    if recipe.optimizer == "adam":
        return 1.0
    rise = min(1.0, (step + 1) / _WARM_UP)
    return rise * (1 + math.cos(math.pi * step / recipe.steps)) / 2


_WARM_UP = 50
