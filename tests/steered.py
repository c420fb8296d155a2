"""What a steer does, by plain hooks on transformers' own pass over a whole transcript."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from selfcorrect.models.base import Steer


def layers(twin: Any) -> Any:
    """The layers of a tiny network, wherever its kind keeps them."""
    body = next(getattr(twin, name) for name in ("model", "transformer", "gpt_neox", "backbone")
                if hasattr(twin, name))  # fmt: skip
    return next(getattr(body, name) for name in ("layers", "h") if hasattr(body, name))


@contextmanager
def hooked(twin: Any, steer: Steer | None, start: int) -> Iterator[dict[int, torch.Tensor]]:
    """Passes in which the steer's vectors are added from a position on; gives the states after each
    layer, [tokens, hidden]."""
    seen: dict[int, torch.Tensor] = {}

    def hook(number: int) -> Any:
        def add(_module: Any, _inputs: Any, output: Any) -> Any:
            states = output[0] if isinstance(output, tuple) else output
            if steer is not None and number in steer.layers:
                vector = steer.vectors[steer.layers.index(number)].to(states.dtype)
                kept, moved = states[:, :start], states[:, start:] + vector
                states = torch.cat([kept, moved], dim=1)
            seen[number] = states[0]
            return (states, *output[1:]) if isinstance(output, tuple) else states

        return add

    handles = [
        layer.register_forward_hook(hook(number)) for number, layer in enumerate(layers(twin))
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def logps(twin: Any, ids: Sequence[int], steer: Steer | None, start: int) -> torch.Tensor:
    """log p of every next token, [tokens, vocabulary]."""
    with torch.inference_mode(), hooked(twin, steer, start):
        return torch.log_softmax(twin(torch.tensor([list(ids)])).logits[0].float(), dim=-1)


def states(twin: Any, ids: Sequence[int], steer: Steer | None, start: int, layer: int) -> Any:
    """The states after a layer, [tokens, hidden]."""
    with torch.inference_mode(), hooked(twin, steer, start) as seen:
        twin(torch.tensor([list(ids)]))
    return seen[layer]


def greedy(
    twin: Any, ids: Sequence[int], steer: Steer | None, start: int, most: int, ends: Sequence[int]
) -> list[int]:
    """A reply, token by token, each from a pass over everything before it."""
    found: list[int] = []
    while len(found) < most and not (found and found[-1] in ends):
        found.append(int(logps(twin, [*ids, *found], steer, start)[-1].argmax()))
    return found


def some_steer(layers: Sequence[int], seed: int, size: float, at: Any, hidden: int = 32) -> Steer:
    """A steer with random vectors of that length."""
    vectors = torch.randn(len(layers), hidden, generator=torch.Generator().manual_seed(seed))
    return Steer.of(layers, size * vectors / vectors.norm(dim=1, keepdim=True), at)
