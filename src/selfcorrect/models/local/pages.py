"""Keys and values in pages, so that dialogues share what they have in common.

A page holds the keys and values of ``PAGE`` successive tokens in every layer. A dialogue's past is
a list of pages; dialogues (and conversations: a branch) with the same beginning hold the same
pages, and one that goes on another way gets a page of its own from there. All conversations of
a model draw on one pool, which stays when they close: fresh memory costs more than the
arithmetic on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from selfcorrect.models.base import Steer
from selfcorrect.models.local.vision.seen import Seen

#: Tokens in a page.
PAGE = 32


@dataclass(frozen=True, slots=True)
class Segment:
    """New tokens of one dialogue at consecutive positions.

    Attributes:
        row: whose cache they see and enter.
        ids: the tokens.
        past: how many tokens of the row's cache come before them.
        copy: ``(source row, start, end)`` with ``end`` = ``past``: the tokens before ``end`` are
            the source row's, which encodes, or has encoded, them; before ``start`` the row has
            them itself.
        read: how many of the last tokens' states are read; of the others the last layer computes
            only keys and values. ``None``: all.
        steer: ``(start, steer)``: what is added to the hidden states of the dialogue's tokens from
            that position on.
        seen: the images of the dialogue.
    """

    row: int
    ids: Sequence[int]
    past: int
    copy: tuple[int, int, int] | None = None
    read: int | None = None
    steer: tuple[int, Steer] | None = None
    seen: Seen | None = None

    @property
    def tail(self) -> int:
        """``read`` in tokens."""
        return len(self.ids) if self.read is None else self.read


class Pool:
    """The pages of a model. A layer's keys, and values, are [pages · kv heads, PAGE · size]."""

    def __init__(self) -> None:
        # Page 0 stays zero: it stands where a dialogue is shorter than those beside it.
        self.uses = [1]
        self.free: list[int] = []
        self.keys: dict[int, torch.Tensor] = {}
        self.values: dict[int, torch.Tensor] = {}
        self.overflowed: set[int] = set()  # pages in which numbers may stand that aren't finite

    def take(self) -> int:
        """A page for one's own use; what stands in it doesn't matter."""
        if not self.free:
            known = len(self.uses)
            more = 1 + known // 8
            self.uses += [0] * more
            self.free = list(range(known + more - 1, known - 1, -1))
        page = self.free.pop()
        self.uses[page] = 1
        return page

    def share(self, pages: Sequence[int]) -> None:
        for page in pages:
            self.uses[page] += 1

    def release(self, pages: Sequence[int]) -> None:
        for page in pages:
            self.uses[page] -= 1
            if not self.uses[page]:
                self.free.append(page)

    def stale(self, pages: Sequence[int], offset: int) -> list[tuple[int, int]]:
        """Which of the pages that are written to now, of the first from ``offset`` on, have to be
        zeroed before: what is masked is weighted by 0, and 0 times NaN is NaN.

        Returns:
            Pages, and from which place on.
        """
        if not self.overflowed:
            return []
        found = [(page, 0 if n else offset) for n, page in enumerate(pages)]
        found = [(page, start) for page, start in found if page in self.overflowed]
        self.overflowed -= {page for page, start in found if not start}
        return found

    def layer(
        self, store: dict[int, torch.Tensor], index: int, like: torch.Tensor, heads: int
    ) -> torch.Tensor:
        """A layer's pages; ``like`` is [heads · tokens, size] and gives dtype and device."""
        old = store.get(index)
        rows = len(self.uses) * heads
        if old is None or len(old) < rows:
            new = like.new_empty(rows, PAGE * like.shape[1])
            known = 0
            if old is not None:
                known = len(old)
                new[:known] = old
            new[known:] = 0  # padding is weighted by 0, and 0 times NaN is NaN
            store[index] = new
        return store[index]


#: ``(from, to, tokens)``: pages whose first tokens are copied to others.
Copies = list[tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a pack's new tokens go, and which beginnings of pages are copied for it.

    Attributes:
        pages, offsets: [tokens], page and place in the page of each new token.
        before: copies of pages that others hold too and that are written to now.
        stale: pages that are zeroed after that, and from which place on.
        after: copies of pages whose beginning another dialogue of the pack may be writing.
    """

    pages: torch.Tensor
    offsets: torch.Tensor
    before: Copies
    stale: Sequence[tuple[int, int]]
    after: Copies
    _moves: dict[tuple[int, bool], tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)

    def slots(self, heads: int, per_head: int, per_token: int) -> torch.Tensor:
        """Rows of a layer's [pages · heads · PAGE, size] for flat new keys or values."""
        slots = _slots(self.pages, self.offsets, heads)
        return (slots if per_head < per_token else slots.t()).flatten()

    def moves(self, heads: int, *, before: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """The copies before, or after, the new tokens are written: rows from and to."""
        key = (heads, before)
        if key not in self._moves:
            copies = self.before if before else self.after
            origin: dict[tuple[int, int], int] = {}  # a copy of a copy is taken from the first
            for page, other, tokens in copies:
                for at in range(tokens):
                    origin[other, at] = origin.get((page, at), page)
            flat = [(page, other, at) for (other, at), page in origin.items()]
            source, to, places = torch.tensor(flat, device=self.pages.device).T
            self._moves[key] = (
                _slots(source, places, heads).flatten(),
                _slots(to, places, heads).flatten(),
            )
        return self._moves[key]


def _slots(pages: torch.Tensor, offsets: torch.Tensor, heads: int) -> torch.Tensor:
    """[tokens, heads], rows of a layer's [pages · heads · PAGE, size]."""
    every = torch.arange(heads, device=pages.device)
    return (pages[:, None] * heads + every) * PAGE + offsets[:, None]


class Cache:
    """The pages of a conversation's dialogues, each dialogue's in order.

    Attributes:
        tables: each dialogue's pages.
        held: the keys (see ``prompts.py``) of the tokens whose keys and values they hold. A list is
            replaced, never changed, so that caches share them.
    """

    def __init__(self, pool: Pool, rows: int) -> None:
        self.pool = pool
        self.tables: list[list[int]] = [[] for _ in range(rows)]
        self.held: list[list[int]] = [[] for _ in range(rows)]

    def __del__(self) -> None:
        for row in range(len(self.tables)):
            self.clear(row)

    def clear(self, row: int) -> None:
        """Forget a dialogue's past."""
        self.pool.release(self.tables[row])
        self.tables[row] = []
        self.held[row] = []

    def add(self, row: int) -> int:
        """One row more, which holds the pages of another; returns its number."""
        self.pool.share(self.tables[row])
        self.tables.append(list(self.tables[row]))
        self.held.append(self.held[row])
        return len(self.tables) - 1

    def drop(self, rows: int) -> None:
        """Only so many rows stay; those added last go."""
        for row in range(rows, len(self.tables)):
            self.clear(row)
        del self.tables[rows:], self.held[rows:]

    def branch(self, rows: Sequence[int]) -> Cache:
        """A cache whose row i holds the pages of ``rows[i]``."""
        other = Cache(self.pool, 0)
        for row in rows:
            self.pool.share(self.tables[row])
            other.tables.append(list(self.tables[row]))
            other.held.append(self.held[row])
        return other

    def adopt(self, row: int, other: Cache, theirs: int) -> None:
        """Take over the past of a row of another cache of this pool; it keeps its own."""
        self.pool.share(other.tables[theirs])
        self.clear(row)
        self.tables[row] = list(other.tables[theirs])
        self.held[row] = other.held[theirs]

    def prepare(self, segments: Sequence[Segment], device: torch.device) -> Plan:
        """Give every segment pages of its own to write to, a row at most once."""
        before: Copies = []
        after: Copies = []
        stale: list[tuple[int, int]] = []
        pages: list[int] = []
        offsets: list[int] = []
        for segment in segments:
            whole, rest = divmod(segment.past, PAGE)
            if segment.copy is None:
                self._cut(segment.row, whole, rest, before)
            else:
                source, own, _ = segment.copy
                self._follow(segment.row, self.tables[source], own // PAGE, whole, rest, after)
            table = self.tables[segment.row]
            end = segment.past + len(segment.ids)
            while len(table) * PAGE < end:
                table.append(self.pool.take())
            stale += self.pool.stale(table[whole:], rest)
            positions = range(segment.past, end)
            pages += [table[p // PAGE] for p in positions]
            offsets += [p % PAGE for p in positions]
        places = torch.tensor([pages, offsets], device=device)
        return Plan(places[0], places[1], before, stale, after)

    def _cut(self, row: int, whole: int, rest: int, copies: Copies) -> None:
        """Keep so many whole pages and the beginning of one that only this row writes to."""
        table = self.tables[row]
        kept = whole + (rest > 0)
        self.pool.release(table[kept:])
        del table[kept:]
        if rest and self.pool.uses[table[whole]] > 1:
            page = self.pool.take()
            copies.append((table[whole], page, rest))
            self.pool.release([table[whole]])
            table[whole] = page

    def _follow(
        self,
        row: int,
        theirs: Sequence[int],
        own: int,
        whole: int,
        rest: int,
        copies: Copies,
    ) -> None:
        """After ``own`` pages go on with another row's, up to the beginning of one."""
        table = self.tables[row]
        self.pool.share(theirs[own:whole])
        self.pool.release(table[own:])
        table[own:] = theirs[own:whole]
        if rest:
            page = self.pool.take()
            copies.append((theirs[whole], page, rest))
            table.append(page)

    def overflowed(self, segment: Segment) -> None:
        """Say that numbers which aren't finite may stand where a segment was written."""
        self.pool.overflowed.update(self.tables[segment.row][segment.past // PAGE :])

    def store(
        self,
        layer: int,
        plan: Plan,
        new: Sequence[torch.Tensor],
        slots: Sequence[torch.Tensor],
    ) -> list[torch.Tensor]:
        """Enter a pack's keys and values.

        Args:
            layer: which layer's.
            plan: the pack's.
            new: keys and values, each flat, [kv heads · tokens, size].
            slots: of their rows, see :meth:`Plan.slots`.

        Returns:
            All keys and all values of the layer, [pages · kv heads, PAGE · size].
        """
        result = []
        stores = (self.pool.keys, self.pool.values)
        for store, flat, rows in zip(stores, new, slots, strict=True):
            heads = len(flat) // len(plan.pages)
            pages = self.pool.layer(store, layer, flat, heads)
            tokens = wide(pages.view(-1, flat.shape[1]))
            if plan.before:
                source, to = plan.moves(heads, before=True)
                tokens.index_copy_(0, to, tokens.index_select(0, source))
            for page, start in plan.stale:
                pages[page * heads : (page + 1) * heads, start * flat.shape[1] :] = 0
            tokens.index_copy_(0, rows, wide(flat))
            if plan.after:
                source, to = plan.moves(heads, before=False)
                tokens.index_copy_(0, to, tokens.index_select(0, source))
            result.append(pages)
        return result


def wide(rows: torch.Tensor) -> torch.Tensor:
    """The same memory in numbers of 8 bytes, which are moved faster."""
    fits = rows.shape[-1] * rows.element_size() % 8 == 0
    return rows.view(torch.int64) if fits else rows
