"""Replies drawn beside one, to see how uncertain the model is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from selfcorrect.models.base import Request, Sample
from selfcorrect.models.endpoint.answers import Completion, Said
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.together import drawn, together
from selfcorrect.models.endpoint.wire import Ask, estimate

_UNTOLD = (
    "{} of {} samples have no likelihood: the server doesn't tell that of each of their tokens"
)


async def samples(
    served: Served, ask: Ask, request: Request
) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """Draw the samples that a request wants, from the prompt that its reply is asked with.

    A server that draws several replies for one request encodes, and charges, the prompt once.

    Returns:
        The samples, as many as the request has seeds, and notes on how they were asked for.

    Raises:
        TooLongError, UserError: as :meth:`Served.ask`.
    """
    seeds = request.samples
    one = replace(ask, temperature=request.sample_temperature, likely=False, layers=())
    found: list[Sample] = []
    notes: list[str] = []
    rest: list[int] = []
    for part, completion, told in await drawn(served, one, seeds):
        read = _read(served, completion)[: len(part)]
        found += read
        notes += told
        rest += part[len(read) :]
    # a server may have given fewer than it was asked for
    for completion, told in await together([served.ask(replace(one, seed=seed)) for seed in rest]):
        found += _read(served, completion)[:1]
        notes += told
    untold = sum(sample.logp is None for sample in found)
    if served.able.logprobs and untold:
        notes.append(_UNTOLD.format(untold, len(found)))
    return tuple(found), tuple(dict.fromkeys(notes))


def _read(served: Served, completion: Completion) -> Sequence[Sample]:
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
    """Σ log p; ``None`` where the tokens of a text weren't told, or their likelihoods."""
    return None if said.logps is None or (said.text and not said.tokens) else math.fsum(said.logps)
