"""Guesses of how a reply goes on, to be checked in a pass that happens anyway."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from selfcorrect.models.local.vocabulary import Vocabulary

#: Tokens drafted at first; then as many again as were right, so that a reply that goes its own
#: way costs little, and one that repeats itself is checked in a few passes.
FIRST, MOST = 16, 128


def guess(text: Sequence[int], room: int, vocabulary: Vocabulary) -> list[int]:
    """Guess how a reply goes on: as the transcript did where its last tokens last stood.

    A lettered answer goes on with its option's text, which stands in the question; where the
    line ends there, the reply probably does too.

    Args:
        text: transcript and reply so far.
        room: the most tokens that are guessed.
        vocabulary: the model's.
    """
    if room <= 0:
        return []
    at = latest(text)
    found: list[int] = []
    for token in text[at : at + room] if at else []:
        if vocabulary.ends_line(token):
            found += vocabulary.full_stop
            break
        found.append(token)
        if token in vocabulary.ends:
            break
    return found[:room]


def latest(text: Sequence[int]) -> int | None:
    """What comes after the last two tokens where they last stood before, or after the last one."""
    back = text[::-1]
    once = None
    at = 0
    with suppress(ValueError):  # there is no further one
        while True:
            at = back.index(back[0], at + 1)
            once = at if once is None else once
            if back[at + 1 : at + 2] == back[1:2]:
                return len(text) - at
    return None if once is None else len(text) - once
