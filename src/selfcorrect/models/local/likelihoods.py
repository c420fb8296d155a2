"""Likelihoods of texts as what a dialogue goes on with, all in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from selfcorrect.models.base import Likelihood, Steer
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.pages import Cache, Segment
from selfcorrect.models.local.prompts import Prompt, common


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts whose likelihoods are wanted, as continuations of one dialogue.

    Attributes:
        row: the dialogue's.
        whole: of each text, the transcript with it.
        prompt: how many tokens the transcript has without any.
        start: up to here they are those of the transcript without a text.
        fork: up to here they are the same in all.
    """

    row: int
    whole: list[Prompt]
    prompt: int
    start: int
    fork: int

    @property
    def end(self) -> int:
        """A text that is longer has tokens of its own to encode: the last one predicts nothing."""
        return self.fork + 1


def texts(
    row: int,
    prompt: Prompt,
    whole: list[Prompt],
    steer: Steer | None = None,
    reply: int | None = None,
) -> Texts:
    """Texts after a prompt, ``whole[t]`` being both; under a steer, they are the reply, which
    begins earlier where a position is given."""
    # A text may merge with the prompt's last token: that token counts with it.
    start = min(common(prompt.keys, each.keys) for each in whole)
    fork = min(min(common(whole[0].keys, each.keys) for each in whole), min(map(len, whole)) - 1)
    if steer is not None:
        first = 0 if steer.at == "transcript" else start - 1 if reply is None else reply
        whole = [each.steered(first, steer) for each in whole]
    return Texts(row, whole, len(prompt), start, max(start, fork))


def likelihoods(
    engine: Engine, cache: Cache, items: Sequence[Texts]
) -> list[list[Likelihood] | None]:
    """Likelihoods of texts. What they share is encoded once and stays cached.

    Returns:
        Per item one for each of its texts; none where one doesn't fit the context window, and
        ``None`` where hidden states under the steer were too large.

    Raises:
        OutOfMemoryError: the device has no room.
    """
    fit = [item for item in items if max(map(len, item.whole)) <= engine.context]
    longer = [
        (k, each) for k, item in enumerate(fit) for each in item.whole if len(each) > item.end
    ]
    # Every text goes on from a row of its own, which holds the pages of what is shared.
    aside = cache.branch([item.row for item in (*fit, *(fit[k] for k, _ in longer))])
    segments: list[Segment] = []
    wholes: list[Prompt] = []
    for k, item in enumerate(fit):
        whole = item.whole[0].upto(item.fork)
        # The state before the first token that counts predicts it, so that token goes in again.
        past = min(common(cache.held[item.row], whole.keys), item.start - 1)
        past = whole.floor(past) if engine.packed else 0
        read = item.fork - item.start + 1
        segments.append(
            Segment(k, whole.ids[past:], past, read=read, steer=whole.steer, seen=whole.seen)
        )
        wholes.append(whole)
    for row, (k, each) in enumerate(longer, start=len(fit)):
        fork, whole = fit[k].fork, each.upto(-1)
        copy = k, segments[k].past, fork
        segments.append(
            Segment(row, whole.ids[fork:], fork, copy, steer=whole.steer, seen=whole.seen)
        )
        wholes.append(whole)
    encoded = [0] * len(fit)
    for k, segment in zip([*range(len(fit)), *(k for k, _ in longer)], segments, strict=True):
        encoded[k] += len(segment.ids) + (0 if engine.packed else segment.past)
    with engine.within_memory():
        hidden = engine.encode(aside, segments, wholes)
        overflowed = _without_overflow(wholes, [*range(len(fit)), *(k for k, _ in longer)], hidden)
        for k, item in enumerate(fit):
            if k in overflowed:
                continue
            aside.held[k] = wholes[k].keys
            cache.adopt(item.row, aside, k)
        found = _looked_up(engine, fit, hidden)
    by_row: dict[int, list[Likelihood] | None] = {}
    for k, (item, (first, *others)) in enumerate(zip(fit, found, strict=True)):
        if k in overflowed:
            by_row[item.row] = None
            continue
        first = replace(
            first, prompt_tokens=item.prompt, encoded=encoded[k], reused=segments[k].past
        )
        by_row[item.row] = [first, *others]
    return [by_row.get(item.row, []) for item in items]


def _without_overflow(
    wholes: Sequence[Prompt], items: Sequence[int], hidden: list[torch.Tensor]
) -> set[int]:
    """Put zeros in place of steered states that aren't finite; returns the items with such."""
    found = set()
    for n, (whole, item) in enumerate(zip(wholes, items, strict=True)):
        if whole.steer is not None and not hidden[n].isfinite().all():
            hidden[n] = torch.zeros_like(hidden[n])
            found.add(item)
    return found


@torch.inference_mode()
def _looked_up(
    engine: Engine, items: Sequence[Texts], states: Sequence[torch.Tensor]
) -> list[list[Likelihood]]:
    """``states`` are of what the texts of each item share, then of each longer text."""
    own_states = iter(states[len(items) :])
    hidden: list[torch.Tensor] = []
    wanted: list[list[int]] = []  # per row of hidden, whose likelihoods are looked up there
    for item, shared_states in zip(items, states, strict=False):
        whole = [each.ids for each in item.whole]
        hidden.append(shared_states)
        wanted += [[token] for token in whole[0][item.start : item.fork]]
        wanted.append([ids[item.fork] for ids in whole if len(ids) > item.fork])
        for ids in whole:
            if len(ids) > item.end:
                hidden.append(next(own_states))
                wanted += [[token] for token in ids[item.end :]]
    if not hidden:
        return []
    found: list[float] = []
    for at in engine.head.blocks(torch.cat(hidden), wanted):
        here = wanted[at.start : at.start + len(at.norms)]
        rows = [row for row, tokens in enumerate(here) for _ in tokens]
        flat = [token for tokens in here for token in tokens]
        found += (at.logits[rows, flat] - at.norms[rows]).tolist()
    logps = iter(found)
    result: list[list[Likelihood]] = []
    for item in items:
        shared = item.fork - item.start
        logp_shared = sum(next(logps) for _ in range(shared))
        owns = [len(each) - item.fork for each in item.whole]
        firsts = [next(logps) if own else 0.0 for own in owns]
        each = []
        for own, first_logp in zip(owns, firsts, strict=True):
            logp = logp_shared + first_logp + sum(next(logps) for _ in range(own - 1))
            each.append(Likelihood(logp, shared + own, shared, logp_shared))
        result.append(each)
    return result
