"""Hidden states of ``planted:mixture`` by a plain forward pass, with a vector added or without."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from selfcorrect.models.local.files import locate
from selfcorrect.models.planted.mixture import Exact, corpus, exact
from selfcorrect.models.planted.mixture.language import LETTERS, VOCABULARY

IDS = {word: n for n, word in enumerate(VOCABULARY)}


class Prefixes(NamedTuple):
    """Prefixes up to where a letter is due, of labelled dialogues.

    Attributes:
        states: after each layer [layers, prefixes, width].
        plus: whether C+ governs the dialogue [prefixes].
        odds: exact log posterior odds [prefixes].
        number: of the round, from 1 [prefixes].
    """

    states: NDArray[np.float32]
    plus: NDArray[np.bool_]
    odds: NDArray[np.float64]
    number: NDArray[np.int64]


@cache
def network() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        locate("planted:mixture").folder, dtype=torch.float32, trust_remote_code=False
    ).eval()


@torch.inference_mode()
def prefixes(dialogues: int, seed: int, rounds: int | None = None) -> Prefixes:
    """Every prefix of dialogues that training hasn't seen."""
    states, plus, odds, number = [], [], [], []
    for each in islice(corpus(seed, rounds), dialogues):
        known = exact(each.messages)
        ids = torch.tensor([[IDS[token] for token in known.tokens]])
        hidden: list[torch.Tensor] = []
        handles = [
            layer.register_forward_hook(lambda _m, _i, out, to=hidden: to.append(first(out)))
            for layer in network().model.layers
        ]
        network()(ids)
        for handle in handles:
            handle.remove()
        at = list(known.positions)
        states.append(torch.stack([layer[0, at] for layer in hidden]))
        plus += [each.plus] * len(at)
        odds += known.log_odds[at].tolist()
        number += range(1, len(at) + 1)
    return Prefixes(
        torch.cat(states, dim=1).numpy(), np.array(plus), np.array(odds), np.array(number)
    )


def first(out: Any) -> torch.Tensor:
    """The hidden states of a layer's output."""
    found: torch.Tensor = out[0] if isinstance(out, tuple) else out
    return found


@torch.inference_mode()
def steered(
    known: Sequence[Exact], layer: int, vectors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """P(letter) of each dialogue's last answer under each vector, added after a layer at every
    token [vectors, dialogues, 3]."""
    found = np.empty((len(vectors), len(known), len(LETTERS)))
    added = torch.tensor(vectors, dtype=torch.float32)[:, None, :]
    handle = (
        network()
        .model.layers[layer]
        .register_forward_hook(
            lambda _m, _i, out: (
                (first(out) + added, *out[1:]) if isinstance(out, tuple) else out + added
            )
        )
    )
    letters = [IDS[letter] for letter in LETTERS]
    for row, each in enumerate(known):
        ids = torch.tensor([[IDS[token] for token in each.tokens[: each.positions[-1] + 1]]])
        logits = network()(ids.expand(len(vectors), -1)).logits[:, -1, letters]
        found[:, row] = torch.softmax(logits.double(), dim=-1).numpy()
    handle.remove()
    return found
