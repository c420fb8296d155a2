"""A kind of probe judged on texts that it wasn't made from.

Only texts of one part are compared: each part has a probe of its own, whose level is the lower the
more of the part's own texts have the concept, as the others then have fewer. Scores of all parts in
one AUROC give .37 to .45 where there is nothing to find, and the more, the stronger the penalty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.concepts.folds import INNER, Ints, area, folds, parts_of, shuffled
from selfcorrect.concepts.probes import Fit
from selfcorrect.measures.auroc import auroc, auroc_difference

Floats = NDArray[np.float64]
#: So often labels are shuffled.
SHUFFLES = 3
#: Told how many steps of a training are done, and of how many.
Counted = Callable[[int, int], None]


class Steps:
    """Counts what is done."""

    def __init__(self, counted: Counted | None, every: int) -> None:
        self.counted, self.every, self.now = counted, every, 0

    def done(self) -> None:
        self.now += 1
        if self.counted:
            self.counted(self.now, self.every)


@dataclass
class Judged:
    """What probes say of texts that they weren't made from.

    Attributes:
        scores: log odds [n, L], with the strength that was chosen inside.
        hidden: the same of the texts without the concept's own words.
        nested: of each text those of the layer that was chosen inside [n].
        nested_hidden: the same without the concept's own words.
        every: log odds for all settings [S, n, L].
        shuffled: AUROC of probes made from shuffled labels
            (:func:`selfcorrect.concepts.folds.shuffled`), of these labels [shuffles, L].
        picked: the layer that was chosen in each part.
        parts: in which part each text is [n].
    """

    scores: Floats
    hidden: Floats
    nested: Floats
    nested_hidden: Floats
    every: Floats
    shuffled: Floats
    picked: list[int]
    parts: Ints


def judge(
    fit: Fit,
    states: Floats,
    hidden: Floats,
    labels: Ints,
    clusters: Sequence[str],
    outer: Sequence[tuple[Ints, Ints]],
    seed: int,
    steps: Steps,
    *,
    by_labels: bool,
) -> Judged:
    """Probes made from all parts but one, of each part.

    Args:
        fit: how a probe is made.
        states: of the texts.
        hidden: of the same texts without the concept's own words.
        labels, clusters: of each text [n].
        outer: for each part the texts outside it and those in it.
        seed: of the inner parts and of whatever is drawn.
        steps: told what is done.
        by_labels: whether a probe is made by labels.
    """
    n, layers = len(labels), states.shape[-2]
    drawn = [
        shuffled(labels, clusters, outer, np.random.default_rng([seed, k])) for k in range(SHUFFLES)
    ]
    scores, masked = np.zeros((n, layers)), np.zeros((n, layers))
    nested, nested_hidden = np.zeros(n), np.zeros(n)
    random = np.zeros((SHUFFLES, n, layers))
    every: list[tuple[Ints, Floats]] = []
    picked = []
    for train, held in outer:
        inside, parts = _inside(fit, states[train], labels[train], [clusters[i] for i in train],
                                seed, steps, by_labels=by_labels)  # fmt: skip
        layer, setting, _ = chosen(inside, labels[train], parts)
        made = fit(states[train], labels[train], seed, None)
        every.append((held, made.score(states[held])))
        best = made.at(setting)
        scores[held] = best.score(states[held])[0]
        masked[held] = best.score(hidden[held])[0]
        nested[held], nested_hidden[held] = scores[held, layer], masked[held, layer]
        picked.append(layer)
        steps.done()
        for k, other in enumerate(drawn):
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
    own = parts_of(outer)
    areas = [[area(random[k][:, x], drawn[k], own) for x in range(layers)] for k in range(SHUFFLES)]
    return Judged(scores, masked, nested, nested_hidden, whole, np.array(areas), picked, own)


def _inside(
    fit: Fit,
    states: Floats,
    labels: Ints,
    clusters: Sequence[str],
    seed: int,
    steps: Steps,
    *,
    by_labels: bool,
) -> tuple[Floats, Ints | None]:
    """Log odds [S, n, L] of a training part's texts by probes made from the rest of it, and the
    part of each text [n].

    A probe found without labels may be judged by those of its own texts: there are no parts then.
    """
    if not by_labels:
        found = fit(states, labels, seed, None).score(states)
        for _ in range(INNER):
            steps.done()
        return found, None
    parts = folds(labels, clusters, INNER, seed, "the training part")
    held: Floats | None = None
    for a, b in parts:
        found = fit(states[a], labels[a], seed, None).score(states[b])
        if held is None:
            held = np.zeros((len(found), len(labels), found.shape[-1]))
        held[:, b] = found
        steps.done()
    assert held is not None
    return held, parts_of(parts)


def chosen(scores: Floats, labels: Ints, parts: Ints | None) -> tuple[int, Ints, float]:
    """The best layer, the best setting in each [L], and the AUROC of both; of equal ones the first.

    Args:
        scores: log odds for all settings [S, n, L].
        labels, parts: of each text [n]; see :func:`selfcorrect.concepts.folds.area`.
    """
    areas = np.array([[area(of[:, x], labels, parts) for x in range(of.shape[1])] for of in scores])
    setting = areas.argmax(0)
    return int(areas.max(0).argmax()), setting.astype(np.int64), float(areas.max())


def figures_of(
    judged: Judged, words: Floats, labels: Ints, clusters: Sequence[str]
) -> dict[str, Any]:
    """The figures of a training, as JSON has them.

    Args:
        judged: the probes.
        words: what words alone say of each text that they weren't made from [n].
        labels, clusters: of each text [n].

    Returns:
        ``{"n", "clusters", "layers": [{"layer", "auroc", "low", "high", "shuffled",
        "shuffled_least", "shuffled_most", "masked", "masked_low", "masked_high"}], "nested":
        {"auroc", "low", "high", "n", "clusters", "layers"}, "text_only": …, "beyond_words": …,
        "when_masked": …}``: of each layer the AUROC on texts
        that the probe wasn't made from, with its 95 % interval over clusters; that of probes made
        from shuffled labels, the mean of the shuffles with their least and most; and that on the
        same texts without the concept's own words, with its interval.
        ``nested`` is the figure of the layer that was chosen inside, ``layers`` those of the parts;
        ``text_only`` that of words alone. ``beyond_words`` is the first minus the second, and
        ``when_masked`` the first without the concept's own words minus with them, both ``{"value",
        "low", "high", …}`` on the same texts.
    """
    found, parts = [], judged.parts
    for layer in range(judged.scores.shape[1]):
        e = auroc(judged.scores[:, layer], labels, clusters, parts=parts)
        masked = auroc(judged.hidden[:, layer], labels, clusters, parts=parts)
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
    nested = _table(auroc(judged.nested, labels, clusters, parts=parts))

    def apart(one: Floats, other: Floats) -> dict[str, Any]:
        pair = (one, labels), (other, labels)
        return auroc_difference(*pair, clusters, parts=parts).table()

    return {
        "n": len(labels),
        "clusters": len(set(clusters)),
        "layers": found,
        "nested": {**nested, "layers": judged.picked},
        "text_only": _table(auroc(words, labels, clusters, parts=parts)),
        "beyond_words": apart(judged.nested, words),
        "when_masked": apart(judged.nested_hidden, judged.nested),
    }


def _table(e: Any) -> dict[str, Any]:
    return {"auroc": e.value, "low": e.low, "high": e.high, "n": e.n, "clusters": e.clusters}
