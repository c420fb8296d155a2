"""Replies drawn beside one, to see how uncertain the model is."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace

from selfcorrect.models.base import Request, Sample
from selfcorrect.models.endpoint.answers import Completion, Said
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.wire import Ask, estimate


@dataclass(frozen=True, slots=True)
class Drawn:
    """Samples, in the order of their seeds, and what had to be done differently."""

    found: tuple[Sample, ...]
    notes: tuple[str, ...] = ()


async def samples(served: Served, ask: Ask, request: Request) -> Drawn:
    """Draw the samples that a request wants, from the prompt that its reply is asked with.

    A server that draws several replies for one request encodes, and charges, the prompt once.

    Raises:
        TooLongError, UserError: as :meth:`Served.ask`.
    """
    seeds = request.samples
    if not seeds:
        return Drawn(())
    one = replace(
        ask, temperature=request.sample_temperature, seed=seeds[0], likely=False, layers=()
    )
    if served.able.n:
        asks = [replace(one, n=len(seeds))]
    else:
        asks = [replace(one, seed=seed) for seed in seeds]
    asked = await asyncio.gather(*(served.ask(each) for each in asks))
    found = tuple(sample for completion, _ in asked for sample in _read(served, completion))
    notes = (note for _, notes in asked for note in notes)
    return Drawn(found, tuple(dict.fromkeys(notes)))


def _read(served: Served, completion: Completion) -> list[Sample]:
    """The samples of one answer; what it cost is the first one's."""
    lengths = [len(said.tokens) or estimate(said.text) for said in completion.said]
    if len(lengths) == 1:
        lengths = [completion.usage.completion]
    costs = [completion.usage.encoded, *[0] * (len(lengths) - 1)]
    return [
        Sample(
            text=said.text,
            tokens=tokens,
            logp=_logp(said) if served.able.logprobs else None,
            cut=said.finish == "length",
            encoded=encoded,
        )
        for said, tokens, encoded in zip(completion.said, lengths, costs, strict=True)
    ]


def _logp(said: Said) -> float | None:
    """Σ log p; ``None`` where the tokens of a text weren't told."""
    return math.fsum(token.logp for token in said.tokens) if said.tokens or not said.text else None
