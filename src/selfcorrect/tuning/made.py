"""A file of texts for a run: a user's, or our own, with words swapped or as they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from selfcorrect.places import put
from selfcorrect.tasks.data.order import draw
from selfcorrect.tasks.data.texts import Text, digest_of, read_texts
from selfcorrect.tuning.own_texts import own_texts
from selfcorrect.tuning.swap import swap_all


@dataclass(frozen=True, slots=True)
class Stored:
    """Texts in a file that is named after what it holds.

    Attributes:
        path: of the file.
        texts: in it.
        words: how many words were swapped.
        untouched: texts that were left out, as they have no such word.
    """

    path: Path
    texts: Sequence[Text]
    words: int
    untouched: int


def stored(data: str | None, n: int, seed: int, *, swap: bool) -> Stored:
    """Texts, in a file of the cache folder.

    Args:
        data: a user's file or folder; our own texts where there is none.
        n: so many at most, drawn by the seed.
        seed: of what is drawn.
        swap: swap gendered words; texts without any are left out.

    Raises:
        UserError: the data are bad, no word can be swapped, or the cache can't be written.
    """
    texts = own_texts(n, seed) if data is None else _some(read_texts(data), n, seed)
    words = untouched = 0
    if swap:
        swaps = swap_all(texts)
        texts, words, untouched = list(swaps.texts), swaps.words, swaps.untouched
    made = f"{digest_of(texts)}-{words}-{untouched}.jsonl"
    path = user_cache_path("selfcorrect") / "texts" / made
    if not path.is_file():
        put(path, as_lines(texts))
    return Stored(path, texts, words, untouched)


def swaps_of(path: str | Path) -> dict[str, int]:
    """How many words were swapped in a file that :func:`stored` made, and how many texts had none.

    Raises:
        ValueError: it is no such file.
    """
    _, words, untouched = Path(path).stem.split("-")
    return {"words": int(words), "untouched": int(untouched)}


def _some(texts: Sequence[Text], n: int, seed: int) -> list[Text]:
    if len(texts) <= n:
        return list(texts)
    kept = sorted(range(len(texts)), key=lambda at: draw(seed, "text", texts[at].text))[:n]
    return [texts[at] for at in sorted(kept)]


def as_lines(texts: Sequence[Text]) -> bytes:
    """Texts as JSON lines; ASCII, whatever they hold."""
    return "".join(json.dumps(each.row()) + "\n" for each in texts).encode("ascii")
