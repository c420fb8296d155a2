"""Contexts, the tokens that hold them, and descent on the loss by autograd, to compare with.

A context is a query x with N responses y_i and their rewards r_i. The policy is f(x) = Wx and
scores a response with −‖Wx − y‖². With the responses sorted by reward, best first,

    L(W) = −log P = Σ_{i<N} ( ‖Wx − y_i‖² + log Σ_{j≥i} exp −‖Wx − y_j‖² )

is the Plackett-Luce loss, and for N = 2 that of Bradley and Terry. One step of descent at rate η
changes the prediction f = Wx by

    2η‖x‖² Σ_{i<N} ( y_i − Σ_{j≥i} b_ij y_j ),    b_i = softmax over j ≥ i of −‖f − y_j‖².

As ‖x‖² is constant within a context, only f = Wx matters of W, and one token for each response is
enough. Source: arXiv 2405.18634; the gradient was derived again.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from selfcorrect.errors import UserError
from selfcorrect.theory.construction.blocks import Layout, width

#: An excluded logit is lower by so many nats: e^−45 is 3e-20, below the precision of float64.
SURE = 45.0


class Contexts(NamedTuple):
    """Contexts of one size.

    Attributes:
        x: queries [B, d].
        y: responses [B, N, d].
        r: rewards [B, N].
        w: the policies' W before the first step [B, d, d].
    """

    x: Tensor
    y: Tensor
    r: Tensor
    w: Tensor

    @property
    def start(self) -> Tensor:
        """f before the first step [B, d]."""
        return (self.w @ self.x[..., None])[..., 0]

    @property
    def scale(self) -> Tensor:
        """‖x‖² [B, 1]."""
        return (self.x**2).sum(-1, keepdim=True)

    def sorted(self) -> Contexts:
        """The same, with responses from the best to the worst."""
        order = self.r.argsort(dim=1, descending=True)
        y = self.y.gather(1, order[..., None].expand_as(self.y))
        return self._replace(y=y, r=self.r.gather(1, order))


class Limits(NamedTuple):
    """The numbers that the weights need to know of their contexts.

    Attributes:
        sharpness: Λ, at which a softmax of rewards selects the best.
        depth: M, by which the logit 2⟨f, y⟩ − ‖y‖² of an excluded response is lowered.
        gap: the smallest difference of two rewards of a context.
        lowest, spread: of all rewards: the lowest, and the highest less the lowest.
    """

    sharpness: float
    depth: float
    gap: float
    lowest: float
    spread: float


def sample(tasks: int, n: int, d: int, *, seed: int = 0, size: float | None = None) -> Contexts:
    """Contexts in general position, in float64.

    x has N(0, 1) entries, W*, each W_i and the starting W have N(0, size²), r_i ~ U(0, 1), and
    y_i = r_i W*x + (1 − r_i) W_i x. The paper's synthetic data have size 1 and one noise matrix a
    context, whose responses all lie on a line; here each has its own.

    Args:
        tasks: how many [B].
        n: responses in each.
        d: of x and y.
        seed: of the drawing.
        size: of the matrices' entries; without, 1/√d, so that y is about as long as x. At size 1
            responses lie so far apart that a softmax of their scores is nearly a maximum.

    Raises:
        UserError: a size below the least that makes sense.
    """
    for name, value, least in (("n", n, 2), ("d", d, 1), ("tasks", tasks, 1)):
        if value < least:
            raise UserError(f"{name} is {value}: give at least {least}{_WHY.get(name, '')}")
    g = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=g, dtype=torch.float64)

    size = d**-0.5 if size is None else size
    x, truth, noise = normal(tasks, d), size * normal(tasks, d, d), size * normal(tasks, n, d, d)
    r = torch.rand(tasks, n, generator=g, dtype=torch.float64)
    column = x[:, None, :, None]
    best, other = (truth[:, None] @ column)[..., 0], (noise @ column)[..., 0]
    y = r[..., None] * best + (1 - r[..., None]) * other
    return Contexts(x, y, r, size * normal(tasks, d, d))


_WHY = {"n": ", as one response has nothing to be ranked against"}


def check(contexts: Contexts) -> None:
    """Whether the rewards rank the responses.

    Raises:
        UserError: fewer than two responses; a reward that isn't finite; two that are equal.
    """
    r = contexts.r
    if r.shape[1] < 2:
        raise UserError("a context has one response: give at least 2, or there is nothing to rank")
    if not r.isfinite().all():
        raise UserError("a reward isn't a finite number: give every response a finite reward")
    if float(_gaps(r).min()) == 0:
        raise UserError(
            "two responses of a context have equal rewards, which rank neither first: make the "
            "rewards distinct"
        )


def limits(contexts: Contexts, rate: float, steps: int) -> Limits:
    """The smallest limits that make the weights exact for these contexts.

    Λ = (45 + ln(N−1)) / gap: a softmax of rewards then gives at most e^−45 to all responses but the
    best. M = R + 45 + ln(N−1), where R is the largest excess of an excluded response's logit over
    that of the best remaining one, over all steps of the descent.

    Args:
        contexts: also checked with :func:`check`.
        rate: η.
        steps: of descent.

    Raises:
        UserError: as :func:`check`; rewards too close for their sharpness; descent that diverges.
    """
    check(contexts)
    r, n = contexts.r, contexts.r.shape[1]
    gap, largest = float(_gaps(r).min()), float(r.abs().max())
    sure = SURE + math.log(n - 1)
    sharpness = sure / gap
    # logits up to Λ max|r| have a relative precision of 2⁻⁵³, which must still resolve a gap
    if not sharpness * largest * 2.0**-53 < 0.1:
        raise UserError(
            f"rewards that differ by as little as {gap:.1e} need the sharpness {sharpness:.1e}, "
            "at which logits overflow the precision of float64: round the rewards, or scale them, "
            "so that they are further apart"
        )
    path = descend(contexts, rate, steps)
    if not path.isfinite().all():
        raise UserError(f"descent at rate {rate:g} diverges on these contexts: give a lower rate")
    depth = max(0.0, float(excess(contexts, path).max())) + sure
    return Limits(sharpness, depth, gap, float(r.min()), float(r.max() - r.min()))


def stable_rate(contexts: Contexts) -> float:
    """The largest η at which no step of descent moves two predictions apart, in any context.

    L is convex in f with a Hessian of at most (N − 1) D², where D is the largest distance between
    two responses; so η = 2 / max ‖x‖² (N − 1) D². Below, rounding errors add up; above, each step
    may multiply them, in the construction and in descent alike. A D below 1 counts as 1: so flat a
    loss would allow steps to an f at which scores lose their precision.
    """
    n = contexts.r.shape[1]
    distance = torch.cdist(contexts.y, contexts.y).amax((1, 2)).clamp(min=1)
    return 2 / float((contexts.scale[:, 0] * (n - 1) * distance**2).max())


def excess(contexts: Contexts, path: Tensor) -> Tensor:
    """R: by how much the logit of an excluded response exceeds that of the best remaining one [B].

    The largest over the predictions of a path [T, B, d] and over the terms i = 2 … N−1, which
    exclude the i − 1 best responses; −∞ for N = 2, where nothing is excluded.
    """
    y = contexts.sorted().y
    logits, n = _logits(path, y), y.shape[1]
    found = [logits[..., :i].amax(-1) - logits[..., i:].amax(-1) for i in range(1, n - 1)]
    if not found:
        return logits.new_full((len(y),), -torch.inf)
    return torch.stack(found).amax((0, 1))


def descend(contexts: Contexts, rate: float, steps: int) -> Tensor:
    """The prediction before and after each step of descent on W by autograd [steps + 1, B, d]."""
    ordered = contexts.sorted()
    n = contexts.r.shape[1]
    earlier = torch.ones(n, n, dtype=torch.bool).tril(-1)  # [i, j]: response j is better than i
    w = contexts.w.clone()
    path = [contexts.start]
    for _ in range(steps):
        w = w.detach().requires_grad_()
        f = (w @ contexts.x[..., None])[..., 0]
        scores = -((f[:, None] - ordered.y) ** 2).sum(-1)
        remaining = scores[:, None].masked_fill(earlier, -torch.inf).logsumexp(2)
        (gradient,) = torch.autograd.grad((remaining - scores).sum(), w)
        w = w.detach() - rate * gradient
        path.append((w @ contexts.x[..., None])[..., 0])
    return torch.stack(path)


def embed(contexts: Contexts, places: Layout) -> Tensor:
    """One token a response [B, N, width].

    Besides x, y and r the tokens hold ``f`` = Wx (a linear map of x), ``s`` = ‖y‖², ``z`` = ‖x‖² y
    and ``one`` = 1, and ``place``, a one-hot position, where the layout has it. s and z are
    products, which attention and a feed-forward of finitely many units don't compute exactly; with
    a layout that has ``x`` the tokens hold neither, see
    :func:`selfcorrect.theory.construction.squares.squares`.

    Args:
        contexts: B of them.
        places: the layout.
    """
    n = contexts.y.shape[1]
    tokens = torch.zeros(*contexts.r.shape, width(places), dtype=torch.float64)
    held = {"f": contexts.start[:, None], "y": contexts.y}
    held |= {"r": contexts.r[..., None], "one": torch.ones(1, dtype=torch.float64)}
    if "x" in places:
        held["x"] = contexts.x[:, None]
    else:
        held["s"] = (contexts.y**2).sum(-1, keepdim=True)
        held["z"] = contexts.scale[:, None] * contexts.y
    if "place" in places:
        held["place"] = torch.eye(n, dtype=torch.float64)
    for name, value in held.items():
        tokens[..., places[name]] = value
    return tokens


def _logits(f: Tensor, y: Tensor) -> Tensor:
    """2⟨f, y⟩ − ‖y‖² [..., B, N] of f [..., B, d], y [B, N, d]: scores, up to a shared constant."""
    return 2 * (f[..., None, :] * y).sum(-1) - (y**2).sum(-1)


def _gaps(r: Tensor) -> Tensor:
    """The smallest difference of two rewards of each context [B]."""
    return r.sort(dim=1).values.diff(dim=1).amin(1)
