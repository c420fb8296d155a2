"""What a model's tokenizer says of texts that go on, of ends, and of single tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfcorrect.models.local.prompts import Prompt
from selfcorrect.models.local.template import PLAIN_STOPS, Template
from selfcorrect.models.local.vision.eyes import Eyes

#: How many beginnings of open turns are kept tokenised.
_KNOWN_TAILS = 4096


class Vocabulary:
    """A tokenizer and its template, with what replies need of them.

    Attributes:
        ends: the tokens that end a reply.
        stops: texts that end one.
        full_stop: the tokens with which a short reply usually ends.
        beginning: the tokens before a text by itself.
        most: tokens that a thought may have, where the model is to think.
        mark: the token that ends a thought; ``None`` where several do, or none.
    """

    def __init__(self, tokenizer: Any, ends: Any, eyes: Eyes | None = None) -> None:
        """``ends`` is ``eos_token_id`` of the model's generation config; ``eyes`` are those of a
        model that sees."""
        self.tokenizer = tokenizer
        self.template = Template(tokenizer, eyes)
        self.ends = _ends(tokenizer, ends)
        self.stops = PLAIN_STOPS if self.template.plain else ()
        self.full_stop = _full_stop(tokenizer, self.ends)
        self.beginning = beginning(tokenizer)
        self.most = 0
        self.mark: int | None = None
        self._line_ends: dict[int, bool] = {}
        self._tails: dict[str, list[int]] = {}

    def think(self, most: int | None) -> None:
        """Have the model think before it replies, in so many tokens at most; ``None``: not."""
        self.template.think(most is not None)
        self._tails.clear()
        style = self.template.style
        if style is not None and most is not None:
            self.most = most
            ids = self.template.encode(style.mark)
            self.mark = ids[0] if len(ids) == 1 else None

    def thought(self, prompt: Sequence[int], tokens: Sequence[int]) -> tuple[str, bool]:
        """The text of a thought's tokens, and whether they end it."""
        ended = bool(tokens) and (tokens[-1] in self.ends or tokens[-1] == self.mark)
        ids = list(tokens[:-1] if ended else tokens)
        text = self.decoded(prompt, ids, "") if ids else ""
        style = self.template.style
        if self.mark is None and style is not None and style.mark in text:
            text, ended = text.partition(style.mark)[0], True
        return text.rstrip(), ended

    def continued(self, prompt: Prompt, turn: str, text: str) -> Prompt | None:
        """A transcript with more text in its open turn; ``None`` where it isn't known.

        Without tokenising the whole transcript: the assistant's opening begins with a special
        token, which no merge crosses, so what follows it tokenises the same way everywhere.
        Not where that doesn't hold.

        Args:
            prompt: the transcript.
            turn: what stands in the open turn.
            text: what follows it.
        """
        opening = self.template.opening
        special = self.template.special
        if not special.begins(opening) or special.holds(turn + text):
            return None
        known, longer = self._tail(turn), self._tail(turn + text)
        start = len(prompt) - len(known)
        if prompt.ids[start:] != known:
            return None
        return prompt.upto(start).extended(longer)

    def _tail(self, turn: str) -> list[int]:
        if turn not in self._tails:
            if len(self._tails) >= _KNOWN_TAILS:
                self._tails.clear()
            self._tails[turn] = self.template.encode(self.template.opening + turn)
        return self._tails[turn]

    def ends_line(self, token: int) -> bool:
        """Whether a token's text holds a line break."""
        if token not in self._line_ends:
            self._line_ends[token] = "\n" in self.tokenizer.decode([token])
        return self._line_ends[token]

    def count(self, text: str) -> int:
        """How many tokens a rendered transcript has."""
        return len(self.template.encode(text, template=True))

    def decoded(self, prompt: Sequence[int], tokens: Sequence[int], turn: str) -> str:
        """The text of a reply's tokens, its end token left out.

        Args:
            prompt: ids of what stands before them.
            tokens: the reply's.
            turn: what stands in the open turn before the reply.
        """
        ids = list(tokens[:-1] if tokens[-1] in self.ends else tokens)
        decode = self.tokenizer.decode
        if turn:
            # A tokenizer that puts a word's space into the word's token leaves it out at the start
            # of a text; here the text goes on.
            last = list(prompt[-4:])
            before: str = decode(last, skip_special_tokens=True)
            whole: str = decode(last + ids, skip_special_tokens=True)
            if whole.startswith(before):
                return whole[len(before) :]
        text: str = decode(ids, skip_special_tokens=True)
        return text

    def stopped(self, text: str) -> str:
        """The text of a reply up to where another turn begins."""
        for stop in self.stops:
            text = text.split(stop, 1)[0]
        return text


def _ends(tokenizer: Any, ends: Any) -> frozenset[int]:
    found = set(ends if isinstance(ends, list) else [ends] if ends is not None else [])
    if tokenizer.eos_token_id is not None:
        found.add(tokenizer.eos_token_id)
    return frozenset(found)


def _full_stop(tokenizer: Any, ends: frozenset[int]) -> list[int]:
    stop = tokenizer.convert_tokens_to_ids(".")
    if not ends or stop is None or stop == tokenizer.unk_token_id:
        return []
    return [stop, tokenizer.eos_token_id if tokenizer.eos_token_id in ends else min(ends)]


def beginning(tokenizer: Any) -> list[int]:
    """The tokens that a tokenizer puts before a text by itself: its BOS, or none."""
    bos = tokenizer.bos_token_id
    ids = tokenizer("a")["input_ids"]
    return [bos] if bos is not None and ids[:1] == [bos] else []
