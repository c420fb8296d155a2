"""One forward pass over new tokens of many dialogues, without a padded token.

The new tokens of all dialogues stand behind one another in one row (a *pack*); everything but
attention treats tokens alike, so the matrix products see one tall matrix. Attention is done
in groups of dialogues of like length, each on its own keys and values, which hold no holes:
causality and sliding windows are arithmetic on positions, and dropping tokens is setting a length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

NAME = "selfcorrect_packed"

#: Tokens per forward pass: beyond this the matrix products get no faster, only the memory grows.
PACK = 1024

# Attention is computed for several segments at once if their lengths differ by at most _SPREAD
# columns and the scores of one head hold at most _AREA numbers. Columns are a multiple of _ALIGN:
# oneDNN compiles a kernel for every shape, and so there are few.
_SPREAD = 64
_AREA = 1 << 17
_ALIGN = 32


@dataclass(frozen=True, slots=True)
class Segment:
    """New tokens of one dialogue at consecutive positions.

    Attributes:
        row: whose cache they see and enter.
        ids: the tokens.
        past: how many tokens of the row's cache come before them.
        copy: ``(source row, start, end)``: keys and values of these positions are first copied
            from a row that encodes, or has encoded, the same tokens.
    """

    row: int
    ids: Sequence[int]
    past: int
    copy: tuple[int, int, int] | None = None


@dataclass
class Cache:
    """Keys and values of every layer, one block per dialogue; grown in steps, never per token.

    A layer's tensors are [rows, kv heads, capacity, head size], made when the layer is first seen.
    """

    rows: int
    capacity: int = 0
    keys: dict[int, torch.Tensor] = field(default_factory=dict)
    values: dict[int, torch.Tensor] = field(default_factory=dict)

    def reserve(self, length: int) -> None:
        """Make room for that many tokens a dialogue."""
        if length <= self.capacity:
            return
        self.capacity = -(-max(length, self.capacity + self.capacity // 4) // 64) * 64
        for store in (self.keys, self.values):
            for layer, old in store.items():
                new = old.new_zeros(old.shape[0], old.shape[1], self.capacity, old.shape[3])
                new[:, :, : old.shape[2]] = old
                store[layer] = new

    def layer(self, index: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The layer's keys and values; ``like`` is [1, kv heads, tokens, head size]."""
        if index not in self.keys:
            shape = (self.rows, like.shape[1], self.capacity, like.shape[3])
            # Zeros, not empty: padding is weighted by 0, and 0 times NaN is NaN.
            self.keys[index] = like.new_zeros(shape)
            self.values[index] = like.new_zeros(shape)
        return self.keys[index], self.values[index]

    def branch(self, rows: Sequence[int], length: int) -> Cache:
        """A cache whose row i is a copy of ``rows[i]``, of the first ``length`` tokens."""
        other = Cache(len(rows))
        other.reserve(length)
        index = torch.tensor(rows)
        for mine, theirs in ((self.keys, other.keys), (self.values, other.values)):
            for layer, old in mine.items():
                new = old.new_zeros(len(rows), old.shape[1], other.capacity, old.shape[3])
                kept = min(length, old.shape[2])
                new[:, :, :kept] = old[index.to(old.device), :, :kept]
                theirs[layer] = new
        return other


@dataclass(frozen=True, slots=True)
class _Group:
    """Segments of a pack whose attention is computed together, their keys padded to one length.

    Attributes:
        rows: cache row of each.
        starts: where each begins in the pack.
        new: tokens of each; queries are padded to the longest.
        low, high: the columns of the cache they look at.
        first: column from which some query must not look everywhere.
        mask: [segments, 1, 1, queries, high - first], 0 or -inf, to be added to the scores.
    """

    rows: list[int]
    starts: list[int]
    new: list[int]
    low: int
    high: int
    first: int
    mask: torch.Tensor


class _Active:
    """The pack that is being encoded: the attention function has no other way to know it."""

    cache: Cache | None = None
    segments: Sequence[Segment] = ()
    groups: dict[int, list[_Group]]


_active = _Active()


def _groups(segments: Sequence[Segment], window: int, like: torch.Tensor) -> list[_Group]:
    """Put segments of similar lengths together; ``like`` gives device and dtype."""
    starts = [0]
    for segment in segments:
        starts.append(starts[-1] + len(segment.ids))
    order = sorted(
        range(len(segments)),
        key=lambda k: (-(-len(segments[k].ids) // 8), segments[k].past + len(segments[k].ids)),
    )
    bundles: list[list[int]] = []
    for k in order:
        new, total = len(segments[k].ids), segments[k].past + len(segments[k].ids)
        if bundles:
            mates = bundles[-1]
            first = segments[mates[0]]
            alike = -(-len(first.ids) // 8) == -(-new // 8)
            near = total - (first.past + len(first.ids)) <= _SPREAD
            if alike and near and (len(mates) + 1) * new * total <= _AREA:
                mates.append(k)
                continue
        bundles.append([k])
    return [_group([segments[k] for k in b], [starts[k] for k in b], window, like) for b in bundles]


def _group(
    segments: Sequence[Segment], starts: list[int], window: int, like: torch.Tensor
) -> _Group:
    new = [len(s.ids) for s in segments]
    most = max(new)
    high = -(-max(s.past + len(s.ids) for s in segments) // _ALIGN) * _ALIGN
    low = max(0, min(s.past for s in segments) + 1 - window) if window else 0
    low = low // _ALIGN * _ALIGN
    first = low if window else min(s.past for s in segments)
    past = torch.tensor([s.past for s in segments], device=like.device)
    query = past[:, None, None] + torch.arange(most, device=like.device)[None, :, None]
    column = torch.arange(first, high, device=like.device)[None, None]
    hidden = column > query
    if window:
        hidden |= column <= query - window
    mask = torch.zeros(hidden.shape, dtype=like.dtype, device=like.device)
    mask = mask.masked_fill_(hidden, float("-inf"))[:, None, None]
    return _Group([s.row for s in segments], starts, new, low, high, first, mask)


def _store(
    cache: Cache, layer: int, key: torch.Tensor, value: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Enter a pack's keys and values, then what segments copy from one another."""
    keys, values = cache.layer(layer, key)
    start = 0
    for segment in _active.segments:
        row, past, new = segment.row, segment.past, len(segment.ids)
        keys[row, :, past : past + new] = key[0, :, start : start + new]
        values[row, :, past : past + new] = value[0, :, start : start + new]
        if segment.copy is not None:
            source, a, b = segment.copy
            keys[row, :, a:b] = keys[source, :, a:b]
            values[row, :, a:b] = values[source, :, a:b]
        start += new
    return keys, values


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
    cache = _active.cache
    if cache is None:
        raise RuntimeError("packed attention outside of a pack")
    heads, kv_heads, size = query.shape[1], key.shape[1], query.shape[3]
    per_kv = heads // kv_heads
    scaled = query[0] * (size**-0.5 if scaling is None else scaling)
    out = query.new_empty(query.shape[2], kv_heads, per_kv, value.shape[3])
    keys, values = _store(cache, int(module.layer_idx), key, value)  # type: ignore[arg-type]
    window = sliding_window or 0
    if window not in _active.groups:
        _active.groups[window] = _groups(_active.segments, window, query)
    for group in _active.groups[window]:
        count, most, columns = len(group.rows), max(group.new), group.high - group.low
        k = _gather(keys, group)
        v = _gather(values, group)
        # What stands in padded queries doesn't matter: their results are never read.
        q = scaled.new_empty(count, heads, most, size)
        for i, (start, new) in enumerate(zip(group.starts, group.new, strict=True)):
            q[i, :, :new] = scaled[:, start : start + new]
        q = q.view(count * kv_heads, per_kv * most, size)
        scores = torch.bmm(q, k.transpose(1, 2)).view(count, kv_heads, per_kv, most, columns)
        if softcap is not None:
            scores = torch.tanh(scores / softcap) * softcap
        scores[..., group.first - group.low :] += group.mask
        if s_aux is not None:
            sink = s_aux.view(1, kv_heads, per_kv, 1, 1).expand(count, -1, -1, most, 1)
            scores = torch.cat([scores, sink.to(scores.dtype)], dim=-1)
        weights = torch.softmax(scores, dim=-1)
        if s_aux is not None:
            weights = weights[..., :-1].contiguous()
        mixed = torch.bmm(weights.view(count * kv_heads, per_kv * most, columns), v)
        mixed = mixed.view(count, kv_heads, per_kv, most, -1)
        for i, (start, new) in enumerate(zip(group.starts, group.new, strict=True)):
            out[start : start + new] = mixed[i, :, :, :new].permute(2, 0, 1, 3)
    return out.view(1, query.shape[2], heads, -1), None


def _gather(store: torch.Tensor, group: _Group) -> torch.Tensor:
    """The group's keys or values, [segments · kv heads, columns, head size]."""
    _, kv_heads, _, size = store.shape
    block = store.new_empty(len(group.rows), kv_heads, group.high - group.low, size)
    for i, row in enumerate(group.rows):
        block[i] = store[row, :, group.low : group.high]
    return block.view(-1, group.high - group.low, size)


def _no_mask(*_: Any, **__: Any) -> None:
    """No mask is built: :func:`attention` knows the positions."""


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, _no_mask)


def encode(
    decoder: torch.nn.Module, cache: Cache, segments: Sequence[Segment], device: torch.device
) -> torch.Tensor:
    """Encode a pack.

    Returns:
        The last hidden state (after the final norm) of its tokens, [tokens, hidden].
    """
    ids = [token for segment in segments for token in segment.ids]
    positions = [p for s in segments for p in range(s.past, s.past + len(s.ids))]
    cache.reserve(max(s.past + len(s.ids) for s in segments))
    _active.cache, _active.segments, _active.groups = cache, segments, {}
    try:
        hidden: torch.Tensor = decoder(
            input_ids=torch.tensor([ids], device=device),
            position_ids=torch.tensor([positions], device=device),
            use_cache=False,
        ).last_hidden_state
    finally:
        _active.cache, _active.segments = None, ()
    return hidden[0]


def packs(segments: Sequence[Segment], size: int = PACK) -> list[list[Segment]]:
    """Segments in packs of at most ``size`` tokens, a row at most once in each.

    A longer segment is cut.
    """
    result: list[list[Segment]] = []
    taken: set[int] = set()
    room = 0
    for segment in segments:
        for at in range(0, len(segment.ids), size):
            piece = Segment(
                segment.row,
                segment.ids[at : at + size],
                segment.past + at,
                segment.copy if at == 0 else None,
            )
            if len(piece.ids) > room or segment.row in taken:
                result.append([])
                room, taken = size, set()
            taken.add(segment.row)
            result[-1].append(piece)
            room -= len(piece.ids)
    return result
