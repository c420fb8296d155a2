"""Directions to hold the concept's against: such as mean nothing, and the states' own length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selfcorrect.concepts.data import BUNDLED, Texts, bundled, from_file
from selfcorrect.concepts.file import Concept
from selfcorrect.errors import UserError
from selfcorrect.measures.clusters import Floats

if TYPE_CHECKING:
    from selfcorrect.models.local.model import LocalModel

#: Kinds of concepts that can be made again from labels that were shuffled.
_AGAIN = ("linear", "mean")


@dataclass(frozen=True)
class Directions:
    """Of length 1 each, in the model's own states.

    Attributes:
        null: those that mean nothing [J, hidden].
        of_texts: so many of them are made as the concept is, from its own texts with labels that
            were shuffled: all, or 0 where those texts aren't at hand.
        longer: of the mean state: a step along it makes states longer, and little else [hidden].
    """

    null: Floats
    of_texts: int
    longer: Floats


def directions(
    model: LocalModel, concept: Concept, layer: int, states: Floats, many: int, seed: int
) -> Directions:
    """Those of a study.

    Where the concept's texts are at hand, all that mean nothing are made from them as the concept
    is, but with shuffled labels: if labels were no matter, the concept's direction would be one
    like those. Directions drawn with the covariance of the questions' states wouldn't do beside
    them: where questions differ in the concept, those hold it.

    Args:
        model: the concept's, open.
        concept: the one that is steered by.
        layer: after which.
        states: of the questions where their answers begin [D, hidden].
        many: how many that mean nothing.
        seed: of them.
    """
    made = shuffled(model, concept, layer, many, seed)
    mean = states.mean(axis=0)
    return Directions(
        made if len(made) else null(states, many, seed),
        len(made),
        mean / (float(np.linalg.norm(mean)) or 1.0),
    )


def null(states: Floats, many: int, seed: int) -> Floats:
    """Directions of length 1 that mean nothing, of the kind that states vary along [J, hidden].

    Every other is drawn with the states' own covariance, the rest are differences of means between
    halves that labels drawn at random make.

    Args:
        states: [D, hidden].
        many: how many.
        seed: of them.
    """
    rng = np.random.default_rng(seed)
    centred = states - states.mean(axis=0)
    weights = np.empty((many, len(states)))
    for j in range(many):
        if j % 2:
            labels = np.where(rng.permutation(len(states)) < len(states) // 2, 1.0, -1.0)
            weights[j] = labels / np.where(labels > 0, (labels > 0).sum(), (labels < 0).sum())
        else:
            weights[j] = rng.standard_normal(len(states))
    return _of_length_1(weights @ centred)


def shuffled(model: LocalModel, concept: Concept, layer: int, many: int, seed: int) -> Floats:
    """Directions made as the concept is, from its own texts with shuffled labels [many, hidden];
    none where the texts aren't at hand, or it is of a kind that can't be made so."""
    from selfcorrect.concepts.probes import FITS, STRENGTHS
    from selfcorrect.concepts.states import states_of

    texts = texts_of(concept)
    if texts is None:
        return np.empty((0, concept.hidden))
    said = [item.shown for item in texts.items]
    labels = np.array([item.label for item in texts.items], np.int64)
    prefill = str(concept.figures.get("prefill", ""))
    every = states_of(model, said, concept.site, concept.bound.shown, prefill)
    states = every[:, layer : layer + 1].astype(np.float64)
    fit = FITS[concept.kind]

    def made(labels: NDArray[np.int64], strength: int, seed: int) -> Floats:
        found = fit(states, labels, seed, np.array([strength]))
        return np.asarray(found.weights[0, 0] * found.scale[0])

    # which strength the concept's own was made with isn't in its file: the one that gives it again
    own = concept.vector(layer)
    alike = _of_length_1(np.stack([made(labels, k, seed) for k in range(len(STRENGTHS))])) @ own
    strength = int(np.argmax(alike))
    rng = np.random.default_rng(seed)
    others = [made(rng.permutation(labels), strength, seed + j) for j in range(many)]
    return _of_length_1(np.stack(others))


def texts_of(concept: Concept) -> Texts | None:
    """The labelled texts that a concept was made from, where they are still there and the same."""
    if concept.kind not in _AGAIN:
        return None
    for name in BUNDLED:
        texts = bundled(name)
        if texts.fingerprint == concept.bound.data:
            return texts
    try:
        texts = from_file(str(concept.figures.get("data", {}).get("about", "")), concept.name)
    except (UserError, OSError, ValueError):
        return None
    return texts if texts.fingerprint == concept.bound.data else None


def _of_length_1(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0))
