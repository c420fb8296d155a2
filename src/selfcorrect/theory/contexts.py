"""The synthetic contexts on which a transformer is trained and evaluated.

**original** (arXiv 2405.18634, section 5). A context has one query x ~ N(0, I_d), maps W*, W_ε
with entries from N(0, 1), and N responses with rewards r_i ~ U(0, 1):

    y_i = r_i W* x + (1 − r_i) W_ε x.

So all responses of a context lie on one line, between W_ε x and the truth W* x. The truth is never
shown, but two responses and their rewards determine it.

**warped** (this project's). Every response has its own noise, W_i instead of W_ε, and the rewards
are transformed by a random increasing function, another one in each context, so that their ranks
carry information and their values don't:

    y_i = u_i W* x + (1 − u_i) W_i x,   u_i ~ U(0, 1),   r_i = w(u_i).

A response with u_i near 1 is near the truth, so copying the best one is a shortcut that needs no
ranking.

**ranked** (this project's). Responses are independent of the truth, and their order is drawn from
the Plackett-Luce model with scores 2 cos(y_i, W* x), by the Gumbel-max trick:

    y_i uniform on the sphere of radius √d,   order by u_i = 2 cos(y_i, W* x) + G_i,

with G_i standard Gumbel. The rewards shown are draws from U(0, 1), sorted and given out in this
order: they carry nothing but the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from selfcorrect.errors import UserError

Kind = Literal["original", "warped", "ranked"]
KINDS: tuple[Kind, ...] = ("original", "warped", "ranked")
#: How much the order of ``ranked`` responses says of the truth: the factor of the cosine.
SHARP = 2.0


@dataclass(frozen=True)
class Contexts:
    """B contexts.

    Attributes:
        query: x [B, d].
        responses: y [B, N, d].
        rewards: r, as shown [B, N].
        truth: W* x [B, d].
    """

    query: Tensor
    responses: Tensor
    rewards: Tensor
    truth: Tensor

    def noisy(self, p: float, generator: torch.Generator) -> Contexts:
        """The same with each reward replaced, with probability p, by one from U(0, 1)."""
        if not 0 <= p <= 1:
            raise UserError(f"reward noise is a probability, from 0 to 1, not {p}.")
        r = self.rewards
        drawn = torch.rand(r.shape, generator=generator, device=r.device, dtype=r.dtype)
        hit = torch.rand(r.shape, generator=generator, device=r.device) < p
        return Contexts(self.query, self.responses, torch.where(hit, drawn, r), self.truth)


def sample(
    contexts: int,
    *,
    kind: Kind = "original",
    responses: int = 20,
    d: int = 5,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> Contexts:
    """Draw contexts.

    Args:
        contexts: how many, B.
        kind: see the module.
        responses: N of each.
        d: the dimension of queries and responses.
        generator: of the draws; its device is that of the result.
        dtype: of the result.

    Raises:
        UserError: N = 1, or an unknown kind.
    """
    if responses < 2:
        raise UserError(f"a ranking needs at least two responses a context, not {responses}.")
    if kind not in KINDS:
        raise UserError(f"there are no contexts {kind!r}: give {', '.join(KINDS)}.")
    of: dict[str, Any] = {"generator": generator, "device": generator.device, "dtype": dtype}
    x = torch.randn(contexts, d, **of)
    # W x with W ~ N(0, 1) is ‖x‖ times a standard normal vector: the maps need not be drawn
    size = x.norm(dim=-1, keepdim=True)
    truth = size * torch.randn(contexts, d, **of)
    if kind == "ranked":
        return _ranked(x, truth, responses, generator)
    each = responses if kind == "warped" else 1
    noise = size.unsqueeze(1) * torch.randn(contexts, each, d, **of)
    u = torch.rand(contexts, responses, **of)
    y = torch.lerp(noise.expand(-1, responses, -1), truth.unsqueeze(1), u.unsqueeze(-1))
    return Contexts(x, y, u if kind == "original" else _warped(u, generator), truth)


def _ranked(x: Tensor, truth: Tensor, responses: int, generator: torch.Generator) -> Contexts:
    of: dict[str, Any] = {"generator": generator, "device": x.device, "dtype": x.dtype}
    b, d = x.shape
    y = d**0.5 * torch.nn.functional.normalize(torch.randn(b, responses, d, **of), dim=-1)
    # −log of an exponential is a standard Gumbel
    gumbel = (
        -torch.empty(b, responses, device=x.device, dtype=x.dtype)
        .exponential_(generator=generator)
        .log()
    )
    u = SHARP * torch.cosine_similarity(y, truth.unsqueeze(1), dim=-1) + gumbel
    shown = torch.rand(b, responses, **of).sort(-1).values
    return Contexts(x, y, shown.gather(-1, u.argsort(-1).argsort(-1)), truth)


def _warped(u: Tensor, generator: torch.Generator) -> Tensor:
    """A random increasing function for each context, on [0, 1]: the distribution function of a
    mixture of three logistic distributions, rescaled to [0, 1]."""
    of: dict[str, Any] = {"generator": generator, "device": u.device, "dtype": u.dtype}
    shape = (len(u), 1, 3)
    centre, weight = torch.rand(shape, **of), torch.rand(shape, **of)
    steep = (1 + 2.5 * torch.rand(shape, **of)).exp()

    def rise(at: Tensor) -> Tensor:
        return (weight * torch.sigmoid(steep * (at.unsqueeze(-1) - centre))).sum(-1)

    zero, one = rise(torch.zeros_like(u[:, :1])), rise(torch.ones_like(u[:, :1]))
    warped: Tensor = (rise(u) - zero) / (one - zero)
    return warped
