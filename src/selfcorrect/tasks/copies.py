"""The same question under several ids: it is found, and its copies are of one cluster.

Copies aren't independent of each other, whatever the data say of clusters: a file in which one
question stands 200 times knows no more than one in which it stands once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace

from selfcorrect.tasks.base import Example
from selfcorrect.tasks.plain import folded


def copies_of(examples: Iterable[Example]) -> tuple[int, Mapping[str, str]]:
    """How many examples are copies of an earlier one, and the clusters that become one for it.

    Two are copies that have the same texts (but for capitals and blanks), the same choices in any
    order and the same images; of dialogues that exist already, the same before the first answer.
    The clusters of copies become one, with all of their examples.

    Returns:
        The number of copies, and old cluster → new for the clusters that change.
    """
    first: dict[Hashable, str] = {}
    joined: dict[str, str] = {}
    copies = 0
    for example in examples:
        if not example.fields and not example.turns:
            continue  # nothing tells what it asks
        key = _key(example)
        if key not in first:
            first[key] = example.cluster
            continue
        copies += 1
        one, other = (_root(joined, c) for c in (first[key], example.cluster))
        if one != other:
            joined[max(one, other)] = min(one, other)
    return copies, {cluster: _root(joined, cluster) for cluster in list(joined)}


def moved(example: Example, clusters: Mapping[str, str]) -> Example:
    """An example in the cluster that it shares with its copies."""
    if example.cluster not in clusters:
        return example
    return replace(example, cluster=clusters[example.cluster])


def told(copies: int) -> list[str]:
    """A sentence for whoever reads the run's numbers, or none."""
    if not copies:
        return []
    said = "1 question stands" if copies == 1 else f"{copies:,} questions stand"
    return [f"{said} in the data again under another id; copies share a cluster."]


def _key(example: Example) -> Hashable:
    texts = tuple((name, folded(text)) for name, text in sorted(example.fields.items()))
    asked = example.turns[0].messages if example.turns else ()
    return texts, tuple(sorted(map(folded, example.choices))), example.images, asked


def _root(joined: dict[str, str], cluster: str) -> str:
    """The name of all that a cluster was joined with: the first in the alphabet."""
    path = []
    while cluster in joined:
        path.append(cluster)
        cluster = joined[cluster]
    joined.update(dict.fromkeys(path, cluster))  # so that no chain grows long
    return cluster
