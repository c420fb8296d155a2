"""Activation: how far states lie along a concept, by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selfcorrect.concepts.file import Concept

if TYPE_CHECKING:
    import torch


class Activation(NamedTuple):
    """Of states [..., L].

    Attributes:
        cosine: of each state with the direction, in the standardised space of its layer; NaN where
            the state isn't finite, or its layer has no direction.
        probability: what the probe says of it, in the same cases NaN.
    """

    cosine: NDArray[np.float64]
    probability: NDArray[np.float64]


def activation(states: NDArray[np.floating], concept: Concept) -> Activation:
    """The activation of states.

    Args:
        states: [..., L, H], of the concept's site at all of its layers.
        concept: with L layers of H numbers.
    """
    with np.errstate(all="ignore"):
        z = (np.asarray(states, np.float64) - concept.centre) / concept.scale
        along = (z * concept.directions).sum(-1)
        lengths = np.linalg.norm(z, axis=-1) * np.linalg.norm(
            concept.directions.astype(np.float64), axis=-1
        )
        cosine = along / lengths
        probability = 1 / (1 + np.exp(-(along + concept.bias)))
    known = np.isfinite(cosine)
    return Activation(
        np.where(known, np.clip(cosine, -1, 1), np.nan), np.where(known, probability, np.nan)
    )


class Projector:
    """Several concepts of one site, ready for a device: states are projected where they are, and
    only two numbers a layer and concept leave it."""

    def __init__(self, concepts: Sequence[Concept]) -> None:
        """``concepts`` have the same layers."""
        self.concepts = tuple(concepts)
        self._on: dict[torch.device, tuple[torch.Tensor, ...]] = {}

    def of(self, states: torch.Tensor) -> tuple[list[list[float]], list[list[float]]]:
        """Cosines and probabilities [concepts][L] of the states [L, H] of one token, in float32;
        NaN as in :class:`Activation`."""
        import torch

        if states.device not in self._on:
            self._on[states.device] = self._stacked(states.device)
        centre, inverse, weights, lengths, bias = self._on[states.device]
        z = (states - centre) * inverse  # [concepts, L, H]
        along = torch.einsum("clh,clh->cl", z, weights)
        cosine = along / (z.norm(dim=-1) * lengths)
        probability = torch.sigmoid(along + bias)
        probability = torch.where(torch.isfinite(cosine), probability, torch.nan)
        found = torch.stack([cosine.clamp(-1, 1), probability]).tolist()
        return found[0], found[1]

    def _stacked(self, device: torch.device) -> tuple[torch.Tensor, ...]:
        import torch

        def stacked(name: str) -> torch.Tensor:
            every = [getattr(concept, name) for concept in self.concepts]
            return torch.from_numpy(np.stack(every)).to(device)

        weights = stacked("directions")
        return (
            stacked("centre"),
            1 / stacked("scale"),
            weights,
            weights.norm(dim=-1),
            stacked("bias"),
        )
