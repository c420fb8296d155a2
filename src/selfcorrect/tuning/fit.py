"""Tuning a causal language model on texts: next-token loss over real tokens, and nothing else.

AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) with a rate that rises for a tenth of the steps
and falls to 0, gradients clipped at norm 1. Weights are float32 while they are tuned: in 16 bits
most steps would be rounded away. LoRA (Hu et al. 2021, arXiv 2106.09685) through peft.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from random import Random
from typing import Any

import torch

from selfcorrect.errors import UserError
from selfcorrect.places import writing
from selfcorrect.tuning import BATCH, LONGEST, RATE

#: Called with how many steps are done, of how many, and the last loss.
Told = Callable[[int, int, float], object]
_STATE = "state.safetensors"
_IGNORED = -100
#: What a pass of its own takes, in tokens.
_PASS = 40


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is tuned.

    Attributes:
        steps: optimiser steps; 0 takes as many as three passes over the texts need.
        rate: the largest learning rate.
        batch: texts of a step.
        seed: of the order of the texts, of dropout and of LoRA's first weights.
        lora: rank of LoRA's matrices; 0 tunes all weights.
        longest: tokens that are read of a text.
        decay: weight decay.
    """

    steps: int = 0
    rate: float = RATE
    batch: int = BATCH
    seed: int = 0
    lora: int = 0
    longest: int = LONGEST
    decay: float = 0.01

    def for_texts(self, n: int) -> Settings:
        """The same with the number of steps that it means for so many texts, none of which a step
        sees twice."""
        batch = min(self.batch, n)
        return replace(self, batch=batch, steps=self.steps or max(1, -(-3 * n // batch)))


@dataclass(slots=True)
class Fitted:
    """A model that was tuned.

    Attributes:
        network: in float32; LoRA's matrices are merged into it.
        losses: of each step, over real tokens, in nats.
        stopped: the step whose loss was no number, before which the last good state is; ``None``
            where all steps were made.
    """

    network: Any
    losses: list[float] = field(default_factory=list)
    stopped: int | None = None


class NoNumberError(UserError):
    """The loss is no number, and no earlier state is kept."""


def encoded(tokenizer: Any, texts: Sequence[str], begins: Sequence[int], longest: int) -> Any:
    """The tokens of texts, each after the token that begins one.

    Raises:
        UserError: none has a token.
    """
    plain = [tokenizer(text, add_special_tokens=False)["input_ids"][:longest] for text in texts]
    found = [[*begins, *ids] for ids in plain if ids]
    if not found:
        raise UserError("none of the texts has a token: give others.")
    return found


def step_texts(n: int, batch: int, step: int, seed: int) -> list[int]:
    """Which of n texts a step sees: all of them once before any comes again, in an order that
    follows from the seed alone."""
    places = range(step * batch, (step + 1) * batch)
    return [_epoch(n, at // n, seed)[at % n] for at in places]


@lru_cache(maxsize=2)
def _epoch(n: int, epoch: int, seed: int) -> list[int]:
    numbers = list(range(n))
    Random(f"{seed}:{epoch}").shuffle(numbers)
    return numbers


def alike(rows: Sequence[Sequence[int]]) -> list[list[Sequence[int]]]:
    """Texts in one or two parts of like length, whichever takes less time to compute: a text is
    padded to the longest of its part."""
    by_length = sorted(rows, key=len)

    def cost(cut: int) -> int:
        parts = [part for part in (by_length[:cut], by_length[cut:]) if part]
        return sum(len(part) * len(part[-1]) + _PASS for part in parts)

    best = min(range(len(rows)), key=cost)
    return [part for part in (by_length[:best], by_length[best:]) if part]


def loss_of(network: Any, rows: Sequence[Sequence[int]], device: Any, of: int | None = None) -> Any:
    """Mean −log p of the next token over all real tokens of some texts; what is padded counts for
    nothing, and neither does the first token, which nothing predicts.

    Args:
        network: of transformers.
        rows: tokens of each text.
        device: where it is computed.
        of: the sum is divided by so many tokens; by default those that are predicted in the rows.
    """
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full_like(ids, _IGNORED)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
        labels[at, : len(row)] = ids[at, : len(row)]
        mask[at, : len(row)] = 1
    logits = network(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, :-1]
    total = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1),
        labels[:, 1:].to(device).flatten(),
        ignore_index=_IGNORED,
        reduction="sum",
    )
    return total / (predicted(rows) if of is None else of)


def predicted(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens of some texts are predicted: all but the first of each."""
    return sum(len(row) - 1 for row in rows)


def fit(
    network: Any,
    rows: Sequence[Sequence[int]],
    settings: Settings,
    *,
    device: str = "cpu",
    keep: Path | None = None,
    of: str = "",
    every: int = 25,
    told: Told = lambda *_: None,
) -> Fitted:
    """Tune a network, or go on where an earlier call was stopped.

    Args:
        network: of transformers, in float32.
        rows: tokens of each text.
        settings: with a number of steps.
        device: where it is computed.
        keep: a folder in which the state is kept; nothing is without one.
        of: the fingerprint of what is tuned: a state of another model isn't gone on from.
        every: so many steps lie between two states.
        told: after each step.

    Returns:
        The network; of a loss that is no number, as it was when its loss last was one.

    Raises:
        UserError: LoRA is asked for and peft isn't there, or the rank is larger than the network.
        NoNumberError: the loss is no number, and no state is kept that was good.
    """
    from accelerate import Accelerator

    from selfcorrect.models.local.machine import keep_freed_memory

    keep_freed_memory()
    torch.manual_seed(settings.seed)
    network = _with_lora(network, settings.lora)
    network.train()
    network.config.use_cache = False
    accelerator = Accelerator(cpu=device == "cpu")
    tuned = {name: p for name, p in network.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(  # in one pass over the weights, which on a CPU counts
        tuned.values(), lr=settings.rate, weight_decay=settings.decay,
        fused=accelerator.device.type == "cpu",
    )  # fmt: skip
    network, optimizer = accelerator.prepare(network.to(accelerator.device), optimizer)
    decides = digest(settings, rows, of)
    losses = _restored(keep, tuned, optimizer, settings, decides)

    def seen(step: int) -> list[Sequence[int]]:
        return [rows[at] for at in step_texts(len(rows), settings.batch, step, settings.seed)]

    stopped: int | None = None
    for step in range(len(losses), settings.steps):
        torch.manual_seed(
            (settings.seed * 1_000_003 + step) % 2**63
        )  # dropout, wherever it was stopped
        batch = seen(step)
        value = 0.0
        for some in alike(batch):
            loss = loss_of(network, some, accelerator.device, predicted(batch))
            accelerator.backward(loss)
            value += float(loss.detach())
        if not isfinite(value):
            stopped = step
            break
        if keep is not None and step and step % every == 0:  # these weights gave a number
            _kept(keep, tuned, optimizer, decides, losses)
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * _share(step, settings.steps)
        accelerator.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(value)
        told(step + 1, settings.steps, value)
    network = accelerator.unwrap_model(network)
    if stopped is None:  # the last step may be the one that spoils them
        with torch.no_grad():
            last = loss_of(network, seen(settings.steps - 1), accelerator.device)
        stopped = None if isfinite(float(last)) else settings.steps
    if stopped == 0:
        raise NoNumberError(
            "the loss is no number before anything was tuned, so the model's weights aren't all "
            "numbers: get the model's files again."
        )
    if stopped is not None:
        if keep is None or not (keep / _STATE).is_file():
            raise NoNumberError(
                f"the loss became no number in step {stopped + 1} of {settings.steps} at the rate "
                f"{settings.rate:g}, and no earlier state was kept: give a smaller --rate."
            )
        losses = _restored(keep, tuned, optimizer, settings, decides)
    if settings.lora:
        network = network.merge_and_unload()
    network.config.use_cache = True
    return Fitted(network.eval(), losses, stopped)


def _share(step: int, steps: int) -> float:
    """The share of the largest rate at a step: up for a tenth of the steps, then down."""
    warm = max(1, steps // 10)
    return (step + 1) / warm if step < warm else (steps - step) / max(1, steps - warm)


def _with_lora(network: Any, rank: int) -> Any:
    if not rank:
        return network
    check_lora()
    most = int(network.config.get_text_config().hidden_size)
    if rank > most:
        raise UserError(
            f"LoRA's rank {rank:,} is more than the {most:,} numbers of the model's states, where "
            "it saves nothing: give a smaller --lora, or tune all weights (without it)."
        )
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    return get_peft_model(network, config)


def check_lora() -> None:
    """Raises UserError where peft isn't installed."""
    if importlib.util.find_spec("peft") is None:
        raise UserError(
            "LoRA needs the package peft: pip install 'selfcorrect[tune]', or tune all weights "
            "(without --lora)."
        )


def digest(settings: Settings, rows: Sequence[Sequence[int]], of: str) -> str:
    """What decides a tuning: its settings, the texts' tokens and the model that it begins from."""
    text = json.dumps([asdict(settings), [list(row) for row in rows], of])
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _kept(
    keep: Path,
    tuned: dict[str, Any],
    optimizer: Any,
    decides: str,
    losses: list[float],
) -> None:
    from safetensors.torch import save_file

    tensors = {f"p.{name}": p.detach().cpu().contiguous() for name, p in tuned.items()}
    for name, p in tuned.items():
        for key, value in optimizer.state.get(p, {}).items():
            value = value if torch.is_tensor(value) else torch.tensor(float(value))
            tensors[f"o.{key}.{name}"] = value.detach().cpu().contiguous().clone()
    notes = {"digest": decides, "losses": losses}
    with writing(keep):
        keep.mkdir(parents=True, exist_ok=True)
        save_file(tensors, keep / f"{_STATE}.new", {"notes": json.dumps(notes)})
        os.replace(keep / f"{_STATE}.new", keep / _STATE)


def _restored(
    keep: Path | None,
    tuned: dict[str, Any],
    optimizer: Any,
    settings: Settings,
    decides: str,
) -> list[float]:
    """Losses of the steps that a kept state has made, which is put in place; none without one.

    Raises:
        UserError: what is kept is another tuning's, or damaged.
    """
    file = None if keep is None else keep / _STATE
    if file is None or not file.is_file():
        return []
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as held:
            notes = json.loads(held.metadata()["notes"])
            if notes["digest"] != decides:
                raise UserError(
                    f"{keep} holds the beginning of another tuning, of another model, other texts "
                    "or settings: give another --out, or delete it."
                )
            losses: list[float] = list(map(float, notes["losses"]))
            if not 0 < len(losses) <= settings.steps:
                raise ValueError(f"{len(losses):,} steps of {settings.steps:,}")
            if not all(map(isfinite, losses)):
                raise ValueError("a loss is no number")
            for name, p in tuned.items():
                with torch.no_grad():
                    p.copy_(_alike(held, f"p.{name}", p))
                optimizer.state[p] = {
                    "step": _alike(held, f"o.step.{name}", torch.tensor(0.0)),
                    **{key: _alike(held, f"o.{key}.{name}", p).to(p.device)
                       for key in ("exp_avg", "exp_avg_sq")},
                }  # fmt: skip
    except (
        SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError, OverflowError,
    ) as error:  # fmt: skip
        raise UserError(
            f"what was kept in {keep} can't be gone on from ({error}): delete it and run the "
            "command again."
        ) from None
    return losses


def _alike(held: Any, name: str, p: Any) -> Any:
    """A tensor of a kept state, of a weight's shape and kind, where torch would stretch another
    one, or fail in the next step."""
    found = held.get_tensor(name)
    if found.shape != p.shape:
        raise ValueError(f"{name} has the shape {tuple(found.shape)}, not {tuple(p.shape)}")
    if found.dtype != p.dtype or not bool(found.isfinite().all()):
        raise ValueError(f"{name} holds other than the finite numbers that were kept")
    return found
