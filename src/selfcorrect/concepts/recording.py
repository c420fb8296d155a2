"""What is read of the hidden states beside an answer: the activation of concepts, by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, TypedDict

from selfcorrect.concepts.activations import Projector
from selfcorrect.concepts.file import Concept
from selfcorrect.models.base import Site
from selfcorrect.models.sites import BEFORE_ANSWER, FIRST_ANSWER

if TYPE_CHECKING:
    import torch

#: Where states are read.
PLACES = (BEFORE_ANSWER, FIRST_ANSWER)


class ActivationRecord(TypedDict):
    """The activation of one concept in one layer at one place; ``None`` where a state isn't
    finite."""

    concept: str
    kind: str
    layer: int
    at: str
    value: float | None
    p: float | None


class Recorder:
    """Reads several concepts in the pass that elicits an answer.

    Attributes:
        sites: what a request asks for: each kind of states once, however many concepts there are.
        before: the same, before the answer alone.
    """

    def __init__(self, concepts: Sequence[Concept]) -> None:
        """``concepts`` are of one model."""
        kinds: dict[str, list[Concept]] = {}
        for concept in concepts:
            kinds.setdefault(concept.site, []).append(concept)
        self._projectors = {kind: Projector(mine) for kind, mine in kinds.items()}
        self._where: dict[Site, str] = {}
        for kind, mine in kinds.items():
            every = tuple(range(mine[0].layers))
            for place in PLACES:
                self._where[Site(kind, every, place)] = kind  # type: ignore[arg-type]
        self._there = {id(concept): concept.there for concept in concepts}
        self.sites = tuple(self._where)
        self.before = tuple(site for site in self.sites if site.at == BEFORE_ANSWER)

    def of(self, states: Mapping[Site, torch.Tensor]) -> list[ActivationRecord]:
        """The activations in the states of one reply, by concept, place and layer.

        A reply of no token that was encoded has none at its first token.
        """
        found: list[ActivationRecord] = []
        for site, kind in self._where.items():
            if site not in states:
                continue
            projector = self._projectors[kind]
            cosines, probabilities = projector.of(states[site])
            for concept, cosine, p in zip(projector.concepts, cosines, probabilities, strict=True):
                found += [
                    {
                        "concept": concept.name,
                        "kind": site.kind,
                        "layer": layer,
                        "at": site.at,
                        "value": cosine[layer] if isfinite(cosine[layer]) else None,
                        "p": p[layer] if isfinite(p[layer]) else None,
                    }
                    for layer in self._there[id(concept)]
                ]
        return found
