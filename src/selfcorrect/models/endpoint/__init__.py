"""Models behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, a cloud.

What a server can do is found out by asking it (:mod:`.probing`); what it can't is done in the next
best way, and the reply notes it. The client library's import waits until a model is opened.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from selfcorrect.errors import UserError
from selfcorrect.models.endpoint.address import address
from selfcorrect.models.endpoint.budget import Budget, BudgetError, Meter
from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.keys import KEY, Keys, key, sendable
from selfcorrect.models.kinds import SERVED, kind_of
from selfcorrect.models.thought import MOST, Thinking

if TYPE_CHECKING:
    from selfcorrect.models.endpoint.model import EndpointModel

__all__ = [
    "KEY",
    "Budget",
    "BudgetError",
    "Capabilities",
    "Meter",
    "load",
]

#: The environment variable of the address, where none is given.
BASE_URL = "OPENAI_BASE_URL"
#: What a header's name is (RFC 9110, 5.1).
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")


def load(
    name: str,
    base_url: str | None = None,
    *,
    in_flight: int = 64,
    timeout: float = 600.0,
    wait: float = 900.0,
    draws: int = 20,
    budget: Budget | None = None,
    headers: Mapping[str, str] | None = None,
    hurry: float | None = None,
    thinking: Thinking = "auto",
    max_thinking: int = MOST,
) -> EndpointModel:
    """Open a served model, and find out what its server can do.

    Args:
        name: ``openai:NAME``.
        base_url: of the server; by default the environment's OPENAI_BASE_URL. Without either
            nothing is asked: no address is a public cloud's by default.
        in_flight: so many dialogues, and requests, at most are under way at a time.
        timeout: seconds after which a request counts as failed.
        wait: for so many seconds a server may give no answer before the run stops.
        draws: so many replies are drawn where likelihoods can only be estimated.
        budget: at most so much may be spent; by default there is no limit.
        headers: name of a header that is sent along → name of the environment variable that holds
            its value, which is shown and written nowhere.
        hurry: after so many seconds nothing more is asked of what the server can do.
        thinking: whether the model thinks before it replies.
        max_thinking: tokens that a thought may have, beside those of the reply.

    Raises:
        UserError: a bad argument, no such server or model, or a key that isn't taken.
    """
    if not name.removeprefix(SERVED) or kind_of(name) != "served":
        raise UserError(f"a served model is named openai:NAME, not {name!r}; give its name.")
    for what, value in (("in_flight", in_flight), ("draws", draws)):
        if value < 1:
            raise UserError(f"{what} must be at least 1, not {value}.")
    for what, seconds in (("timeout", timeout), ("wait", wait)):
        if not 0 < seconds < math.inf:
            raise UserError(f"{what} must be a number of seconds above 0, not {seconds}.")
    if base_url is None:
        base_url = os.environ.get(BASE_URL) or None
    if base_url is None:
        raise UserError(
            f"the address of {name} isn't known, so nothing is sent: give --base-url "
            f"(base_url), such as http://localhost:8000/v1, or set {BASE_URL}."
        )
    secret, values = key(), _values(headers or {})
    keys = Keys((secret, *values.values()))
    where = address(base_url, keys)
    from selfcorrect.models.endpoint.model import connect
    from selfcorrect.models.endpoint.server import Server

    server = Server(
        where,
        secret,
        headers=values,
        keys=keys,
        in_flight=in_flight,
        timeout=timeout,
        wait=wait,
        budget=budget or Budget(),
    )
    if hurry is not None:
        server.optional_until = time.monotonic() + hurry
    try:
        return connect(name, server, draws, thinking, max_thinking)
    except BaseException:
        server.close()
        raise


def _values(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers' values, from the environment.

    Raises:
        UserError: one isn't there, or it or its name can't be sent; it isn't shown.
    """
    found = {}
    for name, variable in headers.items():
        if not _NAME.fullmatch(name):
            raise UserError(
                "a name in model.headers is none that a header can have; write one of letters, "
                "digits and '-', such as X-Api-Key."
            )
        value = os.environ.get(variable, "").strip()
        if not value:
            raise UserError(
                f"the environment variable that model.headers.{name} names isn't set; set it to "
                "the header's value."
            )
        found[name] = sendable(value, f"that model.headers.{name} names")
    return found
