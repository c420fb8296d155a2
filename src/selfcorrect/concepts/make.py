"""From names to a concept: its texts, its model, where its file lies."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from platformdirs import user_cache_path

from selfcorrect.concepts.data import (
    BUNDLED,
    OF_PLANTED,
    Texts,
    balanced,
    bundled,
    from_file,
    statements,
)
from selfcorrect.concepts.file import ENDING, Concept, is_concept, moved, read, write
from selfcorrect.concepts.judging import Counted
from selfcorrect.concepts.names import check_name
from selfcorrect.concepts.training import train
from selfcorrect.concepts.words import read_words
from selfcorrect.errors import UserError
from selfcorrect.models import load as open_model
from selfcorrect.models.base import Model
from selfcorrect.models.kinds import MIXTURE
from selfcorrect.places import new_file

_LOG = logging.getLogger("selfcorrect")


def texts_of(
    name: str,
    data: str | Path | None,
    kind: str,
    *,
    label: str | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Texts:
    """The labelled texts that a concept is made from.

    Raises:
        UserError: there are none, or a line of them is wrong.
    """
    if limit is not None and limit < 2:
        raise UserError(f"a limit of {limit} leaves no text of either label; give at least 2.")
    if kind == "statement":
        if data is None:
            raise UserError(
                "the kind statement needs BBQ's questions: give a file of BBQ with --data."
            )
        return statements(data, limit=limit, seed=seed)
    if data is None:
        texts = bundled(name)
        if limit is None:
            return texts
        chosen = balanced(texts.items, texts.about, limit, seed)
        return replace(texts, items=chosen.items, left_out=chosen.left_out, why=chosen.why)
    return from_file(data, name, label=label, limit=limit, seed=seed)


def make(
    name: str,
    model: str | Model,
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
    base_url: str | None = None,
    out: str | Path | None = None,
    counted: Counted | None = None,
) -> Concept:
    """See :func:`selfcorrect.concepts.train`."""
    check_name(name)
    if out is not None:  # before there is anything to lose
        new_file(out, "a concept's", is_concept)
    texts = texts_of(name, data, kind, label=label, limit=limit, seed=seed)
    texts = replace(texts, in_place=in_place or _in_place(model, texts))
    own = [] if words is None else read_words(words)
    served = {} if base_url is None else {"base_url": base_url}
    opened = open_model(model, dtype, device, **served) if isinstance(model, str) else model
    how = {"kind": kind, "site": site, "shown": shown}
    made = train(opened, name, texts, **how, words=own, seed=seed, counted=counted)
    return kept(made, out)


def kept(concept: Concept, out: str | Path | None) -> Concept:
    """A concept that was made, written to a place, or where runs find it by its name.

    Raises:
        UserError: it can't be written there.
    """
    place = Path(out or cached(concept.name, concept.bound.fingerprint, concept.site)).expanduser()
    write(concept, place)
    return moved(concept, place)


def _in_place(model: str | Model, texts: Texts) -> str:
    """What the concept's own words are replaced by: a word that the model knows."""
    name = model if isinstance(model, str) else model.name
    return OF_PLANTED if name == MIXTURE else texts.in_place


def cached(name: str, fingerprint: str, site: str = "residual") -> Path:
    """Where a concept of a model lies whose file has no other place; one a site."""
    folder = user_cache_path("selfcorrect") / "concepts"
    at = "" if site == "residual" else f"-{site}"
    return folder / f"{check_name(name)}-{fingerprint}{at}{ENDING}"


def stored(name: str, fingerprint: str, site: str = "residual") -> Concept | None:
    """The concept that was trained last under this name on this model and site; ``None`` where
    there is none, or the package's texts that it was made from have changed."""
    place = cached(name, fingerprint, site)
    if not place.is_file():
        return None
    found = read(place)
    if name in BUNDLED and found.figures.get("data", {}).get("about") == bundled(name).about:
        texts = bundled(name)
        whole = found.figures["data"].get("texts") == len(texts.items)
        if whole and found.bound.data != texts.fingerprint:
            return None
    return found


def at_site(concept: Concept, model: Model, site: str) -> Concept:
    """The same concept at another site of the model: found, or made from the same texts.

    What lies in the cache folder is taken where it was made in the same way from the same texts;
    else it is trained now, where those are the package's own, and kept.

    Args:
        concept: trained on the model.
        model: an open model.
        site: one of :data:`SITES`.

    Raises:
        UserError: it isn't there, and the texts that it was made from aren't the package's own.
    """
    if concept.site == site:
        return concept
    how = concept.kind, concept.bound.data, concept.bound.shown, concept.bound.seed
    kept = stored(concept.name, model.fingerprint, site)
    if kept is not None and how == (kept.kind, kept.bound.data, kept.bound.shown, kept.bound.seed):
        return kept
    name = concept.name
    if name in BUNDLED and concept.bound.data == bundled(name).fingerprint:
        kind, _, shown, seed = how
        _LOG.warning("selfcorrect: training the concept %s at the %s blocks; it is kept.", name,
                     site)  # fmt: skip
        return make(name, model, kind=kind, site=site, shown=shown, seed=seed)
    raise UserError(
        f"the concept {name} was trained at the {concept.site} site alone, and is to be read at "
        f"the {site} blocks too: train it there in the same way from the same texts, with "
        f"selfcorrect concept train {name} --site {site}, or leave that site out with --site."
    )
