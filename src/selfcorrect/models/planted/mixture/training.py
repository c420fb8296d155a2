"""How ``planted:mixture`` is trained, and how far it then is from the exact predictive."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from selfcorrect.models.planted.mixture.exact import Exact, exact, read
from selfcorrect.models.planted.mixture.language import (
    LETTERS,
    ROUNDS,
    VOCABULARY,
    corpus,
    tokens_of,
)
from selfcorrect.models.planted.mixture.recipe import Recipe
from selfcorrect.models.planted.mixture.tokens import tokenizer

_IDS = {word: n for n, word in enumerate(VOCABULARY)}
_LETTERS = [_IDS[letter] for letter in LETTERS]
#: Where a sequence is over.
_NONE = -100
_MOMENTUM, _DECAY = 0.95, 0.02
#: Batches that are drawn at a time and sorted by length.
_POOL = 16
#: The seed of the dialogues that the distance is measured on; training never draws from it.
_HELD_OUT = 1 << 40


def network(recipe: Recipe) -> Any:
    """The transformer with random weights, in float32."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=recipe.width,
        intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=_IDS["<bos>"],
        eos_token_id=_IDS["<end>"],
        pad_token_id=_IDS["<end>"],
    )
    torch.manual_seed(recipe.seed)
    return LlamaForCausalLM(config)


@dataclass(frozen=True, slots=True)
class Batch:
    """Dialogues of about the same length.

    Attributes:
        ids: tokens [dialogues, tokens], −100 after their end.
        rows, places: of the brackets that letters follow [letters].
        letters: the exact predictive of each letter [letters, 3].
    """

    ids: torch.Tensor
    rows: torch.Tensor
    places: torch.Tensor
    letters: torch.Tensor


def batches(recipe: Recipe, rounds: int | None = None) -> Iterator[Batch]:
    """Batches without end, drawn from the language; ``rounds`` as in :func:`corpus`."""
    dialogues = corpus(recipe.seed, rounds)
    mixed = random.Random(recipe.seed)
    left: list[Exact] = []
    while True:
        while sum(len(each.tokens) for each in left) < _POOL * recipe.tokens:
            left.append(read(tokens_of(next(dialogues).messages)))
        left.sort(key=lambda each: len(each.tokens))
        pool: list[list[Exact]] = [[]]
        for each in left:
            if pool[-1] and (len(pool[-1]) + 1) * len(each.tokens) > recipe.tokens:
                pool.append([])
            pool[-1].append(each)
        left = pool.pop()  # not full
        mixed.shuffle(pool)
        yield from map(_batch, pool)


def _batch(known: list[Exact]) -> Batch:
    ids = torch.full((len(known), max(len(each.tokens) for each in known)), _NONE)
    for row, each in enumerate(known):
        ids[row, : len(each.tokens)] = torch.tensor([_IDS[token] for token in each.tokens])
    pairs = [(row, at) for row, each in enumerate(known) for at in each.positions]
    rows, places = torch.tensor(pairs).T
    letters = np.concatenate([each.predictive for each in known])
    return Batch(ids, rows, places, torch.tensor(letters, dtype=torch.float32))


def loss(made: Any, batch: Batch, weight: float) -> torch.Tensor:
    """Cross-entropy of the next token in nats, a mean over tokens.

    At a letter it is the one expected over letters, given what stands before it: as if the dialogue
    were drawn infinitely often from there on. Its minimum is where that of the letter drawn is.

    Args:
        made: the network.
        batch: what is predicted.
        weight: of a letter in the mean.
    """
    logits = made(batch.ids[:, :-1].clamp(min=0)).logits
    logp = torch.log_softmax(logits, dim=-1)
    targets = batch.ids[:, 1:].clone()
    targets[batch.rows, batch.places] = _NONE
    words = functional.nll_loss(
        logp.flatten(0, 1), targets.flatten(), ignore_index=_NONE, reduction="sum"
    )
    at_letters = logp[batch.rows, batch.places][:, _LETTERS]
    letters = -(batch.letters * at_letters).sum()
    count = (targets != _NONE).sum() + weight * len(batch.rows)
    return (words + weight * letters) / count


class Muon:
    """Momentum whose steps are made orthogonal, matrix by matrix (Jordan et al. 2024).

    As ``torch.optim.Muon``, which takes the matrices one by one and in bfloat16: on a processor
    without it that costs as much as the gradient.
    """

    def __init__(self, matrices: Sequence[torch.nn.Parameter]) -> None:
        by_shape: dict[tuple[int, int], list[torch.nn.Parameter]] = {}
        for each in matrices:
            rows, columns = each.shape
            by_shape.setdefault((max(rows, columns), min(rows, columns)), []).append(each)
        self._groups = list(by_shape.values())
        self._momenta = [torch.zeros(len(group), *shape) for shape, group in by_shape.items()]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step of this size along the gradients that the matrices hold."""
        for group, momentum in zip(self._groups, self._momenta, strict=True):
            gradient = torch.stack([_tall(each.grad) for each in group if each.grad is not None])
            momentum.lerp_(gradient, 1 - _MOMENTUM)
            update = _orthogonal(gradient.lerp(momentum, _MOMENTUM))
            for each, change in zip(group, update, strict=True):
                tall = each.shape[0] >= each.shape[1]
                scale = max(1.0, each.shape[0] / each.shape[1]) ** 0.5
                each.mul_(1 - rate * _DECAY)
                each.sub_(change if tall else change.T, alpha=rate * scale)


def _tall(matrix: torch.Tensor) -> torch.Tensor:
    return matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T


def _orthogonal(tall: torch.Tensor) -> torch.Tensor:
    """About U Vᵀ of the singular value decompositions U S Vᵀ [n, rows, columns], by Newton and
    Schulz's iteration with Jordan's coefficients: singular values end between .7 and 1.2."""
    x: torch.Tensor = tall / tall.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(5):
        gram = x.mT @ x
        x = 3.4445 * x + x @ (-4.7750 * gram + 2.0315 * gram @ gram)
    return x


def train(recipe: Recipe, *, told: Callable[[int, float], None] | None = None) -> Any:
    """A network trained by a recipe; the same each time with as many threads of the same machine.

    Args:
        recipe: what is done.
        told: called after every step with its number, from 1, and the loss.
    """
    made = network(recipe)
    made.train()
    inside = [p for name, p in made.named_parameters() if p.dim() == 2 and "layers" in name]
    others = [p for name, p in made.named_parameters() if p.dim() != 2 or "layers" not in name]
    muon = Muon(inside)
    adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)
    warm = max(1, recipe.steps // 20)
    drawn = chain(islice(batches(recipe, rounds=1), recipe.short), batches(recipe))
    for step, batch in enumerate(islice(drawn, recipe.steps), start=1):
        left = 1 - (step - 1) / recipe.steps
        share = min(step / warm, 1.0, left / 0.6)
        found = loss(made, batch, recipe.weight)
        found.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)
        muon.step(recipe.muon * share)
        adam.param_groups[0]["lr"] = recipe.rate * share
        adam.step()
        made.zero_grad()
        if told is not None:
            told(step, float(found.detach()))
    return made.eval()


@torch.inference_mode()
def distance(made: Any, dialogues: int = 400, rounds: int = ROUNDS) -> dict[str, Any]:
    """KL(exact ‖ model) of the letters' distribution, by round, on dialogues it hasn't seen.

    Returns:
        ``kl`` [rounds], mean over dialogues in nats, ``mass`` [rounds], the least probability of
        all letters together, ``worst``, and ``n``.
    """
    kl = np.zeros((dialogues, rounds))
    mass = np.zeros((dialogues, rounds))
    for row, drawn in enumerate(islice(corpus(_HELD_OUT, rounds), dialogues)):
        known = exact(drawn.messages)
        ids = torch.tensor([[_IDS[t] for t in known.tokens]])
        logits = made(ids).logits[0, list(known.positions)].double()
        logp = torch.log_softmax(logits, dim=-1)[:, _LETTERS].numpy()
        mass[row] = np.exp(logp).sum(axis=1)
        kl[row] = (known.predictive * (np.log(known.predictive) - logp)).sum(axis=1)
    return {
        "kl": kl.mean(axis=0).tolist(),
        "worst": float(kl.max()),
        "mass": mass.min(axis=0).tolist(),
        "n": dialogues,
    }


def write(made: Any, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """A folder of transformers: weights in float16, tokenizer, template, and the recipe.

    Returns:
        What :func:`distance` finds of the weights as written.
    """
    made.half().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    found = distance(made.float())
    about = {"recipe": asdict(recipe), "hash": recipe.hash, "distance": found}
    (folder / "recipe.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return found
