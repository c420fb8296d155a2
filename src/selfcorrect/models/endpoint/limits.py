"""What a server may send: so many bytes, unpacked, and from the address that was asked."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx2

from selfcorrect.models.endpoint.checked import BrokenError

#: Bytes of an answer, unpacked, that hold more than any reply of some hundred tokens.
LARGEST = 8 * 2**20
#: Bytes more for each token that a reply may have (its text, and the likeliest in its place), for
#: each of a prompt whose likelihoods are asked for, and for the hidden state of a layer at one.
_SPOKEN, _GIVEN, _STATE = 4096, 512, 2**17
_LARGEST_STATES = 2**30
#: What answers may be packed by.
ENCODINGS = "gzip, deflate"

_most: ContextVar[int] = ContextVar("most", default=LARGEST)


class RedirectedError(Exception):
    """A server sends a request on to another address.

    Attributes:
        where: scheme, host and port of that.
    """

    def __init__(self, where: str) -> None:
        super().__init__("the server sends requests on to another address")
        self.where = where


def largest(most: tuple[int, int], *, given: bool, layers: int) -> int:
    """How many bytes an answer can have, unpacked.

    Args:
        most: the most tokens that prompt and replies can have.
        given: whether likelihoods of the prompt's are asked for.
        layers: of how many the hidden states are.
    """
    size = LARGEST + most[1] * _SPOKEN + (most[0] * _GIVEN if given else 0)
    return size + min(_LARGEST_STATES, layers * sum(most) * _STATE)


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """The answers that are received in this context may have so many bytes, unpacked."""
    token = _most.set(size)
    try:
        yield
    finally:
        _most.reset(token)


async def guard(response: httpx2.Response) -> None:
    """A hook of the client's: have a response end where it gets too large, and nothing follow it
    to another address. What is asked holds people's texts, and headers of theirs.

    Raises:
        RedirectedError: it leads there.
    """
    if response.has_redirect_location:
        target = response.url.join(response.headers["location"])
        if _origin(target) != _origin(response.url):
            scheme, host, port = _origin(target)
            raise RedirectedError(f"{scheme}://{host}:{port}")
    packed = response.headers.pop("content-encoding", "identity").strip().lower()
    response.stream = _Capped(response.stream, packed, _most.get())


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


class _Capped(httpx2.AsyncByteStream):
    """A stream's bytes, unpacked, up to a size."""

    def __init__(self, stream: Any, packed: str, most: int) -> None:
        self._stream = stream
        self._packed = packed
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes.

        Raises:
            BrokenError: there are more, or they can't be unpacked.
        """
        unpack = _unpacker(self._packed)
        size = 0
        async for part in self._stream:
            if unpack is not None:
                try:
                    part = unpack.decompress(part, self._most - size + 1)
                except zlib.error:
                    raise BrokenError("an answer that can't be unpacked") from None
            size += len(part)
            if size > self._most:
                raise BrokenError(f"an answer of more than {self._most // 2**20} MiB")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def _unpacker(packed: str) -> Any:
    if packed in ("", "identity"):
        return None
    if packed in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # either header
    raise BrokenError("an answer packed as nobody asked for")
