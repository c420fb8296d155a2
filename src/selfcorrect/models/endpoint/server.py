"""One client for one server: requests side by side, patience with what may pass, sentences."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Literal, TypeVar, cast

import httpx2
import openai

from selfcorrect.errors import UserError
from selfcorrect.interrupts import waking
from selfcorrect.models.base import LostError
from selfcorrect.models.endpoint.address import Address, without_secrets
from selfcorrect.models.endpoint.budget import Budget, Meter, Usage
from selfcorrect.models.endpoint.checked import BrokenError, fields, parse_any
from selfcorrect.models.endpoint.failures import (
    Failure,
    Kind,
    RefusedError,
    UnableError,
    check_body,
    of_exception,
    stopped,
    too_long,
)
from selfcorrect.models.endpoint.keys import Keys, hide_in_logs
from selfcorrect.models.endpoint.limits import ENCODINGS, LARGEST, at_most, guard

T = TypeVar("T")
_LOG = logging.getLogger("selfcorrect")

#: What a request is: the first one that matters to a server, one of a dialogue, or one whose
#: answer is of use and not needed. Only the first two are waited for.
Mode = Literal["first", "chat", "optional"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_CONNECT, _CLOSING = 10.0, 5.0
#: Seconds that a server is waited for that has never answered: it may not be one.
_UNANSWERED = 60.0
#: So many answers that can't be used, one after the other, are no accident.
_UNUSABLE: Mapping[Mode, int] = {"first": 3, "chat": 6, "optional": 1}
#: So often, and for so many seconds, something optional is asked for again that met a failure
#: which may pass: a busy moment isn't to decide how a run goes.
_OPTIONAL_TRIES, _OPTIONAL_WAIT = 3, 3.0
_OPTIONAL_SECONDS = 30.0
#: After so many failures that are alike it is said what is being waited for; and again after so
#: many seconds.
_ALIKE, _SAID_AGAIN = 2, 300.0
_NO_KEY = "none"  # the client library wants one


class Server:
    """A server, by one client whose connections all conversations share.

    Its requests run on a thread of their own, so that it can be used from many threads and from a
    notebook.

    Attributes:
        address: where it is.
        in_flight: so many requests at most are under way at a time.
        meter: what it has been asked for.
        optional_seconds: for so long something optional may take.
        optional_until: after that (:func:`time.monotonic`) nothing optional is asked.
    """

    def __init__(
        self,
        address: Address,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        keys: Keys | None = None,
        in_flight: int,
        timeout: float,
        wait: float,
        budget: Budget,
    ) -> None:
        self.address = address
        self.in_flight = in_flight
        self.meter = Meter(budget)
        self.optional_seconds = _OPTIONAL_SECONDS
        self.optional_until = math.inf
        self._key = key
        self._keys = keys or Keys((key, *(headers or {}).values()))
        hide_in_logs(self._keys)
        self._timeout = timeout
        self._wait = wait
        keyed = key or "authorization" in {name.lower() for name in headers or {}}
        # without a key nothing stands for one: some servers refuse what they don't know
        self._options: Any = {} if keyed else {"headers": {"Authorization": openai.Omit()}}
        self._last = 0.0
        self._said: tuple[object, float] = (None, 0.0)
        self._answered = False
        self._cancelled = False
        self._running: set[Future[Any]] = set()
        self._slots = asyncio.Semaphore(in_flight)
        self._client = openai.AsyncOpenAI(
            api_key=key or _NO_KEY,
            base_url=address.url,
            default_query=dict(address.query),
            default_headers=dict(headers or {}),
            max_retries=0,
            timeout=httpx2.Timeout(timeout, connect=min(timeout, _CONNECT), pool=None),
            http_client=openai.DefaultAsyncHttpxClient(
                headers={"accept-encoding": ENCODINGS},
                event_hooks={"response": [guard]},
                limits=httpx2.Limits(
                    max_connections=in_flight, max_keepalive_connections=in_flight
                ),
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
        waking()
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

    async def get(self, path: str, read: Callable[[Any], T]) -> T:
        """What a route says, if it does; nobody waits for it.

        Raises:
            UnableError: it says nothing that can be read.
        """
        return await self._answer(
            lambda: self._client.get(path, cast_to=httpx2.Response, options=self._options),
            read,
            "optional",
        )

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        read: Callable[[Mapping[str, Any]], T],
        *,
        most: tuple[int, int] = (0, 0),
        cost: Callable[[T], Usage] | None = None,
        mode: Mode = "chat",
        largest: int = LARGEST,
        timed: Callable[[float], object] | None = None,
    ) -> T:
        """Ask, and go on asking while the server fails in a way that may pass.

        Args:
            path: of the route, or its whole URL.
            body: of the request.
            read: reads an answer, the only one to look at it; raises BrokenError, nothing else.
            most: the most tokens of the prompt and of replies that it can use.
            cost: what it used; ``None``: it costs nothing.
            mode: what the request is.
            largest: bytes that an answer can have, unpacked.
            timed: called with the seconds from when it was first sent until the answer, those in
                which the server was waited for among them; without what it waited here for a
                place among the requests under way.

        Raises:
            RefusedError: the server says no to this request.
            LostError: its answers to this one can't be used.
            TooLongError: the transcript doesn't fit.
            UnableError: the same, or anything else, of an optional request.
            BudgetError: it could exceed the budget.
            UserError: no request will do (a key, a quota), or the server gave no answer for too
                long.
        """

        def checked(data: Any) -> T:
            answer = fields(data, "the answer")
            check_body(answer)
            return read(answer)

        async with self._slots:
            await self.meter.hold(*most)
            began = time.monotonic()
            try:
                with at_most(largest):
                    answer = await self._answer(
                        lambda: self._client.post(
                            path, cast_to=httpx2.Response, body=dict(body), options=self._options
                        ),
                        checked,
                        mode,
                        lost=most if cost is not None else (0, 0),
                    )
                if timed is not None:
                    timed(time.monotonic() - began)
                if cost is not None:
                    self.meter.count(cost(answer))
                return answer
            finally:
                await self.meter.release(*most)

    async def _answer(
        self,
        ask: Callable[[], Coroutine[Any, Any, httpx2.Response]],
        read: Callable[[Any], T],
        mode: Mode,
        lost: tuple[int, int] = (0, 0),
    ) -> T:
        """What was read from the answer; what may pass is sat out, as far as the mode allows. An
        answer that can't be used has cost something, too: at most ``lost``."""
        began = time.monotonic()
        tries = unusable = 0
        alike: list[Failure] = []
        while True:
            answer, failure = await self._once(ask, read, began, mode)
            if failure is None:
                self._last = time.monotonic()
                self._answered = self._answered or mode != "optional"
                return cast(T, answer)
            if failure.kind is Kind.UNUSABLE:
                unusable += 1
                await self.meter.lose(*lost)
            self._check(failure, mode, unusable)
            tries += 1
            pause = min(_FIRST_PAUSE * 2.0 ** (tries - 1), _LONGEST_PAUSE)
            pause = max(pause * random.uniform(0.75, 1.0), failure.pause)
            now = time.monotonic()
            silent = now - began
            if mode == "optional":
                if tries >= _OPTIONAL_TRIES or silent + pause > _OPTIONAL_WAIT:
                    raise UnableError(self._shown(failure), passing=True)
            elif silent + pause > self._patience:
                raise self._given_up(failure, silent, began)
            alike = [*alike, failure] if alike and alike[-1].like == failure.like else [failure]
            # answers that can't be used are asked for again a few times only
            if len(alike) >= _ALIKE and mode != "optional" and failure.kind is not Kind.UNUSABLE:
                self._say(failure, self._patience - silent)
            await asyncio.sleep(pause)

    async def _once(
        self,
        ask: Callable[[], Coroutine[Any, Any, httpx2.Response]],
        read: Callable[[Any], T],
        began: float,
        mode: Mode,
    ) -> tuple[T | None, Failure | None]:
        """What was read from one answer, or what went wrong.

        Raises:
            UserError: a text can't be sent.
        """
        now, left = time.monotonic(), self._timeout
        if mode == "optional":
            left = min(self.optional_seconds, self.optional_until - now)
            if left <= 0:
                return None, Failure(Kind.PASSING, "there was no time left for it")
        elif not self._answered:
            left = min(left, max(1.0, self._patience - (now - began)))
        try:
            async with asyncio.timeout(left):
                raw = (await ask()).content
        except UnicodeEncodeError:
            raise UserError(
                "a text that is to be sent to the server holds half a character (a lone "
                "surrogate), which no server takes; correct it."
            ) from None
        except TimeoutError:
            return None, Failure(Kind.PASSING, "requests timed out")
        except Exception as error:  # whatever a server makes the client library do
            return None, of_exception(error, self._keys)
        try:
            return read(self._keys.hide_all(parse_any(raw), raw)), None
        except BrokenError as error:
            return None, of_exception(error, self._keys)

    @property
    def _patience(self) -> float:
        """For how many seconds a request is tried."""
        return self._wait if self._answered else min(self._wait, _UNANSWERED)

    def _check(self, failure: Failure, mode: Mode, unusable: int) -> None:
        """Raise what no waiting will change."""
        place, why = self.address.place, self._clean(failure.told.why)
        if mode == "optional":
            if failure.kind not in (Kind.PASSING, Kind.ABSENT, Kind.DROPPED):
                raise UnableError(self._shown(failure), passing=False)
            if failure.status in _BY_ITSELF:  # a server that fails at it can't do it
                raise UnableError(self._shown(failure), passing=False)
            return
        if mode == "first" and failure.status in (403, 404, *_BY_ITSELF):
            if failure.status == 403:
                raise stopped(place, failure, why, keyed=bool(self._key))
            raise RefusedError(place, failure.status, why or "no reason given", failure.told)
        if failure.kind is Kind.STOPS:
            raise stopped(place, failure, why, keyed=bool(self._key))
        if failure.kind is Kind.TOO_LONG:
            raise too_long(failure.told)
        if failure.kind is Kind.REFUSED:
            raise RefusedError(place, failure.status, why or "no reason given", failure.told)
        if failure.kind is Kind.UNUSABLE and unusable >= _UNUSABLE[mode]:
            raise LostError(
                f"the server at {place} gave {unusable} answers to one request that can't be used "
                f"({self._shown(failure)}){self._elsewhere(mode)}"
            )
        if failure.kind is Kind.ABSENT and not self._answered:
            raise UserError(
                f"there is no server at {place} ({self._shown(failure)}); start it, or correct "
                "the base URL."
            )

    def _elsewhere(self, mode: Mode) -> str:
        """A hint where the first answer is of no use: what is asked may be elsewhere."""
        if mode != "first" or "/v" in self.address.path:
            return "."
        return "; does its base URL end as its documents say (most end in /v1)?"

    def _given_up(self, failure: Failure, silent: float, began: float) -> UserError:
        """What to raise when there was no answer for too long."""
        place, shown = self.address.place, self._shown(failure)
        if self._last > began:  # to others it gives answers
            return LostError(
                f"the server at {place} gave one request no answer for {silent:.0f} seconds "
                f"({shown}), and others theirs."
            )
        asked = f", and asks to wait {failure.pause:.0f} more" if failure.pause > 1 else ""
        return UserError(
            f"the server at {place} gave no answer for {silent:.0f} seconds ({shown}){asked}, so "
            "the run stopped; the same command goes on once it is back."
        )

    def _say(self, failure: Failure, left: float) -> None:
        """Say what is being waited for, once."""
        now = time.monotonic()
        what, at = self._said
        if what == failure.like and now - at < _SAID_AGAIN:
            return
        self._said = (failure.like, now)
        _LOG.warning(
            "selfcorrect: the server at %s gives no answer (%s); it is asked again, for up to "
            "%.0f seconds more",
            self.address.place,
            self._shown(failure),
            max(left, 0),
        )

    def _shown(self, failure: Failure) -> str:
        """A failure in a few words, without any part of a key."""
        return self._clean(failure.said)

    def _clean(self, text: str) -> str:
        return without_secrets(text, self._keys)


#: A server that fails so at what others can is taken to refuse it.
_BY_ITSELF = (500, 501)
