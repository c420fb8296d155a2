"""Descent on the ranking loss within a context, its floor, and other estimates of the truth.

The prediction of a trained transformer after n triples is compared with these, for each n. All are
computed for all contexts and prefixes at once.

- **descent**: a fresh linear map W per context and prefix, Adam on the Plackett-Luce loss
  (arXiv 2405.18634, section 5: 50 steps at .1).
- **floor**: the smallest loss that any prediction can have. With the cosine score the loss depends
  only on the direction of f, and any direction is some W x: it bounds all policies, linear or not.
- other estimates from the same context: the best response, the mean, the mean with weights e^{βr},
  the least-squares line y = a + b r at r = 1, and the regression of ranks on responses.
- **posterior mean**: of ``ranked`` contexts, whose model of the order is known.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from selfcorrect.theory.contexts import SHARP, Contexts
from selfcorrect.theory.preferences import (
    Score,
    cosine_score,
    loss_and_gradient,
    plackett_luce,
    prefixes,
)

#: β of the exponential weights (specification).
BETA = 5.0
#: Steps of the search for the floor, and its learning rate on the unit sphere.
_FLOOR_STEPS, _FLOOR_RATE = 100, 0.2


def descent(
    contexts: Contexts,
    sizes: Tensor,
    *,
    score: Score = "cosine",
    steps: int = 50,
    rate: float = 0.1,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Descend from a random linear map, for each context and prefix separately.

    Args:
        contexts: B of them.
        sizes: number of triples in each prefix [P].
        score: of the loss.
        steps, rate: of Adam.
        generator: of the first maps, uniform within ±1/√d.

    Returns:
        The predictions W x [B, P, d] and the norms of the maps [B, P].
    """
    b, d = contexts.query.shape
    x = contexts.query[:, None]
    limit = d**-0.5
    drawn = torch.rand(b, len(sizes), d, d, generator=generator, dtype=x.dtype, device=x.device)
    w = (2 * drawn - 1) * limit
    step = _adam(w, rate)
    evaluate = _loss(contexts, sizes, score)
    for _ in range(steps):
        _, gradient = evaluate((w @ x.unsqueeze(-1)).squeeze(-1))
        step(gradient.unsqueeze(-1) * x.unsqueeze(-2))
    return (w @ x.unsqueeze(-1)).squeeze(-1), w.flatten(-2).norm(dim=-1)


def floor(contexts: Contexts, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest Plackett-Luce loss with cosine scores, and the direction that has it.

    Descent on the unit sphere from two starts, the best response and the mean; the lower result is
    taken.

    Args:
        contexts: B of them.
        sizes: number of triples in each prefix [P].

    Returns:
        The losses [B, P] and unit directions [B, P, d].
    """
    evaluate = _loss(contexts, sizes, "cosine")
    starts = (best_copy(contexts, sizes), mean(contexts, sizes))
    losses, ends = zip(*(_on_sphere(evaluate, start) for start in starts), strict=True)
    least, which = torch.stack(losses).min(0)
    chosen = which[None, ..., None].expand(1, *ends[0].shape)
    return least, torch.stack(ends).gather(0, chosen)[0]


def best_copy(contexts: Contexts, sizes: Tensor) -> Tensor:
    """The response with the largest reward among the first n: [B, P, d]."""
    seen = contexts.rewards[:, None].masked_fill(~_mask(contexts, sizes), -torch.inf)
    best = seen.argmax(-1)
    return torch.take_along_dim(contexts.responses, best.unsqueeze(-1), 1)


def mean(contexts: Contexts, sizes: Tensor) -> Tensor:
    """The mean of the first n responses: [B, P, d]."""
    return _weighted(contexts, sizes, torch.zeros_like(contexts.rewards))


def exponential(contexts: Contexts, sizes: Tensor) -> Tensor:
    """Their mean with weights e^{βr}, which uses the values of the rewards: [B, P, d]."""
    return _weighted(contexts, sizes, BETA * contexts.rewards)


def least_squares(contexts: Contexts, sizes: Tensor) -> Tensor:
    """The line y = a + b r through the first n responses, at r = 1: [B, P, d]."""
    mask = _mask(contexts, sizes).to(contexts.rewards.dtype)
    n = mask.sum(-1, keepdim=True)
    r = contexts.rewards[:, None]
    apart = (r - (mask * r).sum(-1, keepdim=True) / n) * mask
    level = mask @ contexts.responses / n
    slope = apart @ contexts.responses / apart.square().sum(-1, keepdim=True)
    middle = (mask * r).sum(-1, keepdim=True) / n
    return level + slope * (1 - middle)


def rank_regression(contexts: Contexts, sizes: Tensor) -> Tensor:
    """The slope b of the least-squares fit rank = a + ⟨b, y⟩ over the first n: [B, P, d].

    The smallest such b where the responses leave it open, as on a line.
    """
    slopes = []
    for n in sizes.tolist():
        y, r = contexts.responses[:, :n], contexts.rewards[:, :n]
        rank = r.argsort(-1).argsort(-1).to(y.dtype)
        y, rank = y - y.mean(1, keepdim=True), rank - rank.mean(1, keepdim=True)
        slopes.append((torch.linalg.pinv(y, rtol=1e-4) @ rank.unsqueeze(-1)).squeeze(-1))
    return torch.stack(slopes, 1)


def bayes(
    contexts: Contexts, sizes: Tensor, *, directions: int = 4096, generator: torch.Generator
) -> Tensor:
    """The posterior mean of the truth's direction after n triples of ``ranked`` contexts [B, P, d].

    The prior is uniform on the sphere and the likelihood that of Plackett-Luce with scores
    2 cos(y, t); the mean is over random directions, weighted by it. No function of the triples has
    a larger mean of cos(f, t): E[cos(f, t) | triples] = ⟨f/‖f‖, E[t | triples]⟩.
    """
    y, r = contexts.responses[:, None], contexts.rewards[:, None]
    mask = prefixes(r.shape[-1], sizes)[:, None]
    drawn = torch.randn(
        directions, y.shape[-1], generator=generator, dtype=y.dtype, device=y.device
    )
    drawn = torch.nn.functional.normalize(drawn, dim=-1)
    scores = SHARP * cosine_score(drawn, y)  # [B, M, N]
    loss = plackett_luce(scores[:, None], r[:, None], mask)  # [B, P, M]
    return (-loss).softmax(-1) @ drawn


#: The other estimates by name.
READINGS: dict[str, Callable[[Contexts, Tensor], Tensor]] = {
    "best copy": best_copy,
    "mean": mean,
    "exponential weights": exponential,
    "least squares": least_squares,
}


def distance(predictions: Tensor, target: Tensor) -> Tensor:
    """1 − cos of predictions [B, P, d] and targets, [B, d] or [B, P, d]: [B, P]."""
    if target.dim() < predictions.dim():
        target = target.unsqueeze(-2)
    return 1 - torch.cosine_similarity(predictions, target, dim=-1)


def _mask(contexts: Contexts, sizes: Tensor) -> Tensor:
    mask = prefixes(contexts.rewards.shape[-1], sizes)
    return mask.expand(len(contexts.rewards), *mask.shape)


def _loss(
    contexts: Contexts, sizes: Tensor, score: Score
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    mask = prefixes(contexts.rewards.shape[-1], sizes)
    y, r = contexts.responses[:, None], contexts.rewards[:, None]
    return lambda f: loss_and_gradient(f, y, r, score, mask)


def _weighted(contexts: Contexts, sizes: Tensor, logits: Tensor) -> Tensor:
    mask = _mask(contexts, sizes)
    weights = logits[:, None].masked_fill(~mask, -torch.inf).softmax(-1)
    return weights @ contexts.responses


def _on_sphere(
    evaluate: Callable[[Tensor], tuple[Tensor, Tensor]], start: Tensor
) -> tuple[Tensor, Tensor]:
    """Descend over directions, with a learning rate that falls to 0."""
    f = torch.nn.functional.normalize(start, dim=-1)
    step = _adam(f, _FLOOR_RATE)
    for k in range(_FLOOR_STEPS):
        _, gradient = evaluate(f)
        step(gradient, (1 - k / _FLOOR_STEPS) ** 2)
        f /= torch.linalg.vector_norm(f, dim=-1, keepdim=True)
    return evaluate(f)[0], f


def _adam(values: Tensor, rate: float) -> Callable[..., None]:
    """A step of Adam in place, given the gradient and a factor of the learning rate."""
    parameter = torch.nn.Parameter(values, requires_grad=True)
    optimizer = torch.optim.Adam([parameter], lr=rate)

    def step(gradient: Tensor, times: float = 1.0) -> None:
        parameter.grad = gradient
        optimizer.param_groups[0]["lr"] = rate * times
        optimizer.step()

    return step
