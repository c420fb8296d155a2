"""Small concepts made up on the spot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from selfcorrect.concepts import Bound, Concept

BOUND = Bound(
    model="tiny",
    fingerprint="a" * 16,
    tokenizer="b" * 16,
    template="c" * 16,
    hook="output of the layer",
    norm="none: before the model's last norm",
    bos=False,
    shown="text",
    data="d" * 16,
    seed=0,
)


def bound_to(model: Any) -> Bound:
    """To what a concept of this model is bound; a made-up model without an identity has none."""
    known = getattr(model, "identity", None)
    parts = {n: getattr(known, n) for n in ("tokenizer", "template", "bos")} if known else {}
    return replace(BOUND, model=model.name, fingerprint=model.fingerprint, **parts)


def made(layers: int = 2, hidden: int = 3, seed: int = 0, **more: Any) -> Concept:
    """A concept with random numbers."""
    rng = np.random.default_rng(seed)

    def numbers(*shape: int) -> Any:
        return rng.standard_normal(shape).astype(np.float32)

    given = {
        "name": "x",
        "kind": "mean",
        "site": "residual",
        "layer": 1,
        "directions": numbers(layers, hidden),
        "centre": numbers(layers, hidden),
        "scale": np.exp(numbers(layers, hidden)),
        "bias": numbers(layers),
        "norms": np.exp(numbers(layers)),
        "bound": BOUND,
        "figures": {"seen": 3},
    }
    return Concept(**{**given, **more})
