"""One pass over many versions of one token of each of several dialogues.

What stands before the token is cached and looked at by all versions; they don't see one another. No
keys and values are kept. Up to a stated layer all versions are the same and known, so only the
layers above it are computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from selfcorrect.models.local.pages import PAGE, Pool


@dataclass(frozen=True, slots=True)
class Blade:
    """The versions of one dialogue's token.

    Attributes:
        pages: which hold what stands before it.
        past: so many tokens.
        start, end: where the versions stand in the pass.
    """

    pages: Sequence[int]
    past: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Fan:
    """A pass over versions: what attention looks at.

    Attributes:
        pool: of the pages.
        blades: one a dialogue, in the order of the pass.
        rows: as in a pack, the positions that are read: all.
    """

    pool: Pool
    blades: Sequence[Blade]
    rows: None = None

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        window: int,
        softcap: float | None,
        s_aux: torch.Tensor | None,
    ) -> torch.Tensor:
        """Attention of each version over what stands before it, and itself.

        Args:
            layer: its number.
            query: [1, heads, tokens, size], scaled.
            key, value: [1, kv heads, tokens, …].
            window: how many tokens are looked at, 0 for all.
            softcap, s_aux: as transformers gives them to an attention function.

        Returns:
            [1, tokens, heads, size].
        """
        heads, tokens, size = query.shape[1:]
        kv, width = value.shape[1], value.shape[3]
        out = query.new_empty(kv, heads // kv, tokens, width)
        q_all = query.view(kv, heads // kv, tokens, size)
        sinks = None if s_aux is None else s_aux.view(kv, heads // kv, 1, 1)
        for blade in self.blades:
            here = slice(blade.start, blade.end)
            first = max(0, blade.past + 1 - window) if window else 0
            k, v = (
                self._before(store[layer], blade, first, kv)
                for store in (self.pool.keys, self.pool.values)
            )
            q = q_all[:, :, here].reshape(kv, -1, size)
            scores = torch.bmm(q, k.transpose(1, 2)).view(kv, heads // kv, -1, k.shape[1])
            own = (q_all[:, :, here] * key[0, :, None, here]).sum(-1, keepdim=True)
            scores = torch.cat([scores, own], dim=-1)
            if softcap is not None:
                scores = torch.tanh(scores / softcap) * softcap
            if sinks is not None:
                sink = sinks.to(scores.dtype).expand(-1, -1, scores.shape[2], -1)
                scores = torch.cat([scores, sink], dim=-1)
            weights = torch.softmax(scores, dim=-1)
            past = k.shape[1]
            mixed = torch.bmm(weights[..., :past].reshape(kv, -1, past), v)
            itself = weights[..., past : past + 1] * value[0, :, None, here]
            out[:, :, here] = mixed.view(kv, heads // kv, -1, width) + itself
        return out.view(1, heads, tokens, width).transpose(1, 2).contiguous()

    @staticmethod
    def _before(store: torch.Tensor, blade: Blade, first: int, kv: int) -> torch.Tensor:
        """A layer's keys, or values, of the tokens ``first`` … [kv heads, tokens, size]."""
        low = first // PAGE
        pages = torch.tensor(blade.pages[low : -(-blade.past // PAGE)], device=store.device)
        each = torch.arange(kv, device=store.device)[:, None]
        rows = (pages.long()[None] * kv + each).flatten()
        found = store.index_select(0, rows).view(kv, len(pages) * PAGE, -1)
        return found[:, first - low * PAGE : blade.past - low * PAGE]


@contextmanager
def from_layer(every: Any, number: int, states: torch.Tensor, *, as_tuple: bool) -> Iterator[None]:
    """Passes in which the layers up to this one aren't computed: its output is given.

    Args:
        every: the decoder's layers.
        number: the last that isn't computed.
        states: [1, tokens, hidden], its output.
        as_tuple: whether layers of this model give tuples.
    """

    def through(hidden: torch.Tensor, *_: Any, **__: Any) -> Any:
        return (hidden,) if as_tuple else hidden

    def known(*_: Any, **__: Any) -> Any:
        return (states,) if as_tuple else states

    replaced = [layer for n, layer in enumerate(every) if n <= number]
    own = [layer.__dict__.get("forward") for layer in replaced]
    try:
        for n, layer in enumerate(replaced):
            layer.forward = known if n == number else through
        yield
    finally:
        for layer, before in zip(replaced, own, strict=True):
            if before is None:
                del layer.forward
            else:
                layer.forward = before
