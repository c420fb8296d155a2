"""Preference losses over ranked responses, with their gradients in closed form.

A context has N responses y_i with rewards r_i. A prediction f scores a response by R(f, y): minus
the squared distance ‖f − y‖², or the cosine. With τ sorting by reward, best first, the
Plackett-Luce loss is

    L = −log P(τ) = Σ_i [ log Σ_{j≥i} exp s_τ(j) − s_τ(i) ],      s_i = R(f, y_i),

and Bradley-Terry is N = 2. With b_ij = exp s_τ(j) / Σ_{k≥i} exp s_τ(k), the softmax over what
remains at rank i,

    ∂L/∂s_τ(j) = Σ_{i≤j} b_ij − 1,

whose sum over j is 0. So for the squared score ∂L/∂f = 2 Σ_j (∂L/∂s_j) y_j, and for a linear
policy f = Wx, ∂L/∂W = (∂L/∂f) xᵀ (arXiv 2405.18634, section 3; derived again here).

**Ties.** Equal rewards don't say which response is better, so tied responses are not compared with
each other: rank i is compared with the strictly worse ones. If only the worst responses are tied,
this is exactly the likelihood of the partial order; otherwise it is a product of the likelihoods of
"i is better than all that are worse".

**Missing rewards.** ``ranked`` says which responses take part; a context with fewer than two of
them has loss 0. The same mask makes all prefixes of a context one batch.

Everything is batched over leading dimensions and costs O(N log N), not O(N²) as the sums suggest.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from selfcorrect.errors import UserError

Score = Literal["squared", "cosine"]


def squared_score(prediction: Tensor, responses: Tensor) -> Tensor:
    """−‖f − y‖² for predictions [..., d] and responses [..., N, d]: [..., N]."""
    return -(prediction.unsqueeze(-2) - responses).square().sum(-1)


def cosine_score(prediction: Tensor, responses: Tensor) -> Tensor:
    """cos(f, y) for predictions [..., d] and responses [..., N, d]: [..., N]."""
    return _dots(_unit(prediction), _unit(responses))


SCORES = {"squared": squared_score, "cosine": cosine_score}


def plackett_luce(scores: Tensor, rewards: Tensor, ranked: Tensor | None = None) -> Tensor:
    """The Plackett-Luce loss, in nats; its backward pass is the closed form above.

    Args:
        scores: of each response [..., N].
        rewards: of each response, broadcast with ``scores``.
        ranked: which responses take part, broadcast with both; by default all.

    Returns:
        The loss [...], differentiable once in ``scores``.

    Raises:
        UserError: fewer than two responses, or a reward that takes part and is NaN.
    """
    check(rewards, ranked)
    # the order of each context is found once, before broadcasting over the prefixes
    rewards, order = torch.sort(rewards, dim=-1, descending=True, stable=True)
    tied = bool((rewards[..., 1:] == rewards[..., :-1]).any())
    return _sorted(
        _taken(scores, order),
        None if ranked is None else _taken(ranked, order),
        _groups(rewards) if tied else None,
    )


def loss_and_gradient(
    prediction: Tensor,
    responses: Tensor,
    rewards: Tensor,
    score: Score = "squared",
    ranked: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The Plackett-Luce loss and its gradient in the prediction, both in closed form.

    Args:
        prediction: [..., d].
        responses: [..., N, d], broadcast with ``prediction`` in the leading dimensions: with
            predictions [B, P, d], responses [B, 1, N, d].
        rewards: [..., N], broadcast likewise.
        score: ``squared`` or ``cosine``.
        ranked: which responses take part [..., N]; for prefixes see :func:`prefixes`.

    Returns:
        The loss [...] and ∂L/∂f [..., d]; of W it is ∂L/∂f xᵀ.

    Raises:
        UserError: as :func:`plackett_luce`.
    """
    check(rewards, ranked)
    rewards, order = torch.sort(rewards, dim=-1, descending=True, stable=True)
    responses = torch.take_along_dim(responses, order.unsqueeze(-1), -2)
    groups = _groups(rewards) if bool((rewards[..., 1:] == rewards[..., :-1]).any()) else None
    mask = None if ranked is None else _taken(ranked, order)
    if score == "squared":
        # ‖f‖² is the same for all responses, and the loss depends on differences only
        scores = 2 * _dots(prediction, responses) - responses.square().sum(-1)
        loss, gradient = _closed(scores, mask, groups)
        return loss, 2 * _sums(gradient, responses)
    size = prediction.norm(dim=-1, keepdim=True)
    direction, units = prediction / size, _unit(responses)
    scores = _dots(direction, units)
    loss, gradient = _closed(scores, mask, groups)
    along = (gradient * scores).sum(-1, keepdim=True)
    return loss, (_sums(gradient, units) - along * direction) / size


def prefixes(n: int, sizes: Tensor) -> Tensor:
    """Which of n responses are among the first k, for each k of ``sizes`` [P]: [P, n]."""
    return torch.arange(n, device=sizes.device) < sizes.unsqueeze(-1)


def check(rewards: Tensor, ranked: Tensor | None = None) -> None:
    """Whether these rewards can rank anything.

    Raises:
        UserError: fewer than two responses, or a reward that takes part and is NaN.
    """
    if rewards.shape[-1] < 2:
        raise UserError(
            f"a ranking needs at least two responses, and there "
            f"{'is' if rewards.shape[-1] == 1 else 'are'} {rewards.shape[-1]}."
        )
    nan = rewards.isnan()
    if bool(nan.any()) and bool((nan if ranked is None else nan & ranked).any()):
        raise UserError("a reward is NaN: give the reward, or leave that response out of `ranked`.")


def _unit(x: Tensor) -> Tensor:
    unit: Tensor = x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return unit


def _taken(values: Tensor, order: Tensor) -> Tensor:
    """Values [..., N] in this order [..., N], either of them broadcast."""
    dims = max(values.dim(), order.dim())
    values, order = (t.reshape((1,) * (dims - t.dim()) + t.shape) for t in (values, order))
    return torch.take_along_dim(values, order, -1)


def _dots(f: Tensor, y: Tensor) -> Tensor:
    """f·y_j of predictions [..., d] and responses [..., N, d], one matrix product for a context."""
    if y.dim() >= 3 and y.shape[-3] == 1 and f.dim() == y.dim() - 1:
        return f @ y.squeeze(-3).transpose(-1, -2)
    return (y @ f.unsqueeze(-1)).squeeze(-1)


def _sums(g: Tensor, y: Tensor) -> Tensor:
    """Σ_j g_j y_j of weights [..., N] and responses [..., N, d]."""
    if y.dim() >= 3 and y.shape[-3] == 1 and g.dim() == y.dim() - 1:
        return g @ y.squeeze(-3)
    return (g.unsqueeze(-2) @ y).squeeze(-2)


def _groups(rewards: Tensor) -> tuple[Tensor, Tensor]:
    """For rewards in falling order: the first place of each one's ties, and that after the last.

    Both [..., N], from 0 to N; the second is the place of the first strictly worse response.
    """
    n = rewards.shape[-1]
    place = torch.arange(n, device=rewards.device).expand(rewards.shape)
    new = torch.ones_like(rewards, dtype=torch.bool)
    new[..., 1:] = rewards[..., 1:] != rewards[..., :-1]
    begin = torch.where(new, place, 0).cummax(-1).values
    ends = torch.full_like(place, n)
    ends[..., :-1] = torch.where(new[..., 1:], place[..., 1:], n)
    return begin, ends.flip(-1).cummin(-1).values.flip(-1)


def _closed(
    scores: Tensor, ranked: Tensor | None, groups: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor]:
    """Loss [...] and ∂L/∂s [..., N] of scores in falling order of reward."""
    nothing = -torch.inf
    s = scores if ranked is None else torch.where(ranked, scores, nothing)
    # log Σ_{j≥i} exp s_j from the end; no difference of large numbers anywhere
    remaining = s.flip(-1).logcumsumexp(-1).flip(-1)
    if groups is not None:
        begin, end = groups
        beyond = torch.nn.functional.pad(remaining, (0, 1), value=nothing)
        remaining = torch.logaddexp(s, _taken(beyond, end))
    terms = remaining - scores
    weight = -remaining  # of rank i in Σ_i b_ij = exp(s_j + log Σ_i exp(−remaining_i))
    if ranked is not None:
        terms = torch.where(ranked, terms, 0)
        weight = torch.where(ranked, weight, nothing)
    above = weight.logcumsumexp(-1)
    if groups is None:
        chosen = (s + above).exp()
    else:
        before = torch.nn.functional.pad(above, (1, 0), value=nothing)
        chosen = (s + _taken(before, begin)).exp() + (s + weight).exp()
    gradient = chosen - 1
    if ranked is not None:
        gradient = torch.where(ranked, gradient, 0)
    return terms.sum(-1), gradient


class _PlackettLuce(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, ranked: Tensor | None, groups: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        loss, gradient = _closed(scores, ranked, groups)
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return upstream.unsqueeze(-1) * gradient, None, None


def _sorted(scores: Tensor, ranked: Tensor | None, groups: tuple[Tensor, Tensor] | None) -> Tensor:
    loss: Tensor = _PlackettLuce.apply(scores, ranked, groups)  # type: ignore[no-untyped-call]
    return loss
