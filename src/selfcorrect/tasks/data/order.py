"""The order in which examples are asked: any beginning of it is spread over the clusters."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from selfcorrect.tasks.base import Example
from selfcorrect.tasks.data.lazy import Lazy


def draw(seed: int, *what: str) -> int:
    """A number in [0, 2**64) that looks random and follows from its arguments alone."""
    # Lengths are hashed too: ("ab", "c") and ("a", "bc") must not be the same draw.
    parts = [str(seed), *(f"{len(w)}:{w}" for w in what)]
    return int.from_bytes(blake2b("|".join(parts).encode(), digest_size=8).digest(), "big")


def order(examples: Sequence[Example], seed: int) -> Sequence[Example]:
    """The examples in the order in which a run takes them.

    Clusters are shuffled and taken in turn, one example each, those of one cluster shuffled too:
    the first k examples come from min(k, K) clusters, and no cluster gives two more than another
    that still has some. Examples that are measured together (:attr:`Example.together`) are taken
    together, as if they were one: so a limit cuts through one such group at most. The order follows
    from the seed, ids, clusters and groups alone, not from the order of the input, nor from a
    limit: a larger limit extends a smaller one.

    Returns:
        A sequence that looks examples up when asked, so that it costs 8 bytes an example.
    """
    codes: dict[str, int] = {}
    cluster = np.empty(len(examples), np.int64)
    key, group = np.empty((2, len(examples)), np.uint64)
    for i, example in enumerate(examples):
        cluster[i] = codes.setdefault(example.cluster, len(codes))
        key[i] = draw(seed, "example", example.id)
        group[i] = draw(seed, "together", example.together) if example.together else key[i]
    shuffled = sorted((draw(seed, "cluster", name), name) for name in codes)
    rank = np.empty(len(codes), np.int64)
    for position, (_, name) in enumerate(shuffled):
        rank[codes[name]] = position
    rank = rank[cluster]
    # Within each cluster, in order of key, number the groups 0, 1, 2, …; then sort by that.
    by_cluster = np.lexsort((group, rank))
    begins = np.diff(group[by_cluster], prepend=group[by_cluster][:1]) != 0
    begins |= np.diff(rank[by_cluster], prepend=-1) != 0
    number = np.cumsum(begins)
    sizes = np.bincount(rank, minlength=len(codes))
    starts = np.cumsum(sizes) - sizes
    turn = np.empty(len(examples), np.int64)
    turn[by_cluster] = number - number[starts[rank[by_cluster]]]
    final = np.lexsort((key, rank, turn))
    return Lazy(len(final), lambda i: examples[int(final[i])])
