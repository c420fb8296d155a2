"""Directions to hold the concept's against: such as mean nothing, and the states' own length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
            were shuffled; 0 where those texts aren't at hand.
        longer: of the mean state: a step along it makes states longer, and little else [hidden].
    """

    null: Floats
    of_texts: int
    longer: Floats


def directions(
    model: LocalModel, concept: Concept, states: Floats, many: int, seed: int
) -> Directions:
    """Those of a study.

    Args:
        model: the concept's, open.
        concept: the one that is steered by.
        states: of the questions where their answers begin [D, hidden].
        many: how many that mean nothing.
        seed: of them.
    """
    made = shuffled(model, concept, many // 2, seed)
    drawn = null(states, many - len(made), seed, halves=not len(made))
    mean = states.mean(axis=0)
    return Directions(
        np.concatenate([drawn, made]), len(made), mean / (float(np.linalg.norm(mean)) or 1.0)
    )


def null(states: Floats, many: int, seed: int, *, halves: bool = True) -> Floats:
    """Directions of length 1 that mean nothing, of the kind that states vary along [J, hidden].

    They are drawn with the states' own covariance.

    Args:
        states: [D, hidden].
        many: how many.
        seed: of them.
        halves: every other is a difference of means between halves that labels drawn at random
            make.
    """
    rng = np.random.default_rng(seed)
    centred = states - states.mean(axis=0)
    weights = np.empty((many, len(states)))
    for j in range(many):
        if halves and j % 2:
            labels = np.where(rng.permutation(len(states)) < len(states) // 2, 1.0, -1.0)
            weights[j] = labels / np.where(labels > 0, (labels > 0).sum(), (labels < 0).sum())
        else:
            weights[j] = rng.standard_normal(len(states))
    return _of_length_1(weights @ centred)


def shuffled(model: LocalModel, concept: Concept, many: int, seed: int) -> Floats:
    """Directions made as the concept is, from its own texts with shuffled labels [many, hidden];
    none where the texts aren't at hand, or it is of a kind that can't be made so."""
    from selfcorrect.concepts.probes import FITS, STRENGTHS
    from selfcorrect.concepts.states import states_of

    texts = texts_of(concept)
    if texts is None:
        return np.empty((0, concept.hidden))
    said = [item.text for item in texts.items]
    labels = np.array([item.label for item in texts.items], np.int64)
    every = states_of(model, said, concept.site, concept.bound.shown)
    states = every[:, concept.layer : concept.layer + 1].astype(np.float64)
    rng = np.random.default_rng(seed)
    made = []
    for j in range(many):
        # which strength the concept's own was made with isn't in its file: all take turns
        strength = np.array([j % len(STRENGTHS)])
        fit = FITS[concept.kind](states, rng.permutation(labels), seed + j, strength)
        made.append(fit.weights[0, 0] * fit.scale[0])
    return _of_length_1(np.stack(made))


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
