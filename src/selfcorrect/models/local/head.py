"""From last hidden states to decisions: logits that are exact where it matters.

In bfloat16 the output head's logits are too coarse to choose by: on BBQ more than 5 % of greedy
decisions have two best tokens with the very same 16-bit logit. A float32 product over the whole
vocabulary would cost twice the time of the 16-bit one, so the 16-bit product finds the few tokens
that can be among the best, and those, and the tokens asked for, are computed again in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from selfcorrect.errors import UserError

#: Bytes of a block's logits: glibc maps anything from 32 MiB on again each time.
BLOCK = 24 << 20

#: Tokens of which only the largest logit is looked at first: a whole vocabulary is not sorted.
_STRIPE = 64


@dataclass(frozen=True, slots=True)
class Decisions:
    """What can be decided at successive positions, float32.

    Attributes:
        start: number of the first position.
        logits: [positions, vocabulary], exact where it matters (see :meth:`Head.logits`).
        best: [positions], the tokens with the largest logits; ties go to the lowest id.
        top: [positions, 2], the two largest logits.
        norms: [positions], log Σ exp of the logits.
    """

    start: int
    logits: torch.Tensor
    best: torch.Tensor
    top: torch.Tensor
    norms: torch.Tensor


class Head:
    """The output head of a transformers model: its linear layer, scale and soft cap."""

    def __init__(self, model: Any) -> None:
        layer = model.get_output_embeddings()
        self.layer: torch.nn.Module = layer
        self.weight: torch.Tensor = layer.weight
        self.bias: torch.Tensor | None = getattr(layer, "bias", None)
        text = model.config.get_text_config()
        self.cap: float | None = getattr(text, "final_logit_softcapping", None)
        scaling = getattr(text, "logits_scaling", None)
        self.scale: float = 1.0 / scaling if scaling else getattr(text, "logit_scale", None) or 1.0
        # Rounding to 16 bits moves a logit by at most half a unit in the last place.
        self.rounding = torch.finfo(self.weight.dtype).eps if self.weight.itemsize == 2 else 0.0

    def logits(self, hidden: torch.Tensor, wanted: Sequence[tuple[int, int]] = ()) -> torch.Tensor:
        """Logits in float32, [positions, vocabulary].

        Exact (float32 product) for every token that could be best or second best, and for
        ``wanted`` (position, token) pairs; the others are off by at most a 16-bit rounding, which
        moves log Σ exp by less than .01 nats on the bundled model (tested).

        Args:
            hidden: [positions, hidden], in the model's dtype.
            wanted: pairs to be exact in any case.
        """
        return self._logits(hidden, wanted)[0]

    def _logits(
        self, hidden: torch.Tensor, wanted: Sequence[tuple[int, int]]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """:meth:`logits`, and the rows and tokens that could be best or second best, in order."""
        logits = self.layer(hidden).float()
        rows, tokens = self._near(logits)
        if self.rounding:
            every, some = rows, tokens
            if wanted:
                more = torch.tensor(wanted, device=rows.device)
                every, some = torch.cat([rows, more[:, 0]]), torch.cat([tokens, more[:, 1]])
            exact = (hidden.float()[every] * self.weight[some].float()).sum(-1)
            if self.bias is not None:
                exact += self.bias[some].float()
            logits[every, some] = exact
        if self.scale != 1.0:
            logits *= self.scale
        if self.cap is not None:
            logits = torch.tanh(logits / self.cap) * self.cap
        return logits, rows, tokens

    def _near(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows and tokens whose logits could be one of a row's two largest, before rounding."""
        vocabulary = logits.shape[1]
        width = _STRIPE if vocabulary >= 16 * _STRIPE else 1
        even = vocabulary // width * width
        largest = logits[:, :even].view(len(logits), -1, width).amax(-1)
        if even < vocabulary:
            largest = torch.cat([largest, logits[:, even:].amax(-1, keepdim=True)], dim=-1)
        # The second largest of the stripes' largest is at most the second largest of all.
        top = largest.topk(2, dim=-1).values
        floor = top[:, 1:] - 2 * self.rounding * top.abs().amax(-1, keepdim=True).clamp(min=1.0)
        rows, stripes = (largest >= floor).nonzero(as_tuple=True)
        tokens = stripes[:, None] * width + torch.arange(width, device=logits.device)
        inside = tokens < vocabulary
        values = logits[rows[:, None], tokens.clamp(max=vocabulary - 1)]
        which, place = (inside & (values >= floor[rows])).nonzero(as_tuple=True)
        return rows[which], tokens[which, place]

    def _decisions(
        self, start: int, hidden: torch.Tensor, wanted: Sequence[tuple[int, int]]
    ) -> Decisions:
        logits, rows, tokens = self._logits(hidden, wanted)
        counts = torch.bincount(rows, minlength=len(logits))
        if not counts.all():  # nothing compares with NaN
            dtype = str(self.weight.dtype).removeprefix("torch.")
            way = (
                "its files are damaged: get them again"
                if dtype == "float32"
                else ("use --dtype float32")
            )
            raise UserError(f"the model computed numbers that are not finite in {dtype}; {way}.")
        # The candidates of each position beside one another, by token.
        place = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
        shape = (len(logits), int(counts.max()))
        values = logits.new_full(shape, float("-inf"))
        values[rows, place] = logits[rows, tokens]
        ids = tokens.new_zeros(shape)
        ids[rows, place] = tokens
        best = ids.gather(1, values.argmax(-1, keepdim=True))
        top = values.topk(2, dim=-1).values
        # By way of log softmax, which is one pass over the vocabulary.
        norms = top[:, 0] - torch.log_softmax(logits, dim=-1).gather(1, best)[:, 0]
        return Decisions(start, logits, best[:, 0], top, norms)

    def likely(
        self, hidden: torch.Tensor, tokens: Sequence[int], *, among: bool = False
    ) -> torch.Tensor:
        """log p of a few tokens at every position, float32 [positions, tokens].

        With ``among`` it is that of each among these tokens, and no other's logit is computed.
        """
        if among:
            logits = hidden.float() @ self.weight[list(tokens)].float().T
            if self.bias is not None:
                logits = logits + self.bias[list(tokens)].float()
            logits = logits * self.scale
            if self.cap is not None:
                logits = torch.tanh(logits / self.cap) * self.cap
            return torch.log_softmax(logits, dim=-1)
        parts = []
        for start in range(0, len(hidden), self._block):
            part = hidden[start : start + self._block]
            pairs = [(p, token) for p in range(len(part)) for token in tokens]
            logits = self.logits(part, pairs)
            parts.append(logits[:, list(tokens)] - logits.logsumexp(-1, keepdim=True))
        return torch.cat(parts)

    def following(self, hidden: torch.Tensor, tokens: Sequence[int]) -> torch.Tensor:
        """log p of one token at each position, float32 [positions]."""
        parts = []
        for start in range(0, len(hidden), self._block):
            part = hidden[start : start + self._block]
            some = tokens[start : start + self._block]
            logits = self.logits(part, list(enumerate(some)))
            at = torch.tensor(some, device=logits.device)[:, None]
            parts.append(logits.gather(1, at)[:, 0] - logits.logsumexp(-1))
        return torch.cat(parts)

    @property
    def _block(self) -> int:
        """Positions whose logits are computed at a time."""
        return max(1, BLOCK // (4 * len(self.weight)))

    def blocks(self, hidden: torch.Tensor, wanted: Sequence[Sequence[int]]) -> Iterator[Decisions]:
        """Decisions at every position, in blocks.

        ``wanted[p]`` are the tokens whose logits must be exact at position p.

        Raises:
            UserError: the hidden states are not finite.
        """
        size = self._block
        for start in range(0, hidden.shape[0], size):
            part = hidden[start : start + size]
            pairs = [(p, token) for p in range(part.shape[0]) for token in wanted[start + p]]
            yield self._decisions(start, part, pairs)
