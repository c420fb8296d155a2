"""A tokenizer's special tokens, and texts in which they are spelled out: text of data is text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from selfcorrect.errors import UserError

#: Unicode's private use area: no text of a data set should need it, no template knows it.
_PRIVATE = 0xE000
#: Texts whose special tokens are remembered: those of all rounds of some hundreds of dialogues.
_MOST_KNOWN = 4096


class Specials:
    """The tokens that a tokenizer takes for more than their text.

    Attributes:
        texts: of all of them, the longest first.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        added = {str(token) for token in tokenizer.added_tokens_decoder.values()}
        added |= set(tokenizer.all_special_tokens)
        self.texts = sorted(filter(str.strip, added), key=len, reverse=True)
        pattern = "|".join(map(re.escape, self.texts))
        self._pattern = re.compile(pattern) if pattern else None
        self._by_id = _found_after_normalising(tokenizer)
        self._known: dict[str, tuple[str, ...]] = {}

    def begins(self, text: str) -> bool:
        """Whether the text begins with a special token, at which tokenisation starts afresh."""
        return bool(self._pattern and self._pattern.match(text))

    def named(self, text: str) -> bool:
        """Whether one's own text stands in a text."""
        return bool(self._pattern and self._pattern.search(text))

    def holds(self, text: str) -> bool:
        """Whether the text of a special token, as the tokenizer takes it, stands in a text."""
        return bool(self.parts(text))

    def parts(self, text: str) -> tuple[str, ...]:
        """The parts of a text that the tokenizer would take for a special token, longest first.

        A tokenizer that normalises (to lower case, say) takes more for one than the token's own
        text. What it takes is asked of itself, once for each text.
        """
        if text in self._known:
            return self._known[text]
        found = {match[0] for match in self._pattern.finditer(text)} if self._pattern else set()
        if self._by_id and text:
            told = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            pairs = zip(told["input_ids"], told["offset_mapping"], strict=True)
            found |= {text[a:b] for token, (a, b) in pairs if token in self._by_id}
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        parts = tuple(sorted(filter(str.strip, found), key=len, reverse=True))
        self._known[text] = parts
        return parts

    def spelled(self, token: str) -> list[int]:
        """Ids that spell a special token's text without being it.

        Raises:
            UserError: no tokenizer takes it.
        """
        check_whole(token)
        ids: list[int] = []
        rest = token
        while rest:
            # Cut inside whatever special token starts first, so that none survives.
            starts = [(rest.index(part), len(part)) for part in self.parts(rest)]
            start, length = min(starts, default=(len(rest), 0))
            cut = start + 1 if starts else len(rest)
            if length == 1:
                ids += self.tokenizer(
                    rest[:cut], add_special_tokens=False, split_special_tokens=True
                )["input_ids"]
                rest = rest[cut:]
                continue
            ids += self.tokenizer(rest[:cut], add_special_tokens=False)["input_ids"]
            rest = rest[cut:]
        return ids

    def swap(self, texts: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """Put a private-use character for every special token's text in contents.

        Returns:
            The texts, and what each of the characters stands for.
        """
        parts = {part for text in texts for part in self.parts(text)}
        if not parts:
            return list(texts), {}
        special = re.compile("|".join(map(re.escape, sorted(parts, key=len, reverse=True))))
        taken = set().union(*map(set, texts))
        free = (chr(c) for c in range(_PRIVATE, _PRIVATE + 6400) if chr(c) not in taken)
        by_token: dict[str, str] = {}

        def placeholder(found: re.Match[str]) -> str:
            if found[0] not in by_token:
                by_token[found[0]] = next(free)
            return by_token[found[0]]

        swapped = [special.sub(placeholder, t) for t in texts]
        return swapped, {char: token for token, char in by_token.items()}


def check_whole(text: str) -> None:
    """Raises UserError: it holds half a character, at which a tokenizer fails."""
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(
            "a text that the model is to read holds half a character (a lone surrogate), which no "
            "tokenizer takes; correct the text, or the model's chat template."
        ) from None


def _found_after_normalising(tokenizer: Any) -> frozenset[int]:
    """The added tokens that a tokenizer looks for in the text as it has normalised it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or backend.normalizer is None:
        return frozenset()
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(
        number
        for number, token in added
        if getattr(token, "normalized", False) and number != tokenizer.unk_token_id
    )
