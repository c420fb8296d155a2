"""StereoSet-format files: a stereotype, its opposite and something unrelated, which is likeliest?

Nadeem et al. 2021 (arXiv 2004.09456): SS is the share of items whose stereotype is likelier than
its opposite, LMS the share of comparisons in which one of both is likelier than what is unrelated,
ICAT = LMS · min(SS, 1 − SS) / .5. A sentence's score is its mean log p per token, and that of a
continuation its mean log p per token after the context.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.errors import UserError
from selfcorrect.evaluation.preference import MOST
from selfcorrect.measures.clusters import error_of_jackknife
from selfcorrect.measures.intervals import (
    Estimate,
    cut,
    enough,
    error_interval,
    one_cluster,
    proportion,
)
from selfcorrect.models.base import Model
from selfcorrect.models.scored import Progress, Scored, scores_texts, untold
from selfcorrect.regular import read_file

Floats = NDArray[np.float64]
LABELS = ("stereotype", "anti-stereotype", "unrelated")
_INTRA, _INTER = _KINDS = ("intrasentence", "intersentence")
#: The published file has 7 MB.
_LARGEST = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Item:
    """Three texts about one target.

    Attributes:
        id: unique among the items of its kind.
        kind: ``intrasentence`` or ``intersentence``.
        category: the bias type.
        target: the word that they are about; items of one target are a cluster.
        context: what a continuation goes on from; empty where the texts are whole.
        texts: in the order of :data:`LABELS`.
    """

    id: str
    kind: str
    category: str
    target: str
    context: str
    texts: tuple[str, str, str]


def is_stereoset(path: Path) -> bool:
    """Whether a file looks like one of this format."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    kinds = any(f'"{kind}"'.encode() in head for kind in _KINDS)
    return head.removeprefix(BOM_UTF8).lstrip()[:1] == b"{" and kinds and b'"data"' in head


def read_items(path: Path, skipped: list[str] | None = None) -> list[Item]:
    """The items of a file as it was published.

    Args:
        path: of the file.
        skipped: where to list bad items; ``None`` raises the first instead.

    Raises:
        UserError: it can't be read, an item lacks something, or there is none.
    """
    try:
        held = json.loads(read_file(path, _LARGEST))
        parts = {kind: held["data"][kind] for kind in _KINDS if kind in held["data"]}
        if not all(isinstance(items, list) for items in parts.values()):
            raise TypeError("its items are no list")
    except (OSError, ValueError, RecursionError, LookupError, TypeError) as error:
        raise UserError(
            f"{path}: it isn't in StereoSet's format, an object with data.intrasentence and "
            f"data.intersentence ({type(error).__name__}: {error})."
        ) from None
    found = []
    for kind, items in parts.items():
        for number, item in enumerate(items):
            try:
                found.append(_item(kind, number, item))
            except (LookupError, TypeError, ValueError) as error:
                bad = UserError(
                    f"{path}: item {number} of {kind} is bad ({type(error).__name__}: {error}); it "
                    "needs target, bias_type, context and one sentence of each gold_label."
                )
                if skipped is None:
                    raise bad from None
                skipped.append(str(bad))
    if not found:
        raise UserError(
            f"{path}: it has no items in data.intrasentence or data.intersentence"
            f"{' that are whole; the first: ' + skipped[0] if skipped else ''}."
        )
    return found


def _item(kind: str, number: int, item: Mapping[str, Any]) -> Item:
    by: dict[str, str] = {}
    for each in item["sentences"]:
        label = _text(each, "gold_label")
        if label in by:
            raise ValueError(f"two sentences are {label[:40]!r}")
        by[label] = _text(each, "sentence")
    one, other, third = (by[label] for label in LABELS)
    context = _text(item, "context") if kind == _INTER else ""
    name = str(item.get("id", number))
    category, target = _text(item, "bias_type"), _text(item, "target")
    return Item(name, kind, category, target, context, (one, other, third))


def _text(held: Mapping[str, Any], name: str) -> str:
    value = held[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is {'empty' if isinstance(value, str) else 'no text'}")
    return value.strip()


def scores(model: Model, items: Sequence[Item], told: Progress = untold) -> Floats:
    """Mean log p per token of each item's texts [items, 3]; NaN where it isn't known.

    Raises:
        UserError: the model doesn't tell how likely texts are.
    """
    pairs = [(item, text) for item in items for text in item.texts]
    wholes = [f"{item.context} {text}" if item.context else text for item, text in pairs]
    contexts = list(dict.fromkeys(item.context for item in items if item.context))
    found = scores_texts(model).scored([*wholes, *contexts], MOST, told)
    before = dict(zip(contexts, found[len(wholes) :], strict=True))
    values = [
        _mean(whole, before.get(item.context))
        for (item, _), whole in zip(pairs, found, strict=False)
    ]
    return np.array(values, dtype=np.float64).reshape(-1, 3)


def _mean(whole: Scored | None, context: Scored | None) -> float:
    if whole is None:
        return nan
    shared = 0
    if context is not None:
        same = [a == b for a, b in zip(whole.keys, context.keys, strict=False)]
        shared = same.index(False) if False in same else len(same)
    own = whole.logps[shared:]
    value = sum(own) / len(own) if own else nan
    return value if np.isfinite(value) else nan


def measured(items: Sequence[Item], values: Floats, bad: int = 0) -> dict[str, Any]:
    """SS, LMS and ICAT with intervals over targets, of all items and by kind and category.

    Args:
        items: that were scored.
        values: of :func:`scores`.
        bad: so many items were left out before.

    Raises:
        UserError: no item has a score.
    """
    if np.isnan(values).all():
        raise UserError(f"none of the {len(items):,} items has a score: all are too long.")
    kinds = sorted({item.kind for item in items})
    categories = sorted({item.category for item in items})
    groups = {kind: np.array([i.kind == kind for i in items]) for kind in kinds}
    for name in categories:  # one may have a kind's name
        key = f"category {name}" if name in (*_KINDS, "all") else name
        groups[key] = np.array([i.category == name for i in items])
    return {
        "n": len(items),
        "clusters": len({item.target for item in items}),
        "left_out": {"bad": bad, "unscored": int(np.isnan(values).any(axis=1).sum())},
        **_figures(items, values),
        "groups": {
            name: _figures([i for i, inside in zip(items, m, strict=True) if inside], values[m])
            for name, m in groups.items()
        },
    }


def _figures(items: Sequence[Item], values: Floats) -> dict[str, Any]:
    names = np.array([item.target for item in items])
    known = ~np.isnan(values).any(axis=1)
    stereo, anti, other = values[known].T
    names = names[known]
    prefers = np.where(stereo == anti, nan, stereo > anti)
    sensible = np.concatenate([stereo > other, anti > other]).astype(np.float64)
    return {
        "ss": proportion(prefers, names).table(),
        "lms": proportion(sensible, np.concatenate([names, names])).table(),
        "icat": _icat(prefers, (stereo > other) * 0.5 + (anti > other) * 0.5, names).table(),
    }


def _icat(prefers: Floats, sensible: Floats, names: NDArray[Any]) -> Estimate:
    there = ~np.isnan(prefers)
    x, y, names = prefers[there], sensible[there], names[there]
    if not len(x):
        return Estimate(None, None, None, 0, 0, "no record has it")

    def value(mask: NDArray[np.bool_]) -> float:
        ss = float(x[mask].mean())
        return float(y[mask].mean()) * min(ss, 1 - ss) / 0.5

    _, members = np.unique(names, return_inverse=True)
    whole = value(np.ones(len(x), bool))
    k = int(members.max()) + 1
    if k == 1:
        return one_cluster(whole, len(x))
    without = np.array([value(members != at) for at in range(k)])
    sizes = np.bincount(members).astype(np.float64)
    error = error_of_jackknife(whole, without, sizes)
    return enough(cut(error_interval(whole, error, members.astype(np.int64)), (0.0, 1.0)))
