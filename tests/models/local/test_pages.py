"""Pages against the plain thing: a list of tokens per dialogue."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcorrect.models.local.pages import PAGE, Cache, Pool, Segment

CPU = torch.device("cpu")


def enter(cache: Cache, segments: list[Segment], heads: int = 2) -> None:
    """Encode: a token's key in head h is (token, h), its value the negative."""
    plan = cache.prepare(segments, CPU)
    ids = torch.tensor([token for s in segments for token in s.ids], dtype=torch.float32)
    head = torch.arange(heads, dtype=torch.float32)
    by_token = torch.stack([ids[:, None].expand(-1, heads), head.expand(len(ids), -1)], -1)
    by_head = -by_token.transpose(0, 1)
    flat = [by_token.reshape(-1, 2), by_head.reshape(-1, 2)]
    slots = [plan.slots(heads, 1, heads), plan.slots(heads, len(ids), 1)]
    cache.store(0, plan, flat, slots)


def read(cache: Cache, row: int, length: int, heads: int = 2) -> list[int]:
    """The tokens whose keys and values stand in a dialogue's pages."""
    table = torch.tensor(cache.tables[row], dtype=torch.long)
    found = []
    for store, sign in ((cache.pool.keys, 1), (cache.pool.values, -1)):
        pages = sign * store[0].view(-1, heads, PAGE, 2)[table]
        for head in range(heads):
            states = pages[:, head].reshape(-1, 2)[:length]
            assert (states[:, 1] == head).all()
            found.append(states[:, 0].long().tolist())
    assert all(each == found[0] for each in found)
    return found[0]


def common(a: list[int], b: list[int]) -> int:
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


# Few different tokens, so that dialogues have beginnings in common; lengths around a page's.
texts = st.lists(st.integers(1, 2), min_size=1, max_size=3).flatmap(
    lambda blocks: st.integers(1, 30).map(lambda n: [token for token in blocks for _ in range(n)])
)
move = st.one_of(
    st.tuples(st.just("encode"), st.lists(st.none() | texts, min_size=3, max_size=3)),
    st.tuples(st.just("branch"), st.integers(0, 5)),
    st.tuples(st.just("clear"), st.integers(0, 2)),
)


@settings(max_examples=150, deadline=None)
@given(moves=st.lists(st.tuples(st.integers(0, 3), move), max_size=12))
def test_pages_hold_what_plain_lists_would(
    moves: list[tuple[int, tuple[str, object]]],
) -> None:
    pool = Pool()
    caches = [Cache(pool, 3)]
    truth: list[list[list[int]]] = [[[], [], []]]
    for which, (kind, what) in moves:
        k = which % len(caches)
        cache, rows = caches[k], truth[k]
        if kind == "encode":
            segments: list[Segment] = []
            wanted = sorted((t, row) for row, t in enumerate(what) if t)  # type: ignore[arg-type]
            before: tuple[list[int], int] | None = None
            for text, row in wanted:
                past, copy = min(common(rows[row], text), len(text) - 1), None
                if before is not None:
                    shared = min(common(before[0], text), len(text) - 1)
                    if shared > past:
                        past, copy = shared, (before[1], past, shared)
                segments.append(Segment(row, text[past:], past, copy))
                before = (text, row)
            if not segments:
                continue
            enter(cache, segments)
            for text, row in wanted:
                rows[row] = text
        elif kind == "branch":
            order = [(int(what) + i) % 3 for i in range(3)]  # type: ignore[call-overload]
            caches.append(cache.branch(order))
            truth.append([list(rows[i]) for i in order])
        else:
            cache.clear(what)  # type: ignore[arg-type]
            rows[what] = []  # type: ignore[call-overload]
        for held, expected in zip(caches, truth, strict=True):
            for row, tokens in enumerate(expected):
                assert read(held, row, len(tokens)) == tokens if tokens else True
    uses = [0] * len(pool.uses)
    for held in caches:
        for table in held.tables:
            for page in table:
                uses[page] += 1
    assert uses[1:] == pool.uses[1:]
    assert sorted(pool.free) == [p for p, n in enumerate(pool.uses) if n == 0]
    assert not pool.keys or not pool.keys[0][:2].any()  # page 0 of two heads


def test_a_branch_takes_a_page_only_where_it_differs() -> None:
    pool = Pool()
    cache = Cache(pool, 1)
    enter(cache, [Segment(0, list(range(100)), 0)])
    in_use = sum(n > 0 for n in pool.uses)
    other = cache.branch([0] * 5)
    assert sum(n > 0 for n in pool.uses) == in_use
    enter(other, [Segment(row, [row], 100) for row in range(5)])
    assert sum(n > 0 for n in pool.uses) == in_use + 5
    assert [read(other, row, 101)[-1] for row in range(5)] == list(range(5))
    del other
    assert sum(n > 0 for n in pool.uses) == in_use


def test_memory_is_used_again() -> None:
    pool = Pool()
    for _ in range(3):
        cache = Cache(pool, 8)
        enter(cache, [Segment(row, list(range(200)), 0) for row in range(8)])
        size = len(pool.uses)
        for row in range(8):
            cache.clear(row)
    assert size == len(pool.uses)
    assert len(pool.free) == size - 1
