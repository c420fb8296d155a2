"""One client for one server: requests side by side, patience with failures, clear sentences."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar, cast

import httpx2
import openai

from selfcorrect.errors import UserError
from selfcorrect.models.endpoint.address import Address, without_key
from selfcorrect.models.endpoint.answers import refusal
from selfcorrect.models.endpoint.budget import Budget, Meter, Usage
from selfcorrect.models.endpoint.checked import BrokenError, CutOffError, parse, window

T = TypeVar("T")

#: How often the client library asks again by itself, before our own patience begins.
RETRIES = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_CONNECT, _CLOSING = 10.0, 5.0
_DROPPED = 2
_TRANSIENT = (408, 409, 429)
_NOT_IMPLEMENTED = 501
_NO_KEY = "none"  # servers without a key take any

_TOO_LONG_KINDS = {"context_length_exceeded", "exceed_context_size_error"}
_TOO_LONG_WORDS = re.compile(r"context (length|size|window)|longer than the model", re.IGNORECASE)
_LIMIT = re.compile(r"context (?:length|size|window)\D{0,20}(\d[\d,]{0,20})", re.IGNORECASE)


class RefusedError(UserError):
    """The server understood and said no.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, place: str, status: int, why: str) -> None:
        super().__init__(f"the server at {place} refused a request ({status}: {why}).")
        self.status = status
        self.why = why


class TooLongError(Exception):
    """The prompt and the reply don't fit the context window.

    Attributes:
        tokens: of the prompt, where the server says.
        limit: the window, where the server says.
    """

    def __init__(self, tokens: int | None, limit: int | None) -> None:
        super().__init__("the transcript is longer than the model's context window")
        self.tokens = tokens
        self.limit = limit


class Server:
    """A server, by one client whose connections all conversations share.

    Its requests run on a thread of their own, so that it can be used from many threads and from a
    notebook.

    Attributes:
        address: where it is.
        in_flight: so many requests at most are under way at a time.
        meter: what it has been asked for.
        waiting_since: since when it gives no answer (:func:`time.monotonic`), or ``None``.
    """

    def __init__(
        self,
        address: Address,
        key: str,
        *,
        in_flight: int,
        timeout: float,
        wait: float,
        budget: Budget,
    ) -> None:
        self.address = address
        self.in_flight = in_flight
        self.meter = Meter(budget)
        self.waiting_since: float | None = None
        self._key = key
        self._wait = wait
        self._answered = False
        self._cancelled = False
        self._running: set[Future[Any]] = set()
        self._slots = asyncio.Semaphore(in_flight)
        self._client = openai.AsyncOpenAI(
            api_key=key or _NO_KEY,
            base_url=address.url,
            max_retries=RETRIES,
            timeout=httpx2.Timeout(timeout, connect=min(timeout, _CONNECT), pool=None),
            http_client=openai.DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
            ),
        )
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="endpoint", daemon=True).start()
        self._end = weakref.finalize(self, self._loop.call_soon_threadsafe, self._loop.stop)

    def __repr__(self) -> str:
        return f"Server({self.address.place!r})"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work on the server's thread. An interruption here cancels it there.

        Raises:
            CancelledError: of :mod:`concurrent.futures`, after :meth:`cancel`.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._running.add(future)
        if self._cancelled:
            future.cancel()
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise
        finally:
            self._running.discard(future)

    def cancel(self) -> None:
        """End all work under way, in whatever threads wait for it, and refuse any more."""
        self._cancelled = True
        for future in list(self._running):
            future.cancel()

    def close(self) -> None:
        """Close the connections; the server can't be asked after that."""
        if self._end.alive:
            closed = asyncio.run_coroutine_threadsafe(self._client.close(), self._loop)
            with suppress(Exception):  # what is left of a connection is the server's to end
                closed.result(_CLOSING)
            self._end()

    async def get(self, path: str, read: Callable[[Mapping[str, Any]], T]) -> T:
        """What a route says; as :meth:`post`."""
        return await self._patiently(
            lambda: self._client.get(path, cast_to=httpx2.Response), read, probe=True
        )

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        read: Callable[[Mapping[str, Any]], T],
        *,
        most: tuple[int, int] = (0, 0),
        cost: Callable[[T], Usage] | None = None,
        probe: bool = False,
        attempts: int | None = None,
    ) -> T:
        """Ask, and go on asking while the server fails.

        Args:
            path: of the route, or its whole URL.
            body: of the request.
            read: reads an answer, the only one to look at it; raises BrokenError, nothing else.
            most: the most tokens of the prompt and of replies that it can use.
            cost: what it used; ``None``: it costs nothing.
            probe: a server that always fails at it (500, 501) is taken to refuse it.
            attempts: so many answers that can't be read are enough to give up, or two connections
                that are taken and then dropped; by default they are sat out as all failures.

        Raises:
            RefusedError: the server says no.
            TooLongError: the transcript doesn't fit.
            BrokenError: so many answers couldn't be read.
            BudgetError: it could exceed the budget.
            UserError: the key is refused, or the server gave no answer for too long.
        """
        async with self._slots:
            await self.meter.hold(*most)
            try:
                answer = await self._patiently(
                    lambda: self._client.post(path, cast_to=httpx2.Response, body=dict(body)),
                    read,
                    probe=probe,
                    attempts=attempts,
                )
                if cost is not None:
                    self.meter.count(cost(answer))
                return answer
            finally:
                await self.meter.release(*most)

    async def _patiently(
        self,
        ask: Callable[[], Coroutine[Any, Any, httpx2.Response]],
        read: Callable[[Mapping[str, Any]], T],
        *,
        probe: bool,
        attempts: int | None = None,
    ) -> T:
        """What was read from the answer; failures that may pass are sat out."""
        began: float | None = None
        tries = unread = dropped = 0
        while True:
            answer, failure = await _once(ask, read)
            if failure is None:
                self._answered, self.waiting_since = True, None
                return cast(T, answer)
            problem = self._problem(failure, probe)
            if problem is not None:
                raise problem
            unread += isinstance(failure, BrokenError) and not isinstance(failure, CutOffError)
            if attempts is not None and unread >= attempts:
                raise failure
            dropped += self._answered and _was_dropped(failure)
            if attempts is not None and dropped >= _DROPPED:  # a server that does so can't do that
                raise BrokenError("it drops the connection")
            if not self._answered and isinstance(failure, openai.APIConnectionError):
                raise UserError(
                    f"there is no server at {self.address.place} ({self._seen(failure)}); start "
                    "it, or correct the base URL."
                )
            now = time.monotonic()
            began = now if began is None else began
            silent = now - began
            self.waiting_since = self.waiting_since or now - silent
            pause = min(_FIRST_PAUSE * 2.0**tries, _LONGEST_PAUSE) * random.uniform(0.75, 1.0)
            pause = max(pause, _retry_after(failure))
            if silent + pause > self._wait:
                raise UserError(
                    f"the server at {self.address.place} gave no answer for {silent:.0f} seconds "
                    f"({self._seen(failure)}), so the run stopped; the same command goes on once "
                    "it is back."
                )
            await asyncio.sleep(pause)
            tries += 1

    def _problem(self, failure: Exception, probe: bool) -> Exception | None:
        """What to raise at once, or ``None`` where it may pass."""
        if not isinstance(failure, openai.APIStatusError):
            return None
        status, place = failure.status_code, self.address.place
        said = refusal(failure.body)
        if status in (401, 403):
            said_key = "refuses the key in" if self._key else "wants a key in"
            return UserError(
                f"the server at {place} {said_key} the environment variable OPENAI_API_KEY "
                f"({status}); set it to a key that may use this model."
            )
        if "insufficient_quota" in said.kinds:
            return UserError(
                f"the account at {place} has no quota left, so the run stopped; the same command "
                "goes on once it has."
            )
        if status in _TRANSIENT or (status >= 500 and not (probe and status in (500, 501))):
            return (
                None if status != _NOT_IMPLEMENTED else RefusedError(place, status, "no such thing")
            )
        why = said.why or failure.message
        if said.kinds & _TOO_LONG_KINDS or _TOO_LONG_WORDS.search(why):
            found = _LIMIT.search(why)
            limit = said.limit or (window(int(found[1].replace(",", ""))) if found else None)
            return TooLongError(said.tokens, limit)
        return RefusedError(place, status, without_key(why, self._key))

    def _seen(self, failure: Exception) -> str:
        """A failure in a few words."""
        if isinstance(failure, openai.APIStatusError):
            return f"status {failure.status_code}"
        if isinstance(failure, openai.APITimeoutError):
            return "requests timed out"
        if isinstance(failure, BrokenError):
            return f"broken answers: {failure}"
        return "no connection" if isinstance(failure, openai.APIError) else "broken answers"


async def _once(
    ask: Callable[[], Coroutine[Any, Any, httpx2.Response]],
    read: Callable[[Mapping[str, Any]], T],
) -> tuple[T | None, Exception | None]:
    """What was read from one answer, or what went wrong.

    Raises:
        UserError: a text can't be sent.
    """
    try:
        raw = (await ask()).content
    except UnicodeEncodeError:
        raise UserError(
            "a text that is to be sent to the server holds half a character (a lone surrogate), "
            "which no server takes; correct it."
        ) from None
    except Exception as error:  # whatever a server makes the client library do
        return None, error
    try:
        return read(_whole(raw)), None
    except BrokenError as error:
        return None, error


def _was_dropped(failure: Exception) -> bool:
    """Whether a server took a connection and ended it without an answer; one that isn't there, or
    is slow, may be back."""
    gone = isinstance(failure, openai.APIConnectionError)
    return gone and not isinstance(failure.__cause__, httpx2.ConnectError | httpx2.TimeoutException)


def _whole(raw: bytes) -> Mapping[str, Any]:
    """An answer's JSON.

    Raises:
        BrokenError: it is none, or an error in an answer's place.
    """
    data = parse(raw)
    if data.get("error") and "choices" not in data:
        raise BrokenError("an error in the place of an answer")
    return data


def _retry_after(failure: Exception) -> float:
    """What the server asks to wait, in seconds; 0 if it doesn't, or as a date."""
    if isinstance(failure, openai.APIStatusError):
        try:
            return max(0.0, float(failure.response.headers.get("retry-after", 0)))
        except ValueError:
            return 0.0
    return 0.0
