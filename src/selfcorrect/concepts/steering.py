"""A steer made of a concept: its direction, or a part of it, as long as its dose says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from selfcorrect.concepts.file import Concept
from selfcorrect.errors import UserError
from selfcorrect.models.base import Steer

#: What is left of a direction, as a share of it, is nothing where it is shorter.
_NOTHING = 1e-3


def steer(
    concept: Concept,
    alpha: float,
    layers: Sequence[int] | Literal["chosen", "all"] = "chosen",
    at: Literal["transcript", "reply"] = "transcript",
    part: str = "whole",
    others: Mapping[str, Concept] | None = None,
) -> Steer:
    """What a model is given to be steered by a concept.

    Args:
        concept: of the residual stream.
        alpha: the dose: at each layer so many times the median length of its states is added;
            below 0 is away from the concept.
        layers: after which layers; ``chosen`` is the concept's own, ``all`` those that have a
            direction.
        at: ``transcript``: at every token; ``reply``: from the last token before the reply on.
        part: ``whole``; ``orthogonal:OTHER``, what of the direction is orthogonal to the other
            concept's in the same layer; ``random:SEED``, a direction drawn in the space in which
            the concept's was found, where all numbers of a state vary alike.
        others: concepts by name, for ``orthogonal``.

    Raises:
        UserError: the concept isn't one of the residual stream, has no direction in a layer or
            doesn't know the lengths of its states; nothing of it is orthogonal; or alpha is too
            large for float32.
    """
    import torch

    if concept.site != "residual":
        raise UserError(
            f"the concept {concept.name} was read from the {concept.site} blocks, and steers are "
            "added to the residual stream: train it with --site residual."
        )
    chosen = _chosen(concept, layers)
    directions = [_direction(concept, layer, part, others or {}) for layer in chosen]
    if not all(concept.norms[layer] > 0 for layer in chosen):
        raise UserError(
            f"the concept {concept.name} doesn't say how long the model's states are, which a dose "
            "is measured in: train it here, or import it with the model (--model)."
        )
    vectors = [
        alpha * float(concept.norms[layer]) * direction
        for layer, direction in zip(chosen, directions, strict=True)
    ]
    with np.errstate(over="ignore"):
        every = np.stack(vectors).astype(np.float32)
    return Steer.of(chosen, torch.from_numpy(every), at)


def _chosen(concept: Concept, layers: Sequence[int] | str) -> tuple[int, ...]:
    if layers == "chosen":
        return (concept.layer,)
    if layers == "all":
        return concept.there
    return tuple(int(layer) for layer in layers)


def _direction(
    concept: Concept, layer: int, part: str, others: Mapping[str, Concept]
) -> NDArray[np.float64]:
    """Of length 1, in the model's own states."""
    own = concept.vector(layer).astype(np.float64)  # refuses a layer without one
    kind, _, told = part.partition(":")
    if kind == "orthogonal":
        if told not in others:
            raise UserError(f"no concept {told!r} is bound, to whose direction one is orthogonal.")
        other = others[told].vector(layer).astype(np.float64)
        own = own - (own @ other) * other
        if np.linalg.norm(own) < _NOTHING:
            raise UserError(
                f"nothing of the concept {concept.name} is orthogonal to {told} in layer {layer}: "
                "they are one direction."
            )
    elif kind == "random":
        drawn = np.random.default_rng([int(told), layer]).standard_normal(concept.hidden)
        own = drawn * concept.scale[layer]
    return np.asarray(own / np.linalg.norm(own))
