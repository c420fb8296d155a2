"""Training a concept, and judging it on texts that it wasn't made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.concepts.data import Texts, told
from selfcorrect.concepts.dialogues import Messages, changed
from selfcorrect.concepts.file import KINDS, SITES, Concept
from selfcorrect.concepts.folds import INNER, OUTER, Ints, area, folds
from selfcorrect.concepts.names import check_name
from selfcorrect.concepts.probes import ANCHORS, FITS, Fit
from selfcorrect.concepts.states import bound_to, check_shown, states_of
from selfcorrect.concepts.words import by_words, own_words, without
from selfcorrect.errors import UserError, nearest
from selfcorrect.measures.auroc import auroc
from selfcorrect.models.base import Model

Floats = NDArray[np.float64]
#: So often labels are shuffled.
SHUFFLES = 3
#: So much of a text is noted where it fixed the sign.
_MOST_ANCHOR = 1_000
#: Told how many steps of a training are done, and of how many.
Counted = Callable[[int, int], None]


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
    counted: Counted | None = None,
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
    steps = _Steps(counted, 2 + OUTER * (INNER + 1 + SHUFFLES * (kind != "ccs")) + 2)
    how = (kind, name, site, shown, texts.prefill)
    states = _states(model, shows, how, steps)
    plain = states if kind != "ccs" else states[:, 0]
    hidden = _states(model, masked, how, steps)
    fit = FITS[kind]
    judged = _judge(
        fit, states, hidden, labels, clusters, outer, seed, steps, by_labels=kind != "ccs"
    )
    found = figures_of(judged, labels, clusters)
    if all(row["auroc"] is None for row in found["layers"]):
        raise UserError(
            f"{texts.about}: no layer of {model.name} tells the texts from each other, its states "
            "being as good as equal in all of them; give texts that differ."
        )
    layer, setting = _chosen(judged.every, labels)
    final = fit(states, labels, seed, setting)
    steps.done()
    judged_words = auroc(by_words(said, labels, clusters, outer, seed), labels, clusters)
    steps.done()
    figures = {
        **found,
        "layer": layer,
        "text_only": _table(judged_words),
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


class _Steps:
    """Counts what is done."""

    def __init__(self, counted: Counted | None, every: int) -> None:
        self.counted, self.every, self.now = counted, every, 0

    def done(self) -> None:
        self.now += 1
        if self.counted:
            self.counted(self.now, self.every)


def _states(
    model: Model,
    texts: Sequence[str | Messages],
    how: tuple[str, str, str, str, str],
    steps: _Steps,
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


@dataclass
class Judged:
    """What probes say of texts that they weren't made from.

    Attributes:
        scores: log odds [n, L], with the strength that was chosen inside.
        hidden: the same of the texts without the concept's own words.
        nested: of each text those of the layer that was chosen inside [n].
        every: log odds for all settings [S, n, L].
        shuffled: AUROC of probes made from shuffled labels, of these labels [shuffles, L].
        picked: the layer that was chosen in each part.
    """

    scores: Floats
    hidden: Floats
    nested: Floats
    every: Floats
    shuffled: Floats
    picked: list[int]


def _judge(
    fit: Fit,
    states: Floats,
    hidden: Floats,
    labels: Ints,
    clusters: Sequence[str],
    outer: Sequence[tuple[Ints, Ints]],
    seed: int,
    steps: _Steps,
    *,
    by_labels: bool,
) -> Judged:
    n, layers = len(labels), states.shape[-2]
    shuffled = [np.random.default_rng([seed, k]).permutation(labels) for k in range(SHUFFLES)]
    scores, masked, nested = np.zeros((n, layers)), np.zeros((n, layers)), np.zeros(n)
    random = np.zeros((SHUFFLES, n, layers))
    every: list[tuple[Ints, Floats]] = []
    picked = []
    for train, held in outer:
        inside = _inside(fit, states[train], labels[train], [clusters[i] for i in train], seed,
                         steps, by_labels=by_labels)  # fmt: skip
        layer, setting = _chosen(inside, labels[train])
        made = fit(states[train], labels[train], seed, None)
        every.append((held, made.score(states[held])))
        chosen = made.at(setting)
        scores[held] = chosen.score(states[held])[0]
        masked[held] = chosen.score(hidden[held])[0]
        nested[held] = scores[held, layer]
        picked.append(layer)
        steps.done()
        for k, other in enumerate(shuffled):
            if by_labels:
                wrong = fit(states[train], other[train], seed, setting)
                random[k][held] = wrong.score(states[held])[0]
                steps.done()
            else:  # what was found without labels is the same whatever they are
                random[k][held] = scores[held]
    settings = len(every[0][1])
    whole = np.zeros((settings, n, layers))
    for held, found in every:
        whole[:, held] = found
    areas = [[area(random[k][:, x], shuffled[k]) for x in range(layers)] for k in range(SHUFFLES)]
    return Judged(scores, masked, nested, whole, np.array(areas), picked)


def _inside(
    fit: Fit,
    states: Floats,
    labels: Ints,
    clusters: Sequence[str],
    seed: int,
    steps: _Steps,
    *,
    by_labels: bool,
) -> Floats:
    """Log odds [S, n, L] of a training part's texts by probes made from the rest of it.

    A probe found without labels may be judged by those of its own texts.
    """
    if not by_labels:
        found = fit(states, labels, seed, None).score(states)
        for _ in range(INNER):
            steps.done()
        return found
    parts = folds(labels, clusters, INNER, seed, "the training part")
    held: Floats | None = None
    for a, b in parts:
        found = fit(states[a], labels[a], seed, None).score(states[b])
        if held is None:
            held = np.zeros((len(found), len(labels), found.shape[-1]))
        held[:, b] = found
        steps.done()
    assert held is not None
    return held


def _chosen(scores: Floats, labels: Ints) -> tuple[int, Ints]:
    """The best layer, and the best setting in each [L], by AUROC; of equal ones the first."""
    areas = np.array([[area(of[:, x], labels) for x in range(of.shape[1])] for of in scores])
    setting = areas.argmax(0)
    return int(areas.max(0).argmax()), setting.astype(np.int64)


def figures_of(judged: Judged, labels: Ints, clusters: Sequence[str]) -> dict[str, Any]:
    """The figures of a training, as JSON has them.

    Returns:
        ``{"n", "clusters", "layers": [{"layer", "auroc", "low", "high", "shuffled",
        "shuffled_least", "shuffled_most", "masked", "masked_low", "masked_high"}], "nested":
        {"auroc", "low", "high", "n", "clusters", "layers"}}``: of each layer the AUROC on texts
        that the probe wasn't made from, with its 95 % interval over clusters; that of probes made
        from shuffled labels, the mean of the shuffles with their least and most; and that on the
        same texts without the concept's own words, with its interval.
        ``nested`` is the figure of the layer that was chosen inside, ``layers`` those of the parts.
    """
    found = []
    for layer in range(judged.scores.shape[1]):
        e = auroc(judged.scores[:, layer], labels, clusters)
        masked = auroc(judged.hidden[:, layer], labels, clusters)
        found.append(
            {
                "layer": layer,
                "auroc": e.value,
                "low": e.low,
                "high": e.high,
                "shuffled": float(judged.shuffled[:, layer].mean()),
                "shuffled_least": float(judged.shuffled[:, layer].min()),
                "shuffled_most": float(judged.shuffled[:, layer].max()),
                "masked": masked.value,
                "masked_low": masked.low,
                "masked_high": masked.high,
            }
        )
    nested = _table(auroc(judged.nested, labels, clusters))
    return {
        "n": len(labels),
        "clusters": len(set(clusters)),
        "layers": found,
        "nested": {**nested, "layers": judged.picked},
    }


def _table(e: Any) -> dict[str, Any]:
    return {"auroc": e.value, "low": e.low, "high": e.high, "n": e.n, "clusters": e.clusters}
