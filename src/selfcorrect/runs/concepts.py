"""The concepts that a run reads: found, checked, and what is noted of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from selfcorrect import models
from selfcorrect.concepts.binding import check_fits
from selfcorrect.concepts.data import BUNDLED
from selfcorrect.concepts.file import Concept, read
from selfcorrect.concepts.states import ReadsTexts
from selfcorrect.concepts.steering import steer
from selfcorrect.errors import UserError
from selfcorrect.models import kind_of
from selfcorrect.models.base import Model, Steer
from selfcorrect.runs.identity import ModelFacts
from selfcorrect.runs.model_spec import ModelSpec
from selfcorrect.runs.spec import RunSpec
from selfcorrect.strategies import Steering, Strategy

_LOG = logging.getLogger("selfcorrect")


def concepts_of(
    spec: RunSpec, facts: ModelFacts, model: Model | None, *, training: bool = True
) -> dict[str, Concept]:
    """The concepts that a spec names, by name in order.

    One without a file is the one that was trained last under its name on the model; where there is
    none, it is trained now, from the package's own texts, and kept. Which it is, is logged.

    Args:
        spec: the run's.
        facts: the model's.
        model: the model, where it is open already.
        training: whether one that isn't there yet is trained; else it is left out.

    Raises:
        UserError: there is no such file or name, it isn't one, or it was made for another model; or
            no states can be read from this one.
    """
    if not spec.concepts:
        return {}
    if model is None and kind_of(spec.model.name) == "planted":
        model = models.load(spec.model.name)
    if model is not None:
        model.check_states()
    found: dict[str, Concept] = {}
    for name in sorted(spec.concepts):
        if file := spec.concepts[name]:
            concept = read(file)
            check_fits(concept, facts.name, facts.fingerprint, _known(spec.model, model))
        elif (by_name := _by_name(name, spec, facts, model, training=training)) is None:
            continue
        else:
            concept = by_name
        found[name] = replace(concept, name=name)
    sizes = {concept.directions.shape for concept in found.values()}
    if len(sizes) > 1:
        told = ", ".join(f"{c.name} {c.directions.shape}" for c in found.values())
        raise UserError(
            f"the concepts are of models of different sizes ({told}); train them again."
        )
    return found


def _by_name(
    name: str, spec: RunSpec, facts: ModelFacts, model: Model | None, *, training: bool
) -> Concept | None:
    from selfcorrect.concepts.make import cached, make, stored

    kept = stored(name, facts.fingerprint)
    if kept is not None:
        data = kept.figures.get("data", {}).get("about", "a control vector")
        told = "selfcorrect: the concept %s is %s, trained earlier on %s."
        _LOG.warning(told, name, kept.place, data)
        check_fits(kept, facts.name, facts.fingerprint, _known(spec.model, model))
        return kept
    if name not in BUNDLED:
        raise UserError(
            f"no concept {name!r} was trained on {facts.name}: give its file, concepts."
            f"{name}=FILE, or train it: selfcorrect concept train {name} --model {facts.name} "
            "--data FILE."
        )
    if not training:
        return None
    place = cached(name, facts.fingerprint)
    _LOG.warning(
        "selfcorrect: training the concept %s on the package's own texts; it is kept in %s.",
        name,
        place,
    )
    opened = model or models.load(
        spec.model.name, facts.dtype, facts.device, trust=spec.model.trust_remote_code
    )
    return make(name, opened)


def _known(spec: ModelSpec, model: Model | None) -> tuple[str, str, bool] | None:
    """Of a local model what says its tokenizer, its template and whether a token stands before a
    text; a server doesn't tell."""
    if model is not None:
        if not isinstance(model, ReadsTexts):
            return None
        return model.identity.tokenizer, model.identity.template, model.identity.bos
    if kind_of(spec.name) != "local":
        return None
    from selfcorrect.models.local.files import locate
    from selfcorrect.models.local.loading import read_tokenizer
    from selfcorrect.models.local.texts import identity_of

    return identity_of(read_tokenizer(locate(spec.name, trust=spec.trust_remote_code)))


def steers_in(strategies: Iterable[Strategy]) -> list[Steering]:
    """The steers that these strategies state, each once."""
    steps = (step for each in strategies for step in (*each.first, *each.again))
    return list(dict.fromkeys(step.steer for step in steps if step.steer is not None))


def steers_of(
    strategies: Iterable[Strategy], concepts: Mapping[str, Concept]
) -> dict[Steering, Steer]:
    """What the model is given for each steer that these strategies state.

    Raises:
        UserError: its concept isn't there, or can't be steered by so.
    """
    found: dict[Steering, Steer] = {}
    for stated in steers_in(strategies):
        missing = [name for name in stated.concepts if name not in concepts]
        if missing:
            raise UserError(
                f"a step is steered by the concept {missing[0]!r}, which isn't there: give "
                f"concepts.{missing[0]}=FILE."
            )
        found[stated] = steer(
            concepts[stated.concept],
            stated.alpha,
            stated.layers,
            stated.at,
            stated.part,
            concepts,
        )
    return found


def with_steering(specs: Sequence[RunSpec], strategies: Iterable[Strategy]) -> list[RunSpec]:
    """The specs with the concepts that their strategies are steered by among those that they name;
    one that has no file there is found by its name."""
    steered = {name: "" for each in strategies for name in each.steered}
    return [
        spec.model_copy(update={"concepts": {**steered, **spec.concepts}}) if steered else spec
        for spec in specs
    ]


def told_of(concepts: Mapping[str, Concept]) -> dict[str, dict[str, Any]]:
    """What ``run.toml`` says of each: enough to show its numbers without its file."""
    found = {}
    for name, concept in concepts.items():
        nested = concept.figures.get("nested", {})
        ends = [nested.get(key) for key in ("auroc", "low", "high")]
        found[name] = {
            "fingerprint": concept.fingerprint,
            "kind": concept.kind,
            "site": concept.site,
            "layer": concept.layer,
            "layers": concept.layers,
            "file": concept.place,
            "data": concept.bound.data,
            "auroc": [float(each) for each in ends if each is not None],
        }
    return found
