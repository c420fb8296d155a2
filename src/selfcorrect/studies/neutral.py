"""Neutral words of a given length: what stands in the place of advice, reasons or a goal.

Words such as *bias* raise an activation by themselves, and so may any words at all: a longer text
moves the last token's state. Of these, only the length is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b

from selfcorrect.errors import UserError
from selfcorrect.models.kinds import MIXTURE

#: Everyday sentences that speak of no person, judge nothing and ask for nothing.
STOCK = (
    "The kettle takes about four minutes to boil on the back burner.",
    "Two rivers meet below the old mill and run north to the coast.",
    "Store the paint in a dry place and stir it before use.",
    "The train to the airport leaves from platform nine every half hour.",
    "A square has equal sides, and its diagonals cross in the middle.",
    "In autumn the leaves of the maple turn yellow first and then red.",
    "The recipe takes three eggs, a cup of flour and a pinch of salt.",
    "The bridge was closed for repairs from March until the end of June.",
    "Rain is expected along the shore in the evening, with wind from the west.",
    "The shop on the corner sells bread, butter and several kinds of cheese.",
    "Copper bends when it is warm and keeps its shape once it has cooled.",
    "The path follows the stream for a mile and then climbs through the pines.",
    "Pull the lever down and wait until the lamp on the panel turns green.",
    "The lake freezes in January, and the ice is gone by the end of April.",
    "Wooden shelves run along the wall between the window and the door.",
    "The museum opens at nine and closes an hour after sunset.",
    "Sand, gravel and cement are mixed with water in the drum.",
    "The second volume has maps of the valley and a table of the tides.",
    "A ferry crosses the bay every morning and returns in the afternoon.",
    "The clock in the hall strikes on the hour and runs for eight days.",
    "Cut the paper along the dotted line and fold it twice.",
    "The orchard behind the barn has apples, plums and a few pears.",
    "Snow lay on the roofs, and smoke rose from the chimneys.",
    "The cable runs under the floor and comes out behind the desk.",
)
#: The least sentences to choose from.
_LEAST = 6


def stock(model: str, words: Collection[str], name: str) -> tuple[str, ...]:
    """The sentences that may be used for a model and a concept.

    Args:
        model: its name; the planted transformer has a small language of its own.
        words: the concept's own.
        name: the concept's.

    Raises:
        UserError: hardly any sentence is without the concept's words.
    """
    if model == MIXTURE:
        from selfcorrect.planted_words import MANNERS, instruct

        neutral = MANNERS[2]
        return tuple(instruct((*neutral[k:], *neutral[:k])) for k in range(len(neutral)))
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    own = {w.lower() for w in (*words, *re.split("[_-]", name))} - ENGLISH_STOP_WORDS
    free = tuple(s for s in STOCK if own.isdisjoint(re.findall(r"[a-z']+", s.lower())))
    if len(free) < _LEAST:
        raise UserError(
            f"only {len(free)} of {len(STOCK)} neutral sentences are without the words of the "
            f"concept {name}, and at least {_LEAST} are needed: give a shorter list of its words "
            "(concept train --words FILE)."
        )
    return free


def as_long(text: str, count: Callable[[str], int], sentences: Sequence[str], key: str) -> str:
    """Neutral words of about as many tokens as a text has.

    Args:
        text: whose length is to be met.
        count: tokens of a text.
        sentences: to be strung together; the last one may be cut off after a word.
        key: decides with which sentence it begins, so that texts differ.

    Returns:
        The words; of a text without tokens none.
    """
    wanted = count(text)
    start = int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=4).digest())
    words: list[str] = []
    while count(" ".join(words)) < wanted:
        words += sentences[start % len(sentences)].split()
        start += 1
    low, high = 0, len(words)  # the most words that are no longer than the text
    while low < high:
        middle = (low + high + 1) // 2
        if count(" ".join(words[:middle])) <= wanted:
            low = middle
        else:
            high = middle - 1
    return " ".join(words[:low])
