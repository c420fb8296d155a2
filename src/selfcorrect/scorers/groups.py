"""By what samples count as saying the same: texts of one question, put into groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Asked:
    """The samples of one prompt.

    Attributes:
        question: the question alone; empty unless the grouper uses it.
        texts: of the samples [k].
        keys: of the samples, as the task reads an answer [k]; ``None`` where it couldn't be read.
    """

    question: str
    texts: tuple[str, ...]
    keys: tuple[str | None, ...]


class Grouper(Protocol):
    """Puts samples into groups that mean the same.

    Attributes:
        fingerprint: changes when the same samples may be grouped otherwise.
        about: by what it decides, a sentence for whoever reads the numbers.
        uses: of ``prompt`` what it looks at besides the samples.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def about(self) -> str: ...

    @property
    def uses(self) -> frozenset[str]: ...

    def group(self, rows: Sequence[Asked]) -> Sequence[Sequence[int]]:
        """The group of each sample [k], of each row; numbered from 0 as they first appear."""
        ...

    def cut(self, rows: Sequence[Asked]) -> Sequence[int]:
        """How many samples of each row are longer than what is read of them."""
        ...


def greedy(n: int, same: Callable[[int, int], bool]) -> list[int]:
    """Groups of things that are the same as the first thing of their group.

    As published (Kuhn et al. 2023, algorithm 1): each thing goes into the first group whose first
    member it is the same as. Where "the same" isn't transitive the order matters.

    Args:
        n: how many things there are.
        same: whether one is the same as another, the earlier one first.

    Returns:
        The group of each [n].
    """
    heads: list[int] = []
    found: list[int] = []
    for at in range(n):
        place = next((k for k, head in enumerate(heads) if same(head, at)), len(heads))
        if place == len(heads):
            heads.append(at)
        found.append(place)
    return found


def numbered(names: Sequence[object]) -> list[int]:
    """The group of each [n] where equal names are one group."""
    known: dict[object, int] = {}
    return [known.setdefault(name, len(known)) for name in names]


class ByKey:
    """Samples mean the same where the task takes them for the same answer."""

    fingerprint = "0000000000000002"
    about = "samples with the same key are one meaning: the letter, the number, or the text itself"
    uses: frozenset[str] = frozenset()

    def group(self, rows: Sequence[Asked]) -> list[list[int]]:
        """See :class:`Grouper`. What couldn't be read goes by its text."""
        return [
            numbered([(k, "") if k is not None else (k, _plain(t)) for k, t in pairs])
            for pairs in (list(zip(row.keys, row.texts, strict=True)) for row in rows)
        ]

    def cut(self, rows: Sequence[Asked]) -> list[int]:
        """None: keys and texts are read whole."""
        return [0] * len(rows)


def counted_cut(
    rows: Sequence[Sequence[str]], longer: Callable[[Sequence[str]], Sequence[bool]]
) -> list[int]:
    """How many texts of each row are too long.

    Args:
        rows: the texts of each.
        longer: of distinct texts, whether each is too long.
    """
    distinct = sorted({text for texts in rows for text in texts})
    found = dict(zip(distinct, longer(distinct), strict=True))
    return [sum(found[text] for text in texts) for texts in rows]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
