"""A prompt: the tokens that the network is fed, and the keys that the cache compares.

A token's keys and values depend on all that stands before it and on itself. For text, the ids say
all of that. Two things they don't say: which picture a placeholder stands for, and whether a vector
is added to the hidden states from some position on. There a token's *key* says it. Whatever is kept
or shared between dialogues is compared by keys, so that nobody is served another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from selfcorrect.models.base import Steer
from selfcorrect.models.local.vision.seen import Seen

#: No token id is as large.
_BEYOND = 1 << 128


def key_of(token: int, condition: str) -> int:
    """The key of a token (or of its key so far) that depends on something besides.

    The same in every process, never equal to a token id, and equal for no two conditions (128 bits
    of a hash).
    """
    digest = blake2b(f"{token}:{condition}".encode(), digest_size=16).digest()
    return _BEYOND | int.from_bytes(digest)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the network is fed, and what it is compared by. The lists are never changed.

    Attributes:
        ids: the tokens.
        keys: one a token; for plain text the very same list.
        conditions: ``(position, condition)``: from the position on, keys and values depend on the
            condition too, also those of tokens that are appended.
        steer: ``(position, steer)``: from the position on it is added to the hidden states; one of
            the conditions.
        seen: its images; the keys of their placeholders say which they are.
    """

    ids: list[int]
    keys: list[int]
    conditions: tuple[tuple[int, str], ...] = ()
    steer: tuple[int, Steer] | None = None
    seen: Seen | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def under(self, start: int, condition: str) -> Prompt:
        """The same tokens, under one more condition from a position on."""
        keys = [key_of(key, condition) for key in self.keys[start:]]
        every = (*self.conditions, (start, condition))
        return Prompt(self.ids, [*self.keys[:start], *keys], every, self.steer, self.seen)

    def steered(self, start: int, steer: Steer) -> Prompt:
        """The same tokens, with a steer from a position on."""
        return replace(self.under(start, steer.digest), steer=(start, steer))

    def extended(self, tokens: Sequence[int]) -> Prompt:
        """With further tokens of text."""
        ids = [*self.ids, *tokens]
        if self.keys is self.ids:
            return Prompt(ids, ids, self.conditions, self.steer, self.seen)
        new = [self.key(at, token) for at, token in enumerate(tokens, len(self.ids))]
        return Prompt(ids, [*self.keys, *new], self.conditions, self.steer, self.seen)

    def upto(self, length: int) -> Prompt:
        """The first tokens; a negative length counts from the end."""
        ids = self.ids[:length]
        keys = ids if self.keys is self.ids else self.keys[:length]
        return Prompt(ids, keys, self.conditions, self.steer, self.seen)

    def floor(self, position: int) -> int:
        """A position at which encoding may begin: not between tokens that see one another."""
        return position if self.seen is None else self.seen.floor(position)

    def key(self, position: int, token: int) -> int:
        """The key of a token of text that stands at a position."""
        for start, condition in self.conditions:
            if position >= start:
                token = key_of(token, condition)
        return token


class Growing:
    """A prompt and what is appended to it, in lists of its own that grow in place: a token costs
    the same however long the prompt is.

    Attributes:
        ids, keys: as a :class:`Prompt`'s; for plain text the very same list.
        seen: the prompt's images.
    """

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self.seen = prompt.seen
        self.ids = list(prompt.ids)
        self.keys = self.ids if prompt.keys is prompt.ids else list(prompt.keys)

    def __len__(self) -> int:
        return len(self.ids)

    def change(self, length: int, tokens: Sequence[int]) -> None:
        """Keep the first tokens and append others."""
        del self.ids[length:]
        if self.keys is not self.ids:
            del self.keys[length:]
            self.keys += [self._prompt.key(at, token) for at, token in enumerate(tokens, length)]
        self.ids += tokens


def plain(ids: list[int]) -> Prompt:
    """A prompt of text alone."""
    return Prompt(ids, ids)


def common(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the longest common prefix."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
