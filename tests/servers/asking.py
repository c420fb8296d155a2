"""A stub that answers otherwise, and a dialogue open on its model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from selfcorrect.models import message
from servers.loopback import Request, Response
from servers.stub import Stub

Fail = Callable[[Request], Response | None]


def break_some(stub: Stub, fail: Fail) -> None:
    """Have a stub answer some completions otherwise."""
    stub.loopback.respond = lambda request: (
        (fail(request) if request.path.endswith("completions") else None) or stub._respond(request)
    )


def opened(model: Any, text: str = "One?") -> Any:
    """A dialogue whose first message waits for a reply."""
    talk = model.open(1)
    talk.say([message("user", text)])
    return talk
