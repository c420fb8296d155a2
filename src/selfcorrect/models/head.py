"""From last hidden states to decisions: logits that are exact where it matters.

In bfloat16 the output head's logits are too coarse to choose by: on BBQ more than 5 % of greedy
decisions have two best tokens with the very same 16-bit logit. A float32 product over the whole
vocabulary would cost twice the time of the 16-bit one, so the 16-bit product finds the few tokens
that can be among the best, and those, and the tokens asked for, are computed again in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.nn import functional as F

#: Positions per block: 64 × a vocabulary of 50,000 in float32 are 13 MB.
BLOCK = 64


class Head:
    """The output head of a transformers model: its linear layer, scale and soft cap."""

    def __init__(self, model: Any) -> None:
        layer = model.get_output_embeddings()
        self.weight: torch.Tensor = layer.weight
        self.bias: torch.Tensor | None = getattr(layer, "bias", None)
        text = model.config.get_text_config()
        self.cap: float | None = getattr(text, "final_logit_softcapping", None)
        scaling = getattr(text, "logits_scaling", None)
        self.scale: float = 1.0 / scaling if scaling else getattr(text, "logit_scale", None) or 1.0
        # Rounding to 16 bits moves a logit by at most half a unit in the last place.
        self.rounding = torch.finfo(self.weight.dtype).eps if self.weight.itemsize == 2 else 0.0

    def logits(
        self, hidden: torch.Tensor, wanted: Sequence[tuple[int, int]] = ()
    ) -> torch.Tensor:
        """Logits in float32, [positions, vocabulary].

        Exact (float32 product) for every token that could be best or second best, and for
        ``wanted`` (position, token) pairs; the others are off by at most a 16-bit rounding, which
        moves log Σ exp by less than .01 nats on the bundled model (tested).

        Args:
            hidden: [positions, hidden], in the model's dtype.
            wanted: pairs to be exact in any case.
        """
        logits = F.linear(hidden, self.weight, self.bias).float()
        if self.rounding:
            top = logits.topk(2, dim=-1).values
            slack = 2 * self.rounding * top.abs().amax(-1, keepdim=True).clamp(min=1.0)
            near = (logits >= top[:, 1:] - slack).nonzero()
            if wanted:
                near = torch.cat([near, torch.tensor(wanted, device=near.device)])
            rows, tokens = near[:, 0], near[:, 1]
            exact = (hidden.float()[rows] * self.weight[tokens].float()).sum(-1)
            if self.bias is not None:
                exact += self.bias[tokens].float()
            logits[rows, tokens] = exact
        if self.scale != 1.0:
            logits *= self.scale
        if self.cap is not None:
            logits = torch.tanh(logits / self.cap) * self.cap
        return logits

    def blocks(
        self, hidden: torch.Tensor, wanted: Sequence[Sequence[int]]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """:meth:`logits` in blocks, each with the number of its first position.

        ``wanted[p]`` are the tokens that must be exact at position p.
        """
        for start in range(0, hidden.shape[0], BLOCK):
            part = hidden[start : start + BLOCK]
            pairs = [
                (p, token)
                for p in range(part.shape[0])
                for token in wanted[start + p]
            ]
            yield start, self.logits(part, pairs)
