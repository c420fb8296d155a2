"""Concepts: named directions in a model's hidden states, from labelled texts.

    import selfcorrect as sc

    concept = sc.concepts.train("toxic", model="smollm2", data="comments.jsonl")
    concept.figures["layers"]     # AUROC by layer, with what words alone give beside it
    concept = sc.concepts.load("toxic.safetensors")

Importing this loads neither torch nor scikit-learn.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from selfcorrect.arguments import public
from selfcorrect.concepts.activations import Activation, Projector, activation
from selfcorrect.concepts.file import KINDS, SITES, Bound, Concept, read, write
from selfcorrect.concepts.steering import steer

if TYPE_CHECKING:
    from selfcorrect.models.base import Model

__all__ = [
    "KINDS",
    "SITES",
    "Activation",
    "Bound",
    "Concept",
    "Projector",
    "activation",
    "load",
    "read",
    "steer",
    "train",
    "write",
]


@public
def train(
    name: str,
    model: str | Model = "smollm2",
    *,
    data: str | Path | None = None,
    kind: str = "linear",
    site: str = "residual",
    shown: str = "",
    label: str | None = None,
    words: str | Path | None = None,
    in_place: str = "",
    limit: int | None = None,
    seed: int = 0,
    dtype: str = "auto",
    device: str = "auto",
    out: str | Path | None = None,
) -> Concept:
    """Train a concept, and write its file.

    What ``selfcorrect concept train`` does, with the same defaults.

    Args:
        name: of the concept.
        model: a name, or a model that is open already.
        data: labelled texts (JSONL, CSV); by default those that come with the package for
            ``biased``, ``toxic`` and ``correct``. For ``statement`` a file of BBQ.
        kind: ``linear``, ``mean``, ``statement`` or ``ccs``.
        site: ``residual``, ``attention`` or ``mlp``.
        shown: ``text``: texts by themselves, read at their last token (the default of local
            models); ``message``: as the user's message, read before the reply.
        label: the field of ``data`` that holds the label.
        words: a file of the concept's own words, one a line.
        in_place: what they are replaced by, a word that the model knows; by default *thing* (of
            ``planted:mixture`` *table*).
        limit: at most so many texts.
        seed: of the parts and of whatever is drawn.
        dtype, device: of a model given by its name.
        out: the file to be written; by default one in the cache folder, where runs find it.

    Returns:
        The concept; ``.figures`` says how well it tells texts apart.

    Raises:
        UserError: whatever is wrong with the data, the model or the place.
    """
    from selfcorrect.concepts.make import make

    return make(
        name,
        model,
        data=data,
        kind=kind,
        site=site,
        shown=shown,
        label=label,
        words=words,
        in_place=in_place,
        limit=limit,
        seed=seed,
        dtype=dtype,
        device=device,
        out=out,
    )


@public
def load(path: str | Path, model: Model | None = None) -> Concept:
    """Read a concept's file, and check that it was made for a model.

    Raises:
        UserError: it can't be read, or was made for another model, tokenizer or template.
    """
    found = read(path)
    if model is not None:
        from selfcorrect.concepts.states import check_model

        check_model(found, model)
    return found
