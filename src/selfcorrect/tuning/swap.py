"""Texts with their gendered words swapped, both ways: *he* becomes *she*, and *she* *he*.

Counterfactual texts in the manner of Zhao et al. 2018 (arXiv 1804.06876) and Lu et al. 2018 (arXiv
1807.11714), by a list of our own (:mod:`selfcorrect.tuning.words`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.texts import Text
from selfcorrect.tuning.words import DEPENDING, NO_NOUN, SWAPPED, SWAPPED_NAMES

#: A word with what is contracted to it; a possessive's 's is left apart.
_WORD = re.compile(r"[^\W\d_]+(?:['’](?:s|d|ll)\b)?")
_NEXT = re.compile(r"\s+([^\W\d_]+)")


def swapped(text: str) -> tuple[str, int]:
    """A text with its gendered words and names swapped, and how many were.

    Capitals stay as they are (*He*, *HE*). *Her* is *his* before what can be a noun, else *him*;
    *his* likewise *her* or *hers*.
    """
    parts: list[str] = []
    end = count = 0
    for found in _WORD.finditer(text):
        after = _NEXT.match(text, found.end())
        other = _other(found[0], after[1].lower() if after else "")
        if other is not None:
            parts += [text[end : found.start()], other]
            end = found.end()
            count += 1
    return "".join([*parts, text[end:]]), count


def _other(word: str, after: str) -> str | None:
    """What a word is swapped with, given the word that follows; ``None`` where it stays."""
    plain = word.lower().replace("’", "'")
    if plain in SWAPPED:
        other = SWAPPED[plain].replace("'", "’") if "’" in word else SWAPPED[plain]
        return _cased(other, word)
    if plain in DEPENDING:
        noun = bool(after) and after not in NO_NOUN
        his = "her" if noun else "hers"
        her = "his" if noun else "him"
        return _cased({"him": "her", "his": his, "her": her, "hers": "his"}[plain], word)
    if word in SWAPPED_NAMES:
        return SWAPPED_NAMES[word]
    if plain.endswith("'s"):
        bare = word[:-2]
        owner = _cased(SWAPPED[plain[:-2]], bare) if plain[:-2] in SWAPPED else None
        owner = owner or SWAPPED_NAMES.get(bare)
        return None if owner is None else owner + word[-2:]
    return None


def _cased(word: str, like: str) -> str:
    """A word in the case of another: ``He``, ``HE``, ``he``."""
    letters = [c for c in like if c.isalpha()]
    if len(letters) > 1 and all(c.isupper() for c in letters):
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


@dataclass(frozen=True, slots=True)
class Swaps:
    """Texts whose words were swapped.

    Attributes:
        texts: those, in their order; each knows how it was before.
        words: how many were swapped in all.
        untouched: texts without any, which are left out.
    """

    texts: Sequence[Text]
    words: int
    untouched: int


def swap_all(texts: Iterable[Text]) -> Swaps:
    """The texts with their gendered words swapped; those without any are left out, and counted.

    Raises:
        UserError: there is no gendered word in any of them.
    """
    made: list[Text] = []
    words = untouched = 0
    for each in texts:
        text, count = swapped(each.text)
        words += count
        if count:
            made.append(replace(each, text=text, usual=each.text))
        else:
            untouched += 1
    if not made:
        raise UserError(
            f"none of the {untouched:,} texts has a gendered word or name of the list, so there is "
            "nothing to swap: give other texts, or choose from them as they are (without --swap)."
        )
    return Swaps(made, words, untouched)
