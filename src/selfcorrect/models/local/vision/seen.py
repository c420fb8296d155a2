"""What a prompt with pictures is fed beside its tokens: features, positions, and who sees whom."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Look:
    """An image as a model sees it.

    Attributes:
        digest: of the image.
        text: what stands for it in a rendered transcript: placeholders, and the model's own marks
            about them.
        tokens: how many of the text's tokens are placeholders.
        features: [tokens, (1 + d) · hidden], what the language model is fed in their place; behind
            that what is added after its first d layers. ``None`` where there are no weights.
        shape: what else the network is told of the image, such as its grid of patches.
        notes: what was left out, a sentence each.
    """

    digest: str
    text: str
    tokens: int
    features: torch.Tensor | None = None
    shape: Mapping[str, torch.Tensor] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The images of a prompt. Tokens of text may be cut off behind it, and others appended.

    Attributes:
        looks: in the order in which they stand.
        places: the positions of all placeholders, ascending.
        positions: [axes, tokens], where a network with several axes has each token; ``None``: where
            it stands.
        blocks: ``(start, end)`` of placeholders that see one another both ways; of most models
            none do.
    """

    looks: tuple[Look, ...]
    places: Sequence[int]
    positions: torch.Tensor | None = None
    blocks: tuple[tuple[int, int], ...] = ()

    def within(self, start: int, end: int) -> tuple[list[int], list[torch.Tensor]]:
        """The placeholders from a position to before another, and their features' rows."""
        first, last = bisect_left(self.places, start), bisect_left(self.places, end)
        found: list[torch.Tensor] = []
        before = 0
        for look in self.looks:
            low, high = max(first - before, 0), min(last - before, look.tokens)
            if low < high:
                assert look.features is not None
                found.append(look.features[low:high])
            before += look.tokens
        return [*self.places[first:last]], found

    def axes(self, start: int, end: int) -> torch.Tensor | None:
        """[axes, end - start], the tokens' positions; text goes on after the last one's."""
        if self.positions is None:
            return None
        known = self.positions.shape[1]
        parts = [self.positions[:, start:end]]
        if end > known:
            more = torch.arange(max(start, known), end) - (known - 1)
            parts.append((self.positions.max() + more).expand(len(self.positions), -1))
        return torch.cat(parts, dim=1)

    def floor(self, position: int) -> int:
        """A position, or where the block begins that it would cut."""
        return next((start for start, end in self.blocks if start < position < end), position)

    def reach(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """``(position, last)`` of those tokens that see further than themselves, and how far."""
        for low, high in self.blocks:
            for position in range(max(low, start), min(high, end)):
                yield position, high - 1


def runs(places: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """``(start, end)`` of the positions that follow one another without a gap."""
    found: list[tuple[int, int]] = []
    for place in places:
        if found and found[-1][1] == place:
            found[-1] = found[-1][0], place + 1
        else:
            found.append((place, place + 1))
    return tuple(found)
