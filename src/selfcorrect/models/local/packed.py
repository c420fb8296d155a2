"""One forward pass over new tokens of many dialogues, without a padded token.

The new tokens of all dialogues stand behind one another in one row (a *pack*); everything but
attention treats tokens alike, so the matrix products see one tall matrix. Attention is done
in groups of dialogues of like length, on the pages (see ``pages.py``) that hold their past:
causality and sliding windows are arithmetic on positions, and dropping tokens is setting a length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

from selfcorrect.models.local.fan import Fan
from selfcorrect.models.local.groups import Group, groups
from selfcorrect.models.local.pages import Cache, Plan, Segment, wide
from selfcorrect.models.local.vision.feeding import fed

NAME = "selfcorrect_packed"

#: Tokens per forward pass: beyond this the matrix products get no faster, only the memory grows.
PACK = 1024

#: Marks the attention of a last layer that computes only what is read.
_LAST = "_selfcorrect_last"


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pack that is being encoded, with what its layers have in common: made once, used in each.

    Attributes:
        rows: the positions that are read after the last layer; ``None``: all.
        groups: by sliding window (0 for none), and for all tokens or those that are read.
    """

    cache: Cache
    segments: Sequence[Segment]
    plan: Plan
    rows: torch.Tensor | None
    groups: dict[tuple[int, bool], list[Group]] = field(default_factory=dict)
    indices: dict[tuple[Any, ...], torch.Tensor] = field(default_factory=dict)

    def index(self, make: Callable[..., torch.Tensor], *given: int, of: Any = None) -> torch.Tensor:
        """``make(*given)``, ``of`` what being told by a hashable."""
        key = (make.__name__, of, *given)
        if key not in self.indices:
            self.indices[key] = make(*given)
        return self.indices[key]


class _Active:
    """The attention function has no other way to know the pass it is called in."""

    now: _Pass | Fan | None = None


def _flat(states: torch.Tensor) -> tuple[torch.Tensor, int, int]:
    """[1, heads, tokens, size] as [heads · tokens, size], without a copy where it can be.

    Also how many rows further the next head and the next token are.
    """
    heads, tokens, size = states.shape[1:]
    by_token = states[0].transpose(0, 1)
    if by_token.is_contiguous():
        return by_token.reshape(-1, size), 1, heads
    return states[0].reshape(-1, size), tokens, 1


def _take(flat: torch.Tensor, index: torch.Tensor, *shape: int) -> torch.Tensor:
    return wide(flat).index_select(0, index).view(flat.dtype).view(*shape)


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001 - causality follows from positions here
    scaling: float | None = None,
    dropout: float = 0.0,  # noqa: ARG001 - never trained here
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention over a pack, with the signature transformers asks of an attention function.

    ``query`` is [1, heads, tokens, head size], ``key`` and ``value`` [1, kv heads, tokens, …].
    Scores are in the model's dtype; the softmax is computed in float32 inside and rounded once.
    """
    now = _Active.now
    if now is None:
        raise RuntimeError("packed attention outside of a pack")
    heads, tokens, size = query.shape[1:]
    kv_heads, width = value.shape[1], value.shape[3]
    query = query * (size**-0.5 if scaling is None else scaling)
    if isinstance(now, Fan):
        layer = int(module.layer_idx)  # type: ignore[arg-type]
        return now.attend(layer, query, key, value, sliding_window or 0, softcap, s_aux), None
    per_kv = heads // kv_heads
    states, per_head, per_token = _flat(query)
    new = [_flat(key), _flat(value)]
    slots = [now.index(now.plan.slots, kv_heads, h, t) for _, h, t in new]
    flat = [rows for rows, _, _ in new]
    keys, values = now.cache.store(int(module.layer_idx), now.plan, flat, slots)  # type: ignore[arg-type]
    # One row more than there are tokens, for what padded queries give: it is never read.
    out = query.new_empty((tokens + 1) * heads, width)
    only_read = now.rows is not None and getattr(module, _LAST, False)
    if only_read:
        out.zero_()  # the rest of the layer goes over all rows
    kind = (sliding_window or 0, only_read)
    if kind not in now.groups:
        now.groups[kind] = groups(now.cache, now.segments, *kind, query)
    for n, group in enumerate(now.groups[kind]):
        count, most, columns = group.count, group.most, group.columns
        which = (kind, n)
        rows = now.index(group.rows, heads, per_head, per_token, tokens - 1, of=which)
        there = now.index(group.rows, heads, 1, heads, tokens, of=which)
        blocks = now.index(group.blocks, kv_heads, of=which)
        q = _take(states, rows, count * kv_heads, per_kv * most, size)
        k = _take(keys, blocks, count * kv_heads, columns, size)
        v = _take(values, blocks, count * kv_heads, columns, width)
        mixed = _mixed(group, q, k, v, per_kv, softcap, s_aux)
        wide(out).index_copy_(0, there, wide(mixed))
    return out[: tokens * heads].view(1, tokens, heads, width), None


def _mixed(
    group: Group,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    per_kv: int,
    softcap: float | None,
    s_aux: torch.Tensor | None,
) -> torch.Tensor:
    """What the queries of a group get of its values, as [segments · heads · most, width]."""
    pairs, _, size = query.shape
    most, width = group.most, value.shape[2]
    queries = query.view(pairs, per_kv, most, size)
    whole = value.new_empty(pairs, per_kv, most, width)
    for start, end, columns in group.parts:
        new = end - start
        q = queries[:, :, start:end].reshape(pairs, per_kv * new, size)
        scores = torch.bmm(q, key[:, :columns].transpose(1, 2))
        scores = scores.view(group.count, -1, per_kv, new, columns)
        if softcap is not None:
            scores = torch.tanh(scores / softcap) * softcap
        mask = group.mask[..., start:end, : columns - group.first]
        scores[..., group.first :].add_(mask)  # += would copy them, too
        if s_aux is not None:
            sink = s_aux.view(1, -1, per_kv, 1, 1).expand(group.count, -1, -1, new, 1)
            scores = torch.cat([scores, sink.to(scores.dtype)], dim=-1)
        weights = torch.softmax(scores, dim=-1)
        if s_aux is not None:
            weights = weights[..., :-1].contiguous()
        found = torch.bmm(weights.view(pairs, per_kv * new, columns), value[:, :columns])
        if new == most:
            return found.view(-1, width)
        whole[:, :, start:end] = found.view(pairs, per_kv, new, width)
    return whole.view(-1, width)


def _no_mask(*_: Any, **__: Any) -> None:
    """No mask is built: :func:`attention` knows the positions."""


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, _no_mask)


def trim(attention: torch.nn.Module, mlp: torch.nn.Module, size: int) -> None:
    """Have the last layer compute only what is read: the rest of its output goes nowhere.

    Args:
        attention, mlp: its blocks. An MLP that treats tokens otherwise than one by one, or gives
            more than a state for each, is left alone.
        size: of the hidden states.
    """
    whole = mlp.forward
    probe = next(mlp.parameters()).new_ones(1, 2, size)
    out = whole(probe)
    if not isinstance(out, torch.Tensor) or out.shape != probe.shape:
        return

    def forward(states: torch.Tensor) -> torch.Tensor:
        rows = _Active.now.rows if _Active.now is not None else None
        if rows is None:
            return cast(torch.Tensor, whole(states))
        out = torch.zeros_like(states)
        if len(rows):
            out[:, rows] = whole(states[:, rows])
        return out

    mlp.forward = forward
    setattr(attention, _LAST, True)


def encode(
    decoder: torch.nn.Module, cache: Cache, segments: Sequence[Segment], device: torch.device
) -> torch.Tensor:
    """Encode a pack.

    Returns:
        The last hidden state (after the final norm) of the tokens that are read, [tokens, hidden].
    """
    rows: list[int] = []
    end = 0
    for segment in segments:
        end += len(segment.ids)
        rows += range(end - segment.tail, end)
    read = torch.tensor(rows, device=device, dtype=torch.long) if len(rows) < end else None
    _Active.now = _Pass(cache, segments, cache.prepare(segments, device), read)
    try:
        given = fed(decoder, segments, device)
        hidden: torch.Tensor = decoder(**given, use_cache=False).last_hidden_state
    finally:
        _Active.now = None
    return hidden[0] if read is None else hidden[0, read]


@contextmanager
def looking(fan: Fan) -> Iterator[None]:
    """Passes over a fan."""
    _Active.now = fan
    try:
        yield
    finally:
        _Active.now = None


def packs(segments: Sequence[Segment], size: int) -> list[list[Segment]]:
    """Segments in packs of at most ``size`` tokens, a row at most once in each.

    A longer segment is cut.
    """
    result: list[list[Segment]] = []
    taken: set[int] = set()
    room = 0
    for segment in segments:
        unread = len(segment.ids) - segment.tail
        for at, end in cuts(segment, size):
            ids = segment.ids[at:end]
            piece = Segment(
                segment.row,
                ids,
                segment.past + at,
                segment.copy if at == 0 else None,
                len(ids) - min(len(ids), max(0, unread - at)),
                segment.steer,
                segment.seen,
            )
            if len(piece.ids) > room or segment.row in taken:
                result.append([])
                room, taken = size, set()
            taken.add(segment.row)
            result[-1].append(piece)
            room -= len(piece.ids)
    return result


def cuts(segment: Segment, size: int) -> list[tuple[int, int]]:
    """``(start, end)`` of a segment's pieces of at most ``size`` tokens.

    Tokens that see one another both ways stay together, however many they are.
    """
    found, at, many = [], 0, len(segment.ids)
    blocks = () if segment.seen is None else segment.seen.blocks
    while at < many:
        end = min(at + size, many)
        low, high = next(
            ((a, b) for a, b in blocks if a < segment.past + end < b), (segment.past + end,) * 2
        )
        end = low - segment.past if low - segment.past > at else high - segment.past
        found.append((at, end))
        at = end
    return found
