"""One client for one server: requests side by side, patience with failures, clear sentences."""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import httpx2
import openai

from selfcorrect.errors import UserError
from selfcorrect.models.endpoint.address import Address, without_key
from selfcorrect.models.endpoint.budget import Budget, Meter
from selfcorrect.models.endpoint.checked import BrokenError, window
from selfcorrect.models.endpoint.wire import Usage, told_usage

T = TypeVar("T")

#: How often the client library asks again by itself, before our own patience begins.
RETRIES = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_CONNECT, _CLOSING = 10.0, 5.0
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

    async def get(self, path: str) -> dict[str, Any]:
        """What a route says; as :meth:`post`."""
        return await self._patiently(lambda: self._client.get(path, cast_to=str), probe=True)

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        prompt: int = 0,
        completion: int = 0,
        probe: bool = False,
        check: Callable[[dict[str, Any]], object] | None = None,
    ) -> dict[str, Any]:
        """Ask, and go on asking while the server fails.

        Args:
            path: of the route, or its whole URL.
            body: of the request.
            prompt, completion: the most tokens that it can use.
            probe: a server that always fails at it (500, 501) is taken to refuse it.
            check: raises ValueError, KeyError or TypeError for an answer that isn't whole.

        Raises:
            RefusedError: the server says no.
            TooLongError: the transcript doesn't fit.
            BudgetError: it could exceed the budget.
            UserError: the key is refused, or the server gave no answer for too long.
        """
        async with self._slots:
            await self.meter.hold(prompt, completion)
            try:
                data = await self._patiently(
                    lambda: self._client.post(path, cast_to=str, body=dict(body)),
                    probe=probe,
                    check=check,
                )
                self._count(data, prompt, completion)
                return data
            finally:
                await self.meter.release(prompt, completion)

    def _count(self, data: Mapping[str, Any], prompt: int, completion: int) -> None:
        """Enter what was used; the most that it can be, where the server doesn't say."""
        if not completion:
            return
        used = told_usage(data, (prompt, completion)) or Usage(prompt, 0, completion)
        self.meter.count(used.prompt, used.cached, used.completion)

    async def _patiently(
        self,
        ask: Callable[[], Coroutine[Any, Any, str]],
        *,
        probe: bool,
        check: Callable[[dict[str, Any]], object] | None = None,
    ) -> dict[str, Any]:
        """The answer as JSON; failures that may pass are sat out."""
        began: float | None = None
        tries = 0
        while True:
            data, failure = await self._once(ask, check)
            if data is not None:
                self._answered, self.waiting_since = True, None
                return data
            problem = self._problem(failure, probe)
            if problem is not None:
                raise problem
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

    async def _once(
        self,
        ask: Callable[[], Coroutine[Any, Any, str]],
        check: Callable[[dict[str, Any]], object] | None,
    ) -> tuple[dict[str, Any] | None, Exception]:
        try:
            data = json.loads(await ask())
            if not isinstance(data, dict) or (data.get("error") and "choices" not in data):
                raise ValueError("no answer in it")
            if check is not None:
                check(data)
        except (openai.APIError, httpx2.HTTPError, OSError) as error:
            return None, error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return None, error  # an answer that is cut off, or none
        return data, ValueError()

    def _problem(self, failure: Exception, probe: bool) -> Exception | None:
        """What to raise at once, or ``None`` where it may pass."""
        if not isinstance(failure, openai.APIStatusError):
            return None
        status, place = failure.status_code, self.address.place
        said = failure.body if isinstance(failure.body, dict) else {}
        kinds = {str(said.get("code")), str(said.get("type"))}
        if status in (401, 403):
            said_key = "refuses the key in" if self._key else "wants a key in"
            return UserError(
                f"the server at {place} {said_key} the environment variable OPENAI_API_KEY "
                f"({status}); set it to a key that may use this model."
            )
        if "insufficient_quota" in kinds:
            return UserError(
                f"the account at {place} has no quota left, so the run stopped; the same command "
                "goes on once it has."
            )
        if status in _TRANSIENT or (status >= 500 and not (probe and status in (500, 501))):
            return (
                None if status != _NOT_IMPLEMENTED else RefusedError(place, status, "no such thing")
            )
        why = str(said.get("message") or said.get("detail") or failure.message)
        if kinds & _TOO_LONG_KINDS or _TOO_LONG_WORDS.search(why):
            found = _LIMIT.search(why)
            limit = said.get("n_ctx") or (found and int(found[1].replace(",", "")))
            return TooLongError(window(said.get("n_prompt_tokens")), window(limit))
        return RefusedError(place, status, without_key(why, self._key))

    def _seen(self, failure: Exception) -> str:
        """A failure in a few words."""
        if isinstance(failure, openai.APIStatusError):
            return f"status {failure.status_code}"
        if isinstance(failure, openai.APITimeoutError):
            return "requests timed out"
        if isinstance(failure, openai.APIError):
            return "no connection"
        why = f": {failure}" if isinstance(failure, BrokenError) else ""
        return f"broken answers{why}"


def _retry_after(failure: Exception) -> float:
    """What the server asks to wait, in seconds; 0 if it doesn't, or as a date."""
    if isinstance(failure, openai.APIStatusError):
        try:
            return max(0.0, float(failure.response.headers.get("retry-after", 0)))
        except ValueError:
            return 0.0
    return 0.0
