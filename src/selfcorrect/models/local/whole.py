"""Whole transcripts under many steers: what lies below the lowest steered layer is computed once.

A steer at every token changes every state from its layer on, so no two steers share keys or values
there. Up to that layer they share everything: the states it gives are kept, and a transcript under
a steer goes only through the layers above. Its keys and values lie in pages of their own, which go
with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from selfcorrect.models.base import Steer
from selfcorrect.models.local import packed, steering
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.fan import from_layer
from selfcorrect.models.local.layers import layers
from selfcorrect.models.local.pages import Cache, Pool, Segment


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a transcript before it is steered.

    Attributes:
        ids: its tokens [tokens].
        below: their states after the lowest steered layer [tokens, hidden].
        last: the last token's state after the last layer and norm, unsteered [hidden].
    """

    ids: list[int]
    below: torch.Tensor
    last: torch.Tensor


@torch.inference_mode()
def known(engine: Engine, transcripts: Sequence[list[int]], lowest: int) -> list[Known]:
    """Read transcripts as they are, once.

    Args:
        engine: of the model.
        transcripts: the tokens of each.
        lowest: the layer whose states are kept.
    """
    kept: list[torch.Tensor] = []

    def keep(_module: Any, _inputs: Any, output: Any) -> None:
        kept.append((output[0] if isinstance(output, tuple) else output)[0].clone())

    cache = Cache(engine.pool, len(transcripts))
    segments = [Segment(row, ids, 0) for row, ids in enumerate(transcripts)]
    handle = layers(engine.decoder)[lowest].register_forward_hook(keep)
    last: dict[int, torch.Tensor] = {}
    try:
        for pack in packed.packs(segments, packed.PACK):
            hidden = packed.encode(engine.decoder, cache, pack, torch.device(engine.device))
            engine.passes += 1
            for piece, states in zip(pack, _split(hidden, pack), strict=True):
                last[piece.row] = states[-1]
    finally:
        handle.remove()
    below = torch.split(torch.cat(kept), [len(ids) for ids in transcripts])
    return [
        Known(ids, below[row], last[row]) for row, ids in enumerate(transcripts)
    ]  # fmt: skip


@torch.inference_mode()
def steered(
    engine: Engine, every: Sequence[Known], steers: Sequence[tuple[int, Steer]], lowest: int
) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Every transcript under every steer.

    Args:
        engine: of the model.
        every: the transcripts.
        steers: with their numbers; none below ``lowest``.
        lowest: the layer after which they are computed.

    Yields:
        Transcript, the steer's number, and the last token's state after the last layer and norm
        [hidden]; not finite where a state of any token wasn't.
    """
    pool = Pool()
    due: list[tuple[int, int, Segment]] = []
    tokens = 0
    for row, each in enumerate(every):
        for n, steer in steers:
            due.append((row, n, Segment(len(due), each.ids, 0, read=1, steer=(0, steer))))
            tokens += len(each.ids)
            if tokens + len(each.ids) > packed.PACK:
                yield from _through(engine, Cache(pool, len(due)), every, due, lowest)
                due, tokens = [], 0
    yield from _through(engine, Cache(pool, len(due)), every, due, lowest)


def _through(
    engine: Engine,
    cache: Cache,
    every: Sequence[Known],
    due: Sequence[tuple[int, int, Segment]],
    lowest: int,
) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Some of them, in passes of at most ``packed.PACK`` tokens."""
    found: dict[int, torch.Tensor] = {}
    spoilt: set[int] = set()
    for pack in packed.packs([segment for _, _, segment in due], packed.PACK):
        given = torch.cat([every[due[p.row][0]].below[p.past : p.past + len(p.ids)] for p in pack])
        with (
            from_layer(layers(engine.decoder), lowest, given[None], as_tuple=engine.gives_tuples),
            steering.steered(engine.decoder, steering.spans(pack)) as overflow,
        ):
            hidden = packed.encode(engine.decoder, cache, pack, torch.device(engine.device))
        engine.passes += 1
        end = 0
        for piece, states in zip(pack, _split(hidden, pack), strict=True):
            start, end = end, end + len(piece.ids)
            if overflow.within(start, end):
                cache.overflowed(piece)
                spoilt.add(piece.row)
            if len(states):
                found[piece.row] = states[-1]
    for row, n, segment in due:
        state = found[segment.row]
        yield row, n, torch.full_like(state, torch.nan) if segment.row in spoilt else state


def _split(hidden: torch.Tensor, pack: Sequence[Segment]) -> Sequence[torch.Tensor]:
    return torch.split(hidden, [piece.tail for piece in pack])
