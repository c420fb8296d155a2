"""Training a concept, and judging it on texts that it wasn't made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from selfcorrect.concepts.data import Texts, told
from selfcorrect.concepts.dialogues import Messages, changed
from selfcorrect.concepts.file import KINDS, SITES, Concept
from selfcorrect.concepts.folds import INNER, OUTER, Ints, folds
from selfcorrect.concepts.judging import (
    SHUFFLES,
    Steps,
    chosen,
    figures_of,
    judge,
)
from selfcorrect.concepts.names import check_name
from selfcorrect.concepts.probes import ANCHORS, FITS
from selfcorrect.concepts.states import bound_to, check_shown, states_of
from selfcorrect.concepts.words import by_words, own_words, without
from selfcorrect.errors import UserError, nearest
from selfcorrect.models.base import Model

Floats = NDArray[np.float64]
#: So much of a text is noted where it fixed the sign.
_MOST_ANCHOR = 1_000


def train(
    model: Model,
    name: str,
    texts: Texts,
    *,
    kind: str = "linear",
    site: str = "residual",
    shown: str = "",
    words: Sequence[str] = (),
    seed: int = 0,
    counted: Callable[[int, int], None] | None = None,
) -> Concept:
    """Find a concept's direction in every layer, and how well it tells texts apart.

    Texts are split by cluster into five parts; what is reported of a part comes from probes made
    from the other four. Strength and layer are chosen among those four, by four inner parts.

    Args:
        model: whose states.
        name: of the concept.
        texts: labelled.
        kind: ``linear``, ``mean``, ``statement`` or ``ccs``.
        site: ``residual``, ``attention`` or ``mlp``.
        shown: ``text``: each by itself, read at its last token; ``message``: as the user's, read
            before the reply; "" is the first that the model can.
        words: the concept's own words, to be replaced; by default those that a model of words
            weighs most, found anew in every training part.
        seed: of the parts and of whatever is drawn.
        counted: told how far it is.

    Returns:
        The concept; its ``figures`` are those of :func:`figures_of`.

    Raises:
        UserError: an unknown kind or site, too few texts, or a model without states.
    """
    check_name(name)
    if kind not in FITS:
        kinds = [each for each in KINDS if each in FITS]
        raise UserError(f"there is no kind of concept {kind!r}: {nearest(kind, kinds)}.")
    if site not in SITES:
        raise UserError(f"there is no site {site!r}: {nearest(site, SITES)}.")
    shown = check_shown(model, shown or texts.shown)
    labels = np.array([item.label for item in texts.items], np.int64)
    said = [item.text for item in texts.items]
    shows = [item.shown for item in texts.items]
    if kind == "ccs" and any(item.messages for item in texts.items):
        raise UserError(
            f"{texts.about}: the kind ccs says of each text that it has the concept, and that it "
            "hasn't, which can't be said of dialogues; choose another kind."
        )
    clusters = [item.cluster for item in texts.items]
    outer = folds(labels, clusters, OUTER, seed, texts.about)
    masked: list[str | Messages] = [""] * len(said)
    for fold, _ in outer:
        folds(labels[fold], [clusters[i] for i in fold], INNER, seed, texts.about)
    for fold, held in outer:
        own = words or own_words([said[i] for i in fold], labels[fold])
        for i in held:
            masked[i] = changed(shows[i], lambda text: without(text, own, texts.in_place))  # noqa: B023
    steps = Steps(counted, 2 + OUTER * (INNER + 1 + SHUFFLES * (kind != "ccs")) + 2)
    how = (kind, name, site, shown, texts.prefill)
    states = _states(model, shows, how, steps)
    plain = states if kind != "ccs" else states[:, 0]
    hidden = _states(model, masked, how, steps)
    fit = FITS[kind]
    judged = judge(
        fit, states, hidden, labels, clusters, outer, seed, steps, by_labels=kind != "ccs"
    )
    by_text = by_words(said, labels, clusters, outer, seed)
    steps.done()
    found = figures_of(judged, by_text, labels, clusters)
    if all(row["auroc"] is None for row in found["layers"]):
        raise UserError(
            f"{texts.about}: no layer of {model.name} tells the texts from each other, its states "
            "being as good as equal in all of them; give texts that differ."
        )
    layer, setting, best = chosen(judged.every, labels, judged.parts)
    final = fit(states, labels, seed, setting)
    steps.done()
    figures = {
        **found,
        "layer": layer,
        "chosen": best,
        "words": list(words) or own_words(said, labels),
        "in_place": texts.in_place,
        "prefill": texts.prefill,
        "words_given": bool(words),
        "data": told(texts, clusters),
        "parts": [OUTER, INNER],
        "shuffles": SHUFFLES,
        **({"anchors": _anchors(said, labels)} if kind == "ccs" else {}),
    }
    return Concept(
        name=name,
        kind=kind,
        site=site,
        layer=layer,
        directions=final.weights[0].astype(np.float32),
        centre=final.centre.astype(np.float32),
        scale=final.scale.astype(np.float32),
        bias=final.bias[0].astype(np.float32),
        norms=np.median(np.linalg.norm(plain, axis=-1), axis=0).astype(np.float32),
        bound=bound_to(model, site, texts.fingerprint, seed, shown),
        figures=figures,
    )


def _states(
    model: Model,
    texts: Sequence[str | Messages],
    how: tuple[str, str, str, str, str],
    steps: Steps,
) -> Floats:
    """States [n, L, H]; for contrast pairs [n, 2, L, H]. ``how``: kind, name, site, shown, what a
    reply begins with."""
    kind, name, site, shown, prefill = how
    if kind == "ccs":
        alone = [text for text in texts if isinstance(text, str)]
        sides = [[contrast(text, name, yes) for text in alone] for yes in (True, False)]
        both = [states_of(model, side, site, shown, prefill) for side in sides]
        found = np.stack(both, axis=1)
    else:
        found = states_of(model, texts, site, shown, prefill)
    steps.done()
    return found.astype(np.float64)


def contrast(text: str, name: str, yes: bool) -> str:
    """A text that is said to have a concept, or not to have it."""
    asked = name.replace("_", " ").replace("-", " ")
    return f"{text}\nIs this {asked}? {'Yes' if yes else 'No'}"


def _anchors(texts: Sequence[str], labels: Ints) -> dict[str, list[str]]:
    """The texts by which the sign was fixed."""
    return {
        word: [texts[i][:_MOST_ANCHOR] for i in np.flatnonzero(labels == side)[:ANCHORS]]
        for word, side in (("with", 1), ("without", 0))
    }
