"""What went wrong with a request, by kinds: what may pass, what can't, what is of one dialogue.

A server may say so by the status of its response, or by an error in the body of one that is 200.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import httpx2
import openai

from selfcorrect.errors import UserError
from selfcorrect.models.base import LostError
from selfcorrect.models.endpoint.checked import BrokenError, parse_any, shown, window
from selfcorrect.models.endpoint.keys import Keys
from selfcorrect.models.endpoint.limits import RedirectedError
from selfcorrect.models.endpoint.refusal import NOTHING, Refusal, refusal

#: Statuses of what may pass, beside those from 500 on; of those, what never does.
_PASSING = (408, 409, 425, 429)
_NEVER = (501, 505)
_TOO_LARGE = 413
_REDIRECTED = 308

_TOO_LONG_KINDS = {
    "context_length_exceeded",
    "exceed_context_size_error",
    "request_too_large",
    "model_max_length_exceeded",
}
#: Overflow as servers word it: OpenAI, vLLM, SGLang, llama.cpp, TGI, Gemini, Mistral, Ollama, …
_TOO_LONG_WORDS = re.compile(
    r"context[ _](length|size|window)|longer than the (model|maximum)|max(imum)?[ _]model[ _]len"
    r"|`?inputs`? (tokens \+|must have less than)|(prompt|input|transcript) (is |was )?too long"
    r"|input token count|exceeds? the max(imum)? number of (input )?tokens|too many (input )?tokens"
    r"|too large for model with|reduce the length of",
    re.IGNORECASE,
)
_LIMITS = (
    re.compile(r"context (?:length|size|window)\D{0,20}(\d[\d,]{0,20})", re.IGNORECASE),
    re.compile(r"(\d[\d,]{0,20}) (?:maximum context|tokens? context)", re.IGNORECASE),
    re.compile(r"maximum model length\D{0,20}(\d[\d,]{0,20})", re.IGNORECASE),
    re.compile(r"must be <= (\d[\d,]{0,20})|less than (\d[\d,]{0,20}) tokens", re.IGNORECASE),
    re.compile(r"tokens allowed\W{0,4}(\d[\d,]{0,20})|> (\d[\d,]{0,20}) maximum", re.IGNORECASE),
)
#: What isn't there to be spent; a minute's share of it comes back, which is said with a time.
_QUOTA = re.compile(
    r"insufficient[ _](quota|balance|credits?|funds)|(exceeded|out of|no) (your )?(current )?"
    r"(quota|credits?)|credit balance|billing[ _](hard[ _]limit|not[ _]active)|payment required"
    r"|budget[ _](has been |was )?exceeded|exceeded (your |the )?budget"
    r"|(per|a)[- ]day(?!\w)|daily (limit|quota|rate)",
    re.IGNORECASE,
)
_COMES_BACK = re.compile(r"retry ?-?(delay|after|in)|try again in|per (minute|second)", re.I)
#: A chat template that raises does so again.
_TEMPLATE = re.compile(r"jinja|chat[ _]template|template[ _]?error|roles must alternate", re.I)
#: Words for statuses, where an error in a response of 200 has no number.
_STATUSES = (
    (re.compile(r"rate_?limit|too_many|resource_?exhausted|throttl", re.I), 429),
    (re.compile(r"overload|unavailable|capacity|server_?error|internal|gateway", re.I), 503),
    (re.compile(r"time_?d?_?out|deadline", re.I), 408),
    (re.compile(r"authenti|api_?key|unauthori[sz]ed", re.I), 401),
    (re.compile(r"quota|billing|payment", re.I), 402),
    (re.compile(r"permission|forbidden", re.I), 403),
    (re.compile(r"not_?found", re.I), 404),
    (re.compile(r"bad_?request|invalid_|context_(length|size)|unsupported", re.I), 400),
)


#: Under one of these a response of 200 without choices says what is wrong.
_SAID = ("message", "msg", "detail", "error_msg")


class RefusedError(LostError):
    """The server understood and said no: to this request, as far as is known.

    Attributes:
        status: of HTTP.
        why: in its words, without any part of a key.
        told: all that it said.
    """

    def __init__(self, place: str, status: int, why: str, told: Refusal | None = None) -> None:
        super().__init__(f"the server at {place} refused a request ({status}: {why}).")
        self.status = status
        self.why = why
        self.told = told or Refusal(why)


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


class UnableError(Exception):
    """What was asked for beside a reply, to see whether the server can do it, didn't come back.

    Attributes:
        passing: it may have been the moment.
    """

    def __init__(self, why: str, *, passing: bool) -> None:
        super().__init__(why)
        self.passing = passing


class Kind(Enum):
    """What a failure means."""

    PASSING = "it may pass"
    ABSENT = "nobody is there"
    DROPPED = "the connection ended without an answer"
    UNUSABLE = "an answer that can't be used"
    TOO_LONG = "the transcript doesn't fit"
    REFUSED = "this request is refused"
    STOPS = "no request will do"


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that failed.

    Attributes:
        said: what happened, in a few words and the server's.
        status: of HTTP, or in a body that is an error; 0 without one.
        told: what the server said.
        pause: seconds that it asks to wait.
    """

    kind: Kind
    said: str
    status: int = 0
    told: Refusal = NOTHING
    pause: float = 0.0

    @property
    def like(self) -> tuple[Kind, int]:
        """What failures have in common that are said once."""
        return self.kind, self.status


def of_exception(error: Exception, keys: Keys) -> Failure:
    """What the client library, or reading an answer, raised.

    Args:
        error: what it raised.
        keys: what is hidden in the server's words.
    """
    if isinstance(error, RedirectedError):
        return Failure(Kind.STOPS, "redirected", _REDIRECTED, Refusal(keys.hide(error.where)))
    if isinstance(error, BodyError):
        return _of_body(error.body, error.status)
    if isinstance(error, BrokenError):
        return Failure(Kind.UNUSABLE, f"broken answers: {error}")
    if isinstance(error, openai.APIStatusError):
        pause = _retry_after(error.response.headers)
        return of_status(error.status_code, refusal(_content(error.response, keys)), pause)
    if isinstance(error, openai.APITimeoutError):
        return Failure(Kind.PASSING, "requests timed out")
    if isinstance(error, openai.APIConnectionError):
        absent = isinstance(error.__cause__, httpx2.ConnectError)
        return Failure(Kind.ABSENT if absent else Kind.DROPPED, "no connection")
    return Failure(Kind.UNUSABLE, "broken answers")


def of_status(status: int, told: Refusal, pause: float = 0.0) -> Failure:
    """What a status means, with what is said beside it."""
    why = f"{status}: {told.why}" if told.why else f"status {status}"

    def failure(kind: Kind) -> Failure:
        return Failure(kind, why, status, told, pause)

    if status in (401, 402) or _is_quota(told, pause):
        return failure(Kind.STOPS)
    if status == 404:
        return failure(Kind.STOPS)
    passing = status in _PASSING or (status >= 500 and status not in _NEVER)
    if passing and _TEMPLATE.search(told.why):  # llama.cpp answers with 500
        return failure(Kind.REFUSED)
    if is_too_long(told) and not (passing and status != 500):
        return failure(Kind.TOO_LONG)
    if passing:
        return failure(Kind.PASSING)
    return failure(Kind.TOO_LONG if status == _TOO_LARGE else Kind.REFUSED)


def is_too_long(told: Refusal) -> bool:
    """Whether a server says that a transcript doesn't fit."""
    return bool(told.kinds & _TOO_LONG_KINDS or _TOO_LONG_WORDS.search(told.why))


def too_long(told: Refusal) -> TooLongError:
    """The error of a transcript that doesn't fit, with the window where that is told."""
    limit = told.limit
    for each in _LIMITS if limit is None else ():
        if found := each.search(told.why):
            digits = next(group for group in found.groups() if group)
            limit = window(int(digits.replace(",", "")))
            break
    return TooLongError(told.tokens, limit)


def _is_quota(told: Refusal, pause: float) -> bool:
    said = " ".join((told.why, *told.kinds))
    found = _QUOTA.search(said)
    if not found:
        return False
    if "insufficient" in found[0].lower():
        return True
    return not pause and not _COMES_BACK.search(f"{said} {told.more}")


# --- errors in the body of a response that is 200 -----------------------------------------------


class BodyError(BrokenError):
    """An error in the place of an answer.

    Attributes:
        body: the error, as JSON has it.
        status: that it stands for; 0 where it has none.
    """

    def __init__(self, body: Any, status: int) -> None:
        super().__init__("an error in the place of an answer")
        self.body = body
        self.status = status


def check_body(data: Mapping[str, Any]) -> None:
    """Check that an answer is none of an error.

    Raises:
        BodyError: it is one, by itself or in the place of a reply.
    """
    if "choices" not in data or not data["choices"]:
        error = data.get("error")
        if error or data.get("object") == "error" or data.get("success") is False:
            raise BodyError(error or data, status_in(error or data))
        if any(isinstance(data.get(name), str) and data[name] for name in _SAID):
            raise BodyError(data, status_in(data))
        return
    choices = data["choices"]
    for each in choices if isinstance(choices, list) else ():
        if isinstance(each, dict) and each.get("error"):
            raise BodyError(each["error"], status_in(each["error"]))


def status_in(body: Any) -> int:
    """The status that an error's own words stand for; 0 where they don't say."""
    told = body if isinstance(body, dict) else {}
    words = [told.get(name) for name in ("code", "status", "status_code", "type")]
    for word in words:
        number = int(word) if isinstance(word, str) and word.isdecimal() and len(word) < 6 else word
        if type(number) is int and 400 <= number < 600:
            return number
    for word in words:
        if isinstance(word, str):
            for pattern, status in _STATUSES:
                if pattern.search(word):
                    return status
    return 0


def _of_body(body: Any, status: int) -> Failure:
    told = refusal(body)
    if status:
        return of_status(status, told)
    if is_too_long(told):
        return Failure(Kind.TOO_LONG, told.why, told=told)
    if _is_quota(told, 0.0):
        return Failure(Kind.STOPS, told.why, told=told)
    why = told.why or shown(body)
    return Failure(Kind.UNUSABLE, f"broken answers: an error in the place of an answer: {why}")


def _content(response: httpx2.Response, keys: Keys) -> Any:
    try:
        return keys.hide_all(parse_any(response.content), response.content)
    except BrokenError:
        try:
            return keys.hide(_page(response.content))
        except Exception:
            return None
    except Exception:
        return None


def _page(raw: bytes) -> str:
    """A text that is no JSON; of a page of a gateway its title at most."""
    text = raw[:2000].decode("utf-8", "replace").strip()
    if not text.startswith("<"):
        return text
    title = re.search(r"<title>([^<]*)</title>", text, re.IGNORECASE)
    return title[1].strip() if title else ""


def _retry_after(headers: Mapping[str, str]) -> float:
    """What the server asks to wait, in seconds; 0 if it doesn't."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        told = headers.get(name)
        if told is None:
            continue
        try:
            seconds = float(told) * unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(told).timestamp() - time.time()
            except (ValueError, TypeError, OverflowError):
                continue
        return seconds if 0 < seconds < float("inf") else 0.0
    return 0.0


def stopped(place: str, failure: Failure, why: str, *, keyed: bool) -> UserError:
    """What no request to a server will pass, as a sentence.

    Args:
        place: the server.
        failure: what it said.
        why: its own words, fit to be shown.
        keyed: whether it was given a key.
    """
    if failure.status == _REDIRECTED:
        return UserError(
            f"the server at {place} sends requests on to {why}, and nothing is sent there, as that "
            "is another address: give it as the base URL if you trust it."
        )
    own = f"{failure.status}: {why}" if why and failure.status else why or str(failure.status)
    if failure.status in (401, 403) and not _is_quota(failure.told, failure.pause):
        said_key = "refuses the key in" if keyed else "wants a key in"
        return UserError(
            f"the server at {place} {said_key} the environment variable OPENAI_API_KEY "
            f"({own}); set it to a key that may use this model."
        )
    if failure.status == 404:
        return UserError(
            f"the server at {place} has no such model or address any more ({own}), so the run "
            "stopped; the same command goes on once it has."
        )
    return UserError(
        f"the account at {place} has no quota left ({own}), so the run stopped; the same command "
        "goes on once it has."
    )
