"""What a server may send: so many bytes, within so many seconds, from its own address."""

from __future__ import annotations

import gzip
import json
import resource
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from commands import refused
from selfcorrect import models
from selfcorrect.errors import UserError
from selfcorrect.models import Request
from selfcorrect.models.base import LostError
from selfcorrect.models.endpoint import Budget, BudgetError
from selfcorrect.models.endpoint.address import address
from selfcorrect.models.endpoint.limits import ENCODINGS, largest
from selfcorrect.models.endpoint.server import Server
from servers.asking import break_some, opened
from servers.loopback import Loopback, Response
from servers.loopback import Request as Asked
from servers.stub import Stub


def _padded(asked: Asked, stub: Stub, size: int) -> bytes:
    """A whole answer with so many bytes of nothing."""
    data = json.loads(stub._respond(asked).raw)
    return json.dumps({**data, "padding": " " * size}).encode()


@pytest.mark.parametrize("packed", ["gzip", "deflate", ""])
def test_an_answer_may_be_packed(packed: str, stub: Stub, model: Any) -> None:
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "": bytes}[packed]
    head = {"content-encoding": packed} if packed else {}
    break_some(stub, lambda asked: Response(200, pack(_padded(asked, stub, 2**20)), head))
    [reply] = opened(model).elicit([Request("(", 2)])
    assert reply.finish in ("stop", "length")
    assert not reply.notes


@pytest.mark.parametrize("packed", ["gzip", ""])
def test_an_answer_without_end_is_a_broken_one(packed: str, stub: Stub, model: Any) -> None:
    """A bomb of gzip that unpacks to 192 MiB costs as much memory as an answer may have."""
    pack = zlib.compressobj(1, wbits=31)
    piece = b" " * 2**22
    parts = [pack.compress(piece) for _ in range(48)] if packed else [piece] * 4
    raw = b"".join([*parts, pack.flush() if packed else b""])
    head = {"content-encoding": "gzip"} if packed else {}
    break_some(stub, lambda _: Response(200, raw, head))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(LostError, match="an answer of more than 8 MiB"):
        opened(model).elicit([Request("(", 2)])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_an_answer_packed_as_nobody_asked_for_is_a_broken_one(stub: Stub, model: Any) -> None:
    break_some(stub, lambda _: Response(200, b"{}", {"content-encoding": "br"}))
    with pytest.raises(LostError, match="packed as nobody asked for"):
        opened(model).elicit([Request("(", 2)])
    assert "br" not in ENCODINGS


def test_the_largest_answer_grows_with_what_is_asked_for() -> None:
    usual = largest((1000, 0), given=False, layers=0)
    assert usual == 8 * 2**20
    assert largest((1000, 4096), given=False, layers=0) >= usual + 4096 * 20 * 100
    assert largest((1000, 1), given=True, layers=0) > usual + 1000 * 200
    assert largest((10**6, 1), given=False, layers=30) <= usual + 2**30 + 4096


@contextmanager
def _dripping(every: float) -> Iterator[tuple[str, list[float]]]:
    """A server that sends a byte of a body now and then, and when it was asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[float] = []

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        asked.append(time.monotonic())
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        try:
            while True:
                connection.sendall(b" ")
                time.sleep(every)
        except OSError:
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", asked
    listener.close()


def test_a_request_has_one_deadline_however_often_a_byte_comes() -> None:
    """The timeout is of the whole answer, not of the next byte."""
    with _dripping(0.02) as (url, asked):
        limits: Any = {"in_flight": 1, "timeout": 0.3, "wait": 1.0, "budget": Budget()}
        client = Server(address(url), "", **limits)
        client._answered = True  # one that never answered isn't waited for long, anyway
        began = time.monotonic()
        with pytest.raises(UserError, match="requests timed out"):
            client.run(client.post("/chat/completions", {}, lambda data: data))
        assert 0.3 < time.monotonic() - began < 5
        assert len(asked) >= 2
        client.close()


# --- another address ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nothing_follows_a_server_to_another_address(
    status: int, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[Asked] = []

    def elsewhere(request: Asked) -> Response:
        came.append(request)
        return stub._respond(request)

    other = Loopback(elsewhere)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-somebody-1234567890")
    stub.loopback.respond = lambda request: Response(
        status, b"", {"location": f"http://127.0.0.1:{other.port}{request.path}"}
    )
    try:
        said = refused("run", "--model", "openai:stub", "--base-url", stub.url, "--limit", "1")
        assert f"sends requests on to http://127.0.0.1:{other.port}, and nothing is sent" in said
        assert not came
    finally:
        other.stop()


def test_a_server_may_send_requests_on_within_its_address(stub: Stub) -> None:
    def respond(request: Asked) -> Response:
        if request.path.startswith("/old"):
            return Response(307, b"", {"location": request.path.removeprefix("/old")})
        return stub._respond(request)

    stub.loopback.respond = respond
    url = stub.url.replace("/v1", "/old/v1")
    model: Any = models.load("openai:stub", base_url=url, wait=5)
    [reply] = opened(model).elicit([Request("(", 2)])
    assert reply.text
    model.close()


# --- what a budget counts -------------------------------------------------------------------------


def test_broken_answers_cost_what_was_asked_for(stub: Stub) -> None:
    budget = {"budget_tokens": 4000}
    model: Any = models.load("openai:stub", base_url=stub.url, wait=20, **budget)
    break_some(stub, lambda _: Response(200, b'{"choices": 3}'))
    before = len(stub.requests)

    def ask_often() -> None:
        for _ in range(20):
            with suppress(LostError):
                opened(model, "word " * 100).elicit([Request("(", 2)])

    with pytest.raises(BudgetError, match="could exceed the budget of 4,000 tokens"):
        ask_often()
    assert len(stub.requests) - before < 4000 // 500
    model.close()


def test_a_server_that_counts_next_to_nothing_is_not_believed(stub: Stub) -> None:
    """A text can't have so few tokens; the records keep what the server says."""
    budget = {"budget_tokens": 6000}
    model: Any = models.load("openai:stub", base_url=stub.url, wait=20, **budget)

    def low(asked: Asked) -> Response:
        data = json.loads(stub._respond(asked).raw)
        data["usage"] = {"prompt_tokens": 1, "completion_tokens": 0}
        return Response(200, json.dumps(data).encode())

    break_some(stub, low)
    before = model.served.server.meter.tokens
    opened(model, "word " * 800).elicit([Request("(", 2)])
    assert model.served.server.meter.tokens - before >= 800 * 5 // 16
    model.close()
