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
    that still has some. The order follows from the seed, ids and clusters alone, not from the
    order of the input, nor from a limit: a larger limit extends a smaller one.

    Returns:
        A sequence that looks examples up when asked, so that it costs 8 bytes an example.
    """
    codes: dict[str, int] = {}
    cluster = np.empty(len(examples), np.int64)
    key = np.empty(len(examples), np.uint64)
    for i, example in enumerate(examples):
        cluster[i] = codes.setdefault(example.cluster, len(codes))
        key[i] = draw(seed, "example", example.id)
    shuffled = sorted((draw(seed, "cluster", name), name) for name in codes)
    rank = np.empty(len(codes), np.int64)
    for position, (_, name) in enumerate(shuffled):
        rank[codes[name]] = position
    rank = rank[cluster]
    # Within each cluster, in order of key, number the examples 0, 1, 2, …; then sort by that.
    by_cluster = np.lexsort((key, rank))
    sizes = np.bincount(rank, minlength=len(codes))
    starts = np.cumsum(sizes) - sizes
    turn = np.empty(len(examples), np.int64)
    turn[by_cluster] = np.arange(len(examples)) - starts[rank[by_cluster]]
    final = np.lexsort((rank, turn))
    return Lazy(len(final), lambda i: examples[int(final[i])])
