"""Linear layers with their weights laid out once as the processor's matrix product wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch

#: Above this the second copy of the weights is not worth its memory.
_LARGEST = 2 << 30


def prepack(network: torch.nn.Module) -> int:
    """Give the linear layers of a model on the CPU prepared weights.

    A weight is otherwise rearranged at every call, which is felt most in passes of few tokens: in
    float32 the output head of 48 of them took twice the time. In bfloat16 the result is the same
    bit for bit; in float32 it is oneDNN's in place of MKL's, equal up to rounding. The weights in
    the ordinary layout stay, for whoever reads them.

    Returns:
        How many layers were prepared: 0 where the model is large or this torch can't.
    """
    layers = [m for m in network.modules() if type(m) is torch.nn.Linear and _fits(m.weight)]
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return 0
    if sum(m.weight.nbytes for m in layers) > _LARGEST:
        return 0
    try:
        for layer in layers:
            layer.forward = _prepared(layer)  # type: ignore[method-assign, assignment]
    except (RuntimeError, AttributeError):
        for layer in layers:
            layer.__dict__.pop("forward", None)
        return 0
    return len(layers)


def _fits(weight: torch.Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype in (torch.bfloat16, torch.float32)


def _prepared(layer: torch.nn.Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), 512)
    bias = layer.bias
    linear = torch.ops.mkldnn._linear_pointwise
    probe = torch.ones(2, layer.in_features, dtype=layer.weight.dtype)
    linear(probe, weight, bias, "none", [], "")

    def forward(x: torch.Tensor) -> torch.Tensor:
        if x.numel() == layer.in_features:
            # For a single token oneDNN adds in another order, and a result would depend on
            # whether another dialogue happens to be in the pass.
            pair = linear(x.expand(*x.shape[:-2], 2, -1), weight, bias, "none", [], "")
            return cast(torch.Tensor, pair)[..., :1, :]
        out: torch.Tensor = linear(x, weight, bias, "none", [], "")
        return out

    return forward
