"""Where transformers' models keep their layers, and the blocks of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_LAYERS = ("layers", "h", "blocks")
_BLOCKS = {"attention": ("self_attn", "attn", "attention"), "mlp": ("mlp", "feed_forward")}


def layers(decoder: Any) -> Any:
    """The list of a decoder's layers, ``None`` if it isn't found."""
    return _child(decoder, _LAYERS)


def block(layer: Any, kind: str) -> Any:
    """The ``attention`` or ``mlp`` block of a layer, ``None`` if it isn't found."""
    return _child(layer, _BLOCKS[kind])


def _child(module: Any, names: Sequence[str]) -> Any:
    return next((getattr(module, name) for name in names if hasattr(module, name)), None)
