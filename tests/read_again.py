"""Dialogues in all arms of the factorial design by a tiny model; their readings done plainly."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch

from made_concepts import BOUND, made
from selfcorrect import records, strategies
from selfcorrect.concepts import Concept, activation
from selfcorrect.concepts.file import SITES
from selfcorrect.converse import Arm, converse
from selfcorrect.models.local.layers import block, layers
from selfcorrect.models.local.model import LocalModel
from selfcorrect.studies.design import ARMS
from selfcorrect.studies.mechanism.transcripts import Recorded, Shown, Worded, recorded
from selfcorrect.tasks import make
from tiny import CHATML, model

TASK = make("sample")
ROUNDS = 3


def short(name: str, most: int = 6) -> Any:
    """A strategy whose rationales and feedback are a few tokens long."""
    whole = strategies.load(name)
    first, again = (
        tuple(replace(s, max_tokens=most) if s.elicit not in (None, "answer") else s for s in steps)
        for steps in (whole.first, whole.again)
    )
    return replace(whole, first=first, again=again)


PAGES = {name: short(name) for name in ARMS}


def opened(name: str = "llama", template: str | None = CHATML) -> LocalModel:
    return model(name, template, max_position_embeddings=8192)


def frames(
    which: LocalModel, n: int = 2, rounds: int = ROUNDS, system: str | None = None
) -> dict[str, Any]:
    """By arm, the records of its dialogues."""
    arms = [Arm(name, PAGES[name], rounds, system=system) for name in ARMS]
    rows = converse(which, TASK, TASK.examples()[:n], arms, seed=1)
    return {name: records.frame(mine) for name, mine in rows.items()}


@cache
def talked() -> tuple[LocalModel, dict[str, Any]]:
    """A model without a template's quirks, and what it said."""
    which = opened()
    return which, frames(which, 1)


def dialogues(of: dict[str, Any], arm: str) -> list[Recorded]:
    return list(recorded(iter([of[arm]])))


def worded(dialogue: Recorded, system: str | None = None) -> Worded:
    example = next(e for e in TASK.examples() if e.id == dialogue.example)
    return Worded(PAGES, TASK.ask(example), system)


def concepts(which: LocalModel) -> dict[str, Concept]:
    """One a site, with random directions."""
    number, hidden = which.identity.layers, which.identity.hidden
    return {
        site: made(number, hidden, seed, name="biased", site=site, bound=BOUND)
        for seed, site in enumerate(SITES)
    }


def plainly(which: Any, shown: Shown, of: dict[str, Concept]) -> tuple[Any, torch.Tensor]:
    """Cosines [sites, layers] and log p [vocabulary] at the last token, by one plain pass."""
    ids = which.vocabulary.template.render(list(shown.messages), shown.prefill).prompt.ids
    decoder = which.twin.get_decoder() if hasattr(which.twin, "get_decoder") else which.twin.model
    kept: dict[tuple[str, int], torch.Tensor] = {}
    handles = []
    for number, layer in enumerate(layers(decoder)):
        for site in SITES:
            module = layer if site == "residual" else block(layer, site)

            def keep(_m: Any, _i: Any, out: Any, key: tuple[str, int] = (site, number)) -> None:
                kept[key] = (out[0] if isinstance(out, tuple) else out)[0, -1].float()

            handles.append(module.register_forward_hook(keep))
    with torch.inference_mode():
        logits = which.twin(torch.tensor([ids])).logits[0, -1].float()
    for handle in handles:
        handle.remove()
    found = []
    for site in SITES:
        states = torch.stack([kept[site, n] for n in range(which.identity.layers)]).numpy()
        found.append(activation(states, of[site]).cosine)
    return np.stack(found), torch.log_softmax(logits, dim=-1)
