"""Keys: what holds the text of one, however it is written, is replaced before anybody reads it."""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from selfcorrect.errors import UserError

#: The environment variable of the key.
KEY = "OPENAI_API_KEY"
#: What stands in a key's place. A model is not likely to say it.
HIDDEN = "***key***"
#: Shorter ones (EMPTY, none) are no secrets: they stand for a key where a server wants none.
_LEAST = 8
#: One word of letters is a name, such as a team's, unless it is as long as no word is.
_WORD, _LONGEST_WORD = re.compile(r"[A-Za-z]+"), 16
#: So many characters of a key in a row are hidden, and no fewer: any text may hold a few.
_RUN = 12
_SCHEME = re.compile(r"(Bearer|Basic|Token|ApiKey)\s+", re.IGNORECASE)
_SENT = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})
#: Those who write a log of requests, with addresses and headers in it.
_LOGGERS = (
    "httpx2", "openai", "openai._base_client", "openai._legacy_response", "openai._response",
    "httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy",
)  # fmt: skip
#: By such escapes JSON can write any character of a key.
_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9a-f])|(/))")


@dataclass(frozen=True, slots=True)
class _Form:
    """A way to write a key, in lower case.

    Attributes:
        text: all of it.
        run: so many characters of it in a row are hidden.
        blocks: parts of it, one of which each such run holds.
    """

    text: str
    run: int
    blocks: tuple[tuple[int, str], ...]


class Keys:
    """The keys of a server, and the values of its headers.

    Attributes:
        secrets: as they are.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = tuple(filter(None, secrets))
        named = [_SCHEME.sub("", secret, count=1) for secret in self.secrets]
        texts = {text for each in named if _is_secret(each) for text in _written(each)}
        self._forms = tuple(_form(*each) for each in sorted(texts))
        self._blocks = tuple({block for form in self._forms for _, block in form.blocks})
        self._raw = tuple(block.encode() for block in self._blocks)
        # JSON has always to escape these
        self._quoted = any(mark in form.text for form in self._forms for mark in '\\"')

    @property
    def secret(self) -> bool:
        """Whether one of them is a secret, and no word that stands for one."""
        return bool(self._blocks)

    def hide(self, text: str) -> str:
        """The text with :data:`HIDDEN` wherever a key stands, or most of one: in any case, quoted
        as in a URL, in hex or in base64."""
        if not self._blocks:
            return text
        low = text.lower() if text.isascii() else text.translate(_LOWER)
        if not any(block in low for block in self._blocks):
            return text
        found = sorted(span for form in self._forms for span in _spans(form, low))
        shown, end = [], 0
        for start, stop in found:
            if start >= end:
                shown += [text[end:start], HIDDEN]
            end = max(end, stop)
        return "".join([*shown, text[end:]])

    def hide_all(self, value: Any, raw: bytes) -> Any:
        """The same for every text in JSON.

        Args:
            value: what was read. It isn't nested deeper than Python reads.
            raw: what it was read from, in which it is first looked for.
        """
        if not self._blocks:
            return value
        low = raw.lower()
        if _ESCAPE.search(low):
            low = _ESCAPE.sub(lambda found: found[2] or bytes([int(found[1], 16)]), low)
        if self._quoted or any(block in low for block in self._raw):
            return self._walked(value)
        return value

    def _walked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, list):
            return [self._walked(each) for each in value]
        if isinstance(value, dict):
            return {self.hide(name): self._walked(each) for name, each in value.items()}
        return value


class _Hiding(logging.Filter):
    """Hides the keys of all servers of this process in what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: set[str] = set()
        self._keys = Keys()

    def add(self, keys: Keys) -> None:
        self._secrets |= set(keys.secrets)
        self._keys = Keys(self._secrets)
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)  # one that is there stays one

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        hidden = self._keys.hide(said)
        if hidden != said:
            record.msg, record.args = hidden, ()
        return True


_HIDING = _Hiding()


def hide_in_logs(keys: Keys) -> None:
    """Have no log of the client's libraries hold these keys."""
    _HIDING.add(keys)


def known_keys(headers: Mapping[str, str] | None = None) -> Keys:
    """Those of the environment.

    Args:
        headers: name of a header → name of the environment variable that holds its value.
    """
    names = (KEY, *(headers or {}).values())
    return Keys(os.environ.get(name, "").strip() for name in names)


def key() -> str:
    """The environment's key; "" where there is none.

    Raises:
        UserError: no header can hold it; it isn't shown.
    """
    return sendable(os.environ.get(KEY, "").strip(), KEY)


def sendable(value: str, variable: str) -> str:
    """A value that a header can hold.

    Args:
        value: of an environment variable.
        variable: its name.

    Raises:
        UserError: it can't; it isn't shown.
    """
    if value and not _SENT.fullmatch(value):
        at = next(n for n, c in enumerate(value, 1) if not "\x20" <= c <= "\x7e")
        raise UserError(
            f"the environment variable {variable} holds what no header can: character {at} of "
            f"{len(value)} (U+{ord(value[at - 1]):04X}) isn't visible ASCII on one line; set it "
            "to the key alone."
        )
    return value


def _is_secret(text: str) -> bool:
    return len(text) >= _LEAST and not (_WORD.fullmatch(text) and len(text) < _LONGEST_WORD)


def _written(secret: str) -> Iterator[tuple[str, bool]]:
    """A key as it may be written, in lower case, and whether parts of that tell parts of it."""
    raw = secret.encode()
    for plain in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield plain.lower(), True
    yield raw.hex(), False
    for lead in range(3):  # where in a text it begins decides how it is written
        coded = base64.b64encode(b"\0" * lead + raw)
        # what the neighbours decide, too, is left out at both ends
        inner = coded[-(-lead * 4 // 3) : len(coded) - (4 if b"=" in coded[-4:] else 0)].decode()
        for text in (inner, inner.translate(str.maketrans("+/", "-_"))):
            if len(text) >= _LEAST:
                yield text.lower(), False


def _form(text: str, parts: bool) -> _Form:
    run = min(_RUN, len(text)) if parts else len(text)
    size = (run + 1) // 2
    starts = range(0, len(text) - size + 1, size) if parts else (0,)
    return _Form(text, run, tuple((at, text[at : at + size]) for at in starts))


def _spans(form: _Form, low: str) -> Iterator[tuple[int, int]]:
    """Where in a text so much of a form stands."""
    for at, block in form.blocks:
        place = low.find(block)
        while place >= 0:
            start, first = place, at
            while start and first and low[start - 1] == form.text[first - 1]:
                start, first = start - 1, first - 1
            stop, last = place + len(block), at + len(block)
            while stop < len(low) and last < len(form.text) and low[stop] == form.text[last]:
                stop, last = stop + 1, last + 1
            if stop - start >= form.run:
                yield start, stop
            place = low.find(block, place + 1)
