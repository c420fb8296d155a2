"""A small causal transformer that reads contexts, with a setting for every part.

An ablation changes one thing: every variant keeps the causal mask and the residual stream, so none
sees later tokens and none loses its input. ``causal=False`` and ``renormalised=True`` give what the
paper's released variants do instead.

- **one-token format**: a triple is one token (x, y, r); the prediction is read at token k, which
  has seen k triples.
- **interleaved format**: x, y and r are separate tokens, three for each triple, as in
  arXiv 2405.18634; the prediction is read at the x that follows n triples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from selfcorrect.errors import UserError
from selfcorrect.theory.contexts import Contexts

Format = Literal["one-token", "interleaved"]
Start = Literal["scaled", "gpt2"]


@dataclass(frozen=True)
class Shape:
    """The shape of a transformer.

    Attributes:
        layers: their number.
        heads: of each attention; they divide the width.
        width: of the residual stream.
        attention: ``softmax``, or ``linear`` (the same without the softmax, divided by the number
            of tokens attended to).
        ffn: with a feed-forward part of four times the width.
        format: of the tokens, see the module.
        causal: a token attends to itself and those before it; otherwise to all, so that every
            prediction has seen the whole context.
        renormalised: the residual stream goes through a layer norm after each block, so that the
            input fades.
        d: of queries and responses.
        responses: N of each context.

    Raises:
        UserError: more heads than width, heads that don't divide it, or fewer than one layer.
    """

    layers: int = 3
    heads: int = 3
    width: int = 48
    attention: Literal["softmax", "linear"] = "softmax"
    ffn: bool = True
    format: Format = "one-token"
    causal: bool = True
    renormalised: bool = False
    d: int = 5
    responses: int = 20

    def __post_init__(self) -> None:
        if min(self.layers, self.heads, self.width) < 1:
            raise UserError("a transformer needs at least one layer, one head and width 1.")
        if self.heads > self.width:
            raise UserError(
                f"{self.heads} heads don't fit a width of {self.width}: give fewer heads."
            )
        if self.width % self.heads:
            raise UserError(
                f"a width of {self.width} can't be shared by {self.heads} heads: give a multiple."
            )

    @property
    def tokens(self) -> int:
        """Number of tokens of a context: one for each triple, or three."""
        return self.responses * (1 if self.format == "one-token" else 3)


class Transformer(nn.Module):
    """Reads contexts, and gives a prediction after each triple."""

    def __init__(self, shape: Shape, generator: torch.Generator, start: Start = "scaled") -> None:
        super().__init__()
        self.shape = shape
        d, width = shape.d, shape.width
        parts = {"one-token": [2 * d + 1], "interleaved": [d, d, 1]}[shape.format]
        self.read = nn.ModuleList(nn.Linear(k, width) for k in parts)
        self.place = nn.Parameter(torch.zeros(shape.tokens, width))
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(width)
        self.write = nn.Linear(width, d, bias=False)
        self.to(generator.device)
        with torch.no_grad():
            {"scaled": _scaled, "gpt2": _as_gpt2}[start](self, generator)

    def forward(self, contexts: Contexts) -> Tensor:
        """The predictions [B, N, d].

        In the one-token format the k-th (from 0) has seen triples 0 … k; in the interleaved one it
        is read at the query of triple k and has seen those before it.
        """
        x, y = contexts.query, contexts.responses
        # scaled to mean 0 and variance 1, like the coordinates of x
        r = (contexts.rewards.unsqueeze(-1) - 0.5) * 12**0.5
        x = x.unsqueeze(1).expand(-1, y.shape[1], -1)
        if self.shape.format == "one-token":
            h = self.read[0](torch.cat([x, y, r], -1))
        else:
            each = [read(part) for read, part in zip(self.read, (x, y, r), strict=True)]
            h = torch.stack(each, 2).flatten(1, 2)
        h = h + self.place
        for block in self.blocks:
            h = block(h)
        if self.shape.format == "interleaved":
            h = h[:, ::3]
        predictions: Tensor = self.write(self.norm(h))
        return predictions


def _scaled(model: Transformer, generator: torch.Generator) -> None:
    """Weights N(0, 1/fan-in), biases 0. The position of an interleaved token is the sum of a code
    of its triple and one of its part; without this the format is learnt much more slowly."""
    for module in _linear(model):
        module.weight.normal_(0, module.in_features**-0.5, generator=generator)
    n, width = model.shape.responses, model.shape.width
    of: dict[str, Any] = {"generator": generator}
    of_triple = model.place.new_empty(n, 1, width).normal_(0, 0.5, **of)
    of_part = model.place.new_empty(1, model.shape.tokens // n, width).normal_(0, 0.5, **of)
    model.place.copy_((of_triple + of_part).flatten(0, 1))


def _as_gpt2(model: Transformer, generator: torch.Generator) -> None:
    """As in GPT-2: weights and positions N(0, .02²), biases 0. The layers that read tokens and
    write predictions aren't part of GPT-2, and are uniform within ±1/√fan-in."""
    for module in _linear(model):
        module.weight.normal_(0, 0.02, generator=generator)
    for module in (*model.read, model.write):
        limit = module.in_features**-0.5
        module.weight.uniform_(-limit, limit, generator=generator)
    model.place.normal_(0, 0.02, generator=generator)


def _linear(model: Transformer) -> list[nn.Linear]:
    """Every linear map, with its bias set to 0."""
    found = [module for module in model.modules() if isinstance(module, nn.Linear)]
    for module in found:
        if module.bias is not None:
            module.bias.zero_()
    return found


class _Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads, self.softmax = shape.heads, shape.attention == "softmax"
        self.causal = shape.causal
        self.before = nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.ffn = (
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, 4 * width),
                nn.GELU(),
                nn.Linear(4 * width, width),
            )
            if shape.ffn
            else None
        )
        self.after = nn.LayerNorm(width) if shape.renormalised else None

    def forward(self, h: Tensor) -> Tensor:
        b, t, width = h.shape
        q, k, v = (
            part.view(b, t, self.heads, -1).transpose(1, 2)
            for part in self.attend(self.before(h)).chunk(3, -1)
        )
        if self.softmax:
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
            seen = torch.full_like(h[0, :, :1], t)
            if self.causal:
                logits, seen = logits.tril(), seen.new_ones(t, 1).cumsum(0)
            mixed = (logits / seen) @ v
        h = h + self.out(mixed.transpose(1, 2).reshape(b, t, width))
        h = h if self.ffn is None else h + self.ffn(h)
        return h if self.after is None else self.after(h)
