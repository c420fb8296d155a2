"""A transformer with explicit weights: attention, feed-forward, blocks, and a stack of them.

These are ordinary modules: they print, every matrix is a parameter that can be trained further, and
:meth:`Transformer.trace` goes through them block by block.

A head is described by what it compares and what it copies, in named channels of a token;
:func:`attention` makes its four matrices. Attention sees all tokens; there is no layer norm, and
logits aren't divided by √(key width), which the matrices could undo.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from selfcorrect.errors import UserError

#: The place of each channel in a token; ``y 2`` is the second number of the channel ``y``.
Layout = Mapping[str, slice]
#: Channels and their factors: ``{"r": 1, "best": -1}`` is r − best.
Combination = Mapping[str, float]


class Head(NamedTuple):
    """A head, described.

    Attributes:
        does: its purpose.
        logit: its logit is the sum over these of ⟨query, key⟩, each a combination of channels,
            the first of the attending token, the second of the attended one.
        copies: what it reads of the attended tokens, and the channels it adds this to.
    """

    does: str
    logit: Sequence[tuple[Combination, Combination]]
    copies: Sequence[tuple[Combination, Combination]]


class Unit(NamedTuple):
    """A hidden unit of a feed-forward: ``relu(reads + bias)``, added to ``writes``."""

    reads: Combination
    bias: float
    writes: Combination


class Seen(NamedTuple):
    """A block that was run.

    Attributes:
        step: the descent step it belongs to, from 1; 0 for a preparatory block.
        block: its number in that step, from 1.
        heads: the purpose of each head.
        maps: attention [B, heads, queries, keys].
        tokens: the tokens after it [B, N, width].
    """

    step: int
    block: int
    heads: tuple[str, ...]
    maps: Tensor
    tokens: Tensor


class Attention(nn.Module):
    """Softmax multi-head attention with explicit matrices.

    ``w_q`` and ``w_k`` are [heads, key width, width], ``w_v`` [heads, value width, width] and
    ``w_o`` [heads, width, value width]; they start at 0.

    Raises:
        UserError: more heads than width.
    """

    def __init__(self, width: int, does: Sequence[str], keys: int, values: int) -> None:
        super().__init__()
        heads = len(does)
        if heads > width:
            raise UserError(
                f"attention of {heads} heads needs tokens at least {heads} wide, and these are "
                f"{width} wide: take fewer heads or a greater width"
            )
        self.does = tuple(does)
        self.w_q = _zeros(heads, keys, width)
        self.w_k = _zeros(heads, keys, width)
        self.w_v = _zeros(heads, values, width)
        self.w_o = _zeros(heads, width, values)

    def forward(self, tokens: Tensor, causal: bool = False) -> tuple[Tensor, Tensor]:
        """The update of the tokens [B, N, width], and the maps [B, heads, N, N].

        Args:
            tokens: [B, N, width].
            causal: a token sees only itself and those before it.
        """
        x = tokens[:, None]
        logits = (x @ self.w_q.mT) @ (x @ self.w_k.mT).mT
        if causal:
            n = tokens.shape[1]
            later = torch.ones(n, n, dtype=torch.bool, device=tokens.device).triu(1)
            logits = logits.masked_fill(later, -torch.inf)
        maps = logits.softmax(-1)
        return ((maps @ (x @ self.w_v.mT)) @ self.w_o.mT).sum(1), maps

    def extra_repr(self) -> str:
        """Sizes, and a line for each head (of many, the first two and the last)."""
        heads, keys, width = self.w_q.shape
        lines = [f"head {k}: {text}" for k, text in enumerate(self.does, 1)]
        lines = lines if heads <= 4 else [*lines[:2], "…", lines[-1]]
        sizes = f"width={width}, heads={heads}, keys={keys}, values={self.w_v.shape[1]}"
        return "\n".join([sizes, *lines])


class FeedForward(nn.Module):
    """``w_2 relu(w_1 h + b_1)`` with explicit matrices.

    ``w_1`` is [hidden, width], ``b_1`` [hidden] and ``w_2`` [width, hidden]; they start at 0.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w_1, self.b_1 = _zeros(hidden, width), _zeros(hidden)
        self.w_2 = _zeros(width, hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        """The update of the tokens [B, N, width]."""
        return (tokens @ self.w_1.mT + self.b_1).relu() @ self.w_2.mT

    def extra_repr(self) -> str:
        """Sizes."""
        hidden, width = self.w_1.shape
        return f"width={width}, hidden={hidden}"


class Block(nn.Module):
    """Attention, then a feed-forward, each added to the tokens; either may be missing."""

    def __init__(
        self, attention: Attention | None = None, feed_forward: FeedForward | None = None
    ) -> None:
        super().__init__()
        self.attention, self.feed_forward = attention, feed_forward

    def forward(self, tokens: Tensor, causal: bool = False) -> tuple[Tensor, Tensor]:
        """The tokens after it [B, N, width], and its maps [B, heads, N, N]."""
        b, n, _ = tokens.shape
        maps = tokens.new_zeros(b, 0, n, n)
        if self.attention is not None:
            update, maps = self.attention(tokens, causal)
            tokens = tokens + update
        if self.feed_forward is not None:
            tokens = tokens + self.feed_forward(tokens)
        return tokens, maps


class Transformer(nn.Module):
    """Preparatory blocks, then the blocks of each descent step.

    Attributes:
        layout: the channels of its tokens; ``f`` is the prediction.
        prepare: the preparatory blocks.
        steps: the blocks of each step. No two steps share weights, so each can be trained.
    """

    def __init__(
        self, layout: Layout, prepare: Sequence[Block], steps: Sequence[Sequence[Block]]
    ) -> None:
        super().__init__()
        self.layout = layout
        self.prepare = nn.ModuleList(prepare)
        self.steps = nn.ModuleList(nn.ModuleList(blocks) for blocks in steps)

    def forward(self, tokens: Tensor, causal: bool = False) -> Tensor:
        """The tokens after all blocks [B, N, width].

        Args:
            tokens: [B, N, width], see :func:`selfcorrect.theory.construction.tokens.embed`.
            causal: a token sees only itself and those before it.
        """
        for seen in self._walk(tokens, causal):
            tokens = seen.tokens
        return tokens

    def blocks(self) -> list[list[Block]]:
        """The preparatory blocks, then those of each step."""
        groups = [self.prepare, *(cast(nn.ModuleList, step) for step in self.steps)]
        return [[cast(Block, block) for block in group] for group in groups]

    def trace(self, tokens: Tensor, causal: bool = False) -> list[Seen]:
        """Every block as it was run, in order; arguments as in :meth:`forward`."""
        return list(self._walk(tokens, causal))

    def _walk(self, tokens: Tensor, causal: bool) -> Iterator[Seen]:
        for step, group in enumerate(self.blocks()):
            for place, block in enumerate(group, 1):
                tokens, maps = block(tokens, causal)
                does = block.attention.does if block.attention is not None else ()
                yield Seen(step, place, does, maps, tokens)

    def prediction(self, tokens: Tensor) -> Tensor:
        """f as each token holds it [B, N, d], of tokens [B, N, width]."""
        return tokens[..., self.layout["f"]]


def layout(**sizes: int) -> dict[str, slice]:
    """Channels side by side, by name and size; each number of a channel has a name as well.

    ``layout(f=2, r=1)`` has ``f``, ``f 1``, ``f 2`` and ``r``; a channel of size 0 is empty.
    """
    places: dict[str, slice] = {}
    start = 0
    for name, size in sizes.items():
        places[name] = slice(start, start + size)
        places |= {f"{name} {k + 1}": slice(start + k, start + k + 1) for k in range(size)}
        start += size
    return places


def width(places: Layout) -> int:
    """The number of numbers in a token."""
    return max(int(place.stop) for place in places.values())


def attention(places: Layout, heads: Sequence[Head]) -> Attention:
    """The attention with these heads."""

    size = width(places)

    def rows(of: Sequence[Combination]) -> Tensor:
        return torch.cat([_matrix(places, size, each) for each in of])

    queries = [rows([query for query, _ in head.logit] or [{}]) for head in heads]
    keys = [rows([key for _, key in head.logit] or [{}]) for head in heads]
    values = [rows([value for value, _ in head.copies]) for head in heads]
    writes = [rows([into for _, into in head.copies]) for head in heads]
    made = Attention(
        size,
        [head.does for head in heads],
        max(len(each) for each in keys),
        max(len(each) for each in values),
    )
    with torch.no_grad():
        for h in range(len(heads)):
            made.w_q[h, : len(queries[h])] = queries[h]
            made.w_k[h, : len(keys[h])] = keys[h]
            made.w_v[h, : len(values[h])] = values[h]
            made.w_o[h, :, : len(writes[h])] = writes[h].T
    return made


def feed_forward(places: Layout, units: Sequence[Unit]) -> FeedForward:
    """The feed-forward with these hidden units; they read and write single numbers."""
    made = FeedForward(width(places), len(units))
    w_1, w_2 = torch.zeros_like(made.w_1), torch.zeros_like(made.w_2)
    for k, unit in enumerate(units):
        for name, factor in unit.reads.items():
            w_1[k, places[name].start] += factor
        for name, factor in unit.writes.items():
            w_2[places[name].start, k] += factor
    with torch.no_grad():
        made.w_1.copy_(w_1)
        made.w_2.copy_(w_2)
        made.b_1.copy_(torch.tensor([unit.bias for unit in units], dtype=torch.float64))
    return made


def _matrix(places: Layout, width: int, combination: Combination) -> Tensor:
    """The matrix that computes the combination from a token [size of its channels, width]."""
    size = max([places[name].stop - places[name].start for name in combination], default=1)
    matrix = torch.zeros(size, width, dtype=torch.float64)
    for name, factor in combination.items():
        place = places[name]
        matrix[range(size), range(place.start, place.stop)] += factor
    return matrix


def _zeros(*size: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(*size, dtype=torch.float64))
