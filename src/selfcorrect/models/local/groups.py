"""Which segments of a pass have their attention computed together, and what they look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from selfcorrect.models.local.pages import PAGE, Cache, Segment
from selfcorrect.models.local.vision.seen import Seen

# Attention is computed for several segments at once if their lengths differ by at most _SPREAD
# columns, the scores of one head hold at most _AREA numbers, and the copied keys of one head at
# most _KEYS tokens: what is copied should still be in the processor's cache when it is used.
# Columns are whole pages: oneDNN compiles a kernel for every shape, and so there are few.
_SPREAD = 64
_AREA = 1 << 17
_KEYS = 2048
# Of many queries the earlier ones don't look at the later ones' columns: so many go together.
_QUERIES = 64


@dataclass(frozen=True, slots=True)
class Group:
    """Segments of a pack whose attention is computed together, their keys padded to one length.

    Attributes:
        count: how many segments.
        most: tokens of the longest; the others' queries are padded to as many.
        columns: how many columns of the cache they look at.
        pages: [segments, pages], which hold these columns; 0 where a dialogue is shorter.
        tokens: [segments, most], where each query stands in the pack; ``past the end`` if padding.
        first: the first of the columns that some query must not look at.
        mask: [segments, 1, 1, most, columns - first], 0 or -inf, to be added to the scores.
        parts: ``(start, end, columns)`` of queries, and how many columns these look at.
    """

    count: int
    most: int
    columns: int
    pages: torch.Tensor
    tokens: torch.Tensor
    first: int
    mask: torch.Tensor
    parts: tuple[tuple[int, int, int], ...]

    def blocks(self, kv_heads: int) -> torch.Tensor:
        """The blocks of a layer with so many heads, by segment, head and column."""
        heads = torch.arange(kv_heads, device=self.pages.device)
        return (self.pages[:, None] * kv_heads + heads[None, :, None]).flatten()

    def rows(self, heads: int, per_head: int, per_token: int, last: int) -> torch.Tensor:
        """Rows of a flat [heads · tokens, size], by segment, head and query."""
        every = torch.arange(heads, device=self.tokens.device) * per_head
        tokens = self.tokens.clamp(max=last)
        return (every[None, :, None] + tokens[:, None] * per_token).flatten()


@dataclass(frozen=True, slots=True)
class _Asking:
    """The tokens of a segment that look at its keys: ``new`` from place ``start`` in the pack on,
    with ``past`` tokens of the dialogue before them, which may have images."""

    row: int
    start: int
    new: int
    past: int
    seen: Seen | None

    @property
    def total(self) -> int:
        return self.past + self.new

    @property
    def size(self) -> int:
        """Segments of one size are computed together."""
        return -(-self.new // 8)


def groups(
    cache: Cache, segments: Sequence[Segment], window: int, only_read: bool, like: torch.Tensor
) -> list[Group]:
    """Put segments of similar lengths together.

    Args:
        cache: holds their pages.
        segments: of a pass.
        window: of the layer; 0 for none.
        only_read: of each only the tokens that are read.
        like: gives device and dtype.
    """
    asking, end = [], 0
    for segment in segments:
        end += len(segment.ids)
        new = segment.tail if only_read else len(segment.ids)
        if new:
            past = segment.past + len(segment.ids) - new
            asking.append(_Asking(segment.row, end - new, new, past, segment.seen))
    bundles: list[list[_Asking]] = []
    for each in sorted(asking, key=lambda a: (a.size, a.total)):
        if bundles:
            mates = bundles[-1]
            near = each.total - mates[0].total <= _SPREAD
            keys = (len(mates) + 1) * each.total
            small = keys * each.new <= _AREA and keys <= _KEYS
            if each.size == mates[0].size and near and small:
                mates.append(each)
                continue
        bundles.append([each])
    return [_group(cache, bundle, end, window, like) for bundle in bundles]


def _group(
    cache: Cache, asking: Sequence[_Asking], end: int, window: int, like: torch.Tensor
) -> Group:
    most = max(a.new for a in asking)
    high = -(-max(a.total for a in asking) // PAGE)
    low = max(0, min(a.past for a in asking) + 1 - window) // PAGE if window else 0
    first = 0 if window else min(a.past for a in asking)
    tables = [cache.tables[a.row][low:high] for a in asking]
    pages = [table + [0] * (high - low - len(table)) for table in tables]
    tokens = [[*range(a.start, a.start + a.new), *[end] * (most - a.new)] for a in asking]
    past = torch.tensor([a.past for a in asking], device=like.device)
    query = past[:, None, None] + torch.arange(most, device=like.device)[None, :, None]
    column = torch.arange(low * PAGE + first, high * PAGE, device=like.device)[None, None]
    furthest = _furthest(asking, query)
    hidden = column > furthest
    if window:
        hidden |= column <= query - window
    mask = torch.zeros(hidden.shape, dtype=like.dtype, device=like.device)
    mask = mask.masked_fill_(hidden, float("-inf"))[:, None, None]
    return Group(
        len(asking),
        most,
        (high - low) * PAGE,
        torch.tensor(pages, device=like.device),
        torch.tensor(tokens, device=like.device),
        first,
        mask,
        tuple(_parts(furthest, most, low, high)),
    )


def _parts(
    furthest: torch.Tensor, most: int, low: int, high: int
) -> Iterator[tuple[int, int, int]]:
    """See :class:`Group`: its parts by the last column that each query looks at."""
    step = _QUERIES if most >= 2 * _QUERIES else most
    for start in range(0, most, step):
        end = min(start + step, most)
        last = int(furthest[:, start:end].max())
        yield start, end, (min(last // PAGE + 1, high) - low) * PAGE


def _furthest(asking: Sequence[_Asking], query: torch.Tensor) -> torch.Tensor:
    """The last column that each query looks at: its own, or that of the block it stands in."""
    furthest = query
    for n, each in enumerate(asking):
        if each.seen is None or not each.seen.blocks:
            continue
        furthest = furthest.clone() if furthest is query else furthest
        for position, last in each.seen.reach(each.past, each.total):
            furthest[n, position - each.past, 0] = last
    return furthest
