"""Guesses of how a reply goes on, to be checked in a pass that happens anyway."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from selfcorrect.models.local.vocabulary import Vocabulary

#: A reply of at most so many tokens is short: most likely an answer of one line, as before. Its
#: drafts have so many tokens at first, then as many again as were right.
FIRST = 16

#: Tokens in a draft.
MOST = 128

#: How many tokens a pass less is worth, if all of a pass's replies need one less. A pass costs
#: about three times as much besides its tokens, but it is the slowest reply that decides.
_PASS = 5

#: How surely a reply begins as the one before did: as after so many tokens that were the same.
_AGAIN = 8

# Where two texts have had their last m tokens in common, the next one is the same in 1 - 1 /
# (1 + (m / 2)^1.5) of all cases: within .06 for 1 ≤ m ≤ 32 in 6,900 tokens of the bundled
# model's replies to three tasks. The numbers are -Σ log of that over 1, …, m.
_DOUBTS = [0.0, *accumulate(math.log1p((2 / m) ** 1.5) for m in range(1, 1024))]
_LONGEST = 512

_LENGTHS = (3, 2, 1)


def most_wrong(length: int) -> int:
    """How many tokens of a reply of at most ``length`` are guessed wrong at most: no more is
    drafted then, so that what a reply takes has a bound that can be told before."""
    return max(min(length, FIRST), length // 2)


_APART = -1


class Echoes:
    """A text, and where its last tokens stood before. A token that is added costs the same however
    long the text is.

    Attributes:
        text: its tokens.
        at: what followed there, a place in the text; ``None`` if they stood nowhere.
        same: how many tokens before that place are the last ones of the text.
    """

    def __init__(self, text: Sequence[int], before: Sequence[int] = ()) -> None:
        """``before`` is another text, in which echoes are found too."""
        self.text: list[int] = []
        self.at: int | None = None
        self.same = 0
        # By some tokens, what comes after them where they last stood before the end.
        self._after: dict[tuple[int, ...], int] = {}
        for token in (*before, _APART, *text) if before else text:
            self._append(token)
        self._find()

    def add(self, tokens: Sequence[int]) -> None:
        """Append tokens: as long as they are what followed there, they go on being an echo."""
        for token in tokens:
            if self.at is not None and self.text[self.at] == token:
                self.at += 1
                self.same += 1
            else:
                self.at = None
            self._append(token)
        if self.at is None:
            self._find()

    def begin_again(self) -> None:
        """The text goes on as the one before it began, probably."""
        self.at, self.same = 0, _AGAIN

    def _append(self, token: int) -> None:
        end = len(self.text)
        for length in _LENGTHS:
            if length <= end:
                self._after[tuple(self.text[-length:])] = end
        self.text.append(token)

    def _find(self) -> None:
        """Where the last three tokens last stood, or the last two, or the last one."""
        text, self.same = self.text, 0
        known = (self._after.get(tuple(text[-n:])) for n in _LENGTHS if n <= len(text))
        self.at = next((at for at in known if at is not None), None)
        if self.at is not None:
            most = min(self.at, 32)
            while self.same < most and text[self.at - 1 - self.same] == text[-1 - self.same]:
                self.same += 1

    def following(self, room: int) -> list[int]:
        """What followed there, at most so many tokens."""
        if self.at is None or room <= 0:
            return []
        found = self.text[self.at : self.at + room]
        return found[: found.index(_APART)] if _APART in found else found


class Drafter:
    """Drafts of one greedy reply.

    A guess that is right saves a pass, and a wrong one costs a token. In a short reply, what
    follows is drafted as far as its line goes: a lettered answer goes on with its option's text,
    which stands in the question, and then the reply probably ends. In a long one, a token is
    drafted if it is right so probably that it is worth it, which it seldom is where many replies
    share the pass.
    """

    def __init__(
        self, prompt: Sequence[int], length: int, before: Sequence[int], vocabulary: Vocabulary
    ) -> None:
        """``length`` is the most tokens that the reply has, ``before`` an earlier one of its kind,
        if there is one, which is probably repeated."""
        self.left = length
        self.spare = most_wrong(length)
        self.short = length <= FIRST
        self.trust = FIRST
        self.vocabulary = vocabulary
        self.echoes = Echoes(prompt, before)
        self._before = list(before)
        if before:
            self.echoes.begin_again()

    def first(self, among: int) -> list[int]:
        """How the reply begins; ``among`` replies share the pass."""
        if self.short:
            return self._before[: min(self.left - 1, self.trust, self.spare)]
        return self._probable(among) if self._before else []

    def next(self, tokens: Sequence[int], drafted: int, among: int) -> list[int]:
        """How it goes on, after the last pass gave some tokens and ``drafted`` had been guessed."""
        self.left -= len(tokens)
        self.spare -= max(0, drafted - max(0, len(tokens) - 1))
        self.echoes.add(tokens)
        if drafted:
            self.trust = min(2 * len(tokens) - 1, MOST)
        if not self.short:
            return self._probable(among)
        room = min(self.left - 1, self.trust, self.spare)
        found: list[int] = []
        for token in self.echoes.following(room):
            if self.vocabulary.ends_line(token):
                found += self.vocabulary.full_stop
                break
            found.append(token)
            if token in self.vocabulary.ends:
                break
        return found[: max(room, 0)]

    def _probable(self, among: int) -> list[int]:
        same = min(self.echoes.same, _LONGEST)
        if not same:
            return []
        doubt = _DOUBTS[same - 1] + math.log1p(_PASS / among)
        room = min(bisect_right(_DOUBTS, doubt) - same, self.left - 1, self.spare, MOST)
        found = self.echoes.following(room)
        end = next((n for n, token in enumerate(found) if token in self.vocabulary.ends), None)
        return found if end is None else found[: end + 1]
