"""A proxy that passes requests on to a server, and breaks some of them on the way."""

from __future__ import annotations

import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from servers.loopback import Loopback, Request, Response, answer, failure

#: Every fault by name: what becomes of the request, or of the server's response.
FAULTS = (
    "429", "500", "503", "drop", "truncate", "half", "lost", "html", "slow", "error", "empty",
)  # fmt: skip
_SOON = {"retry-after-ms": "5"}


class Proxy:
    """Passes on what comes, except where the plan names a fault.

    Attributes:
        plan: the fault of each request in its order, "" for none; where it ends there are none.
        broken: how many requests each fault has met.
    """

    def __init__(self, upstream: str, plan: Iterator[str] | None = None) -> None:
        self.upstream = urlsplit(upstream)
        self.plan = plan or iter(())
        self.broken: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.loopback = Loopback(self._respond)
        self.url = self.loopback.url

    def stop(self) -> None:
        self.loopback.stop()

    def start(self) -> None:
        self.loopback.start()

    def _respond(self, request: Request) -> Response:
        with self._lock:
            fault = next(self.plan, "")
            self.broken[fault] += bool(fault)
        if fault in ("429", "500", "503"):
            broken = failure(int(fault), "injected")
            return Response(broken.status, broken.raw, _SOON)
        if fault == "drop":
            return Response(sent=0)
        if fault == "html":
            return Response(200, b"<html>a gateway's page</html>", {"content-type": "text/html"})
        if fault == "error":
            return answer({"error": {"message": "injected", "code": 503}})
        if fault == "empty":
            choice = {"message": {"content": ""}, "finish_reason": "stop"}
            return answer({"choices": [choice]})
        if fault == "slow":
            threading.Event().wait(0.05)
        response = self._pass_on(request)
        if fault == "truncate":
            return Response(200, response.raw[: len(response.raw) // 2], response.headers)
        if fault == "half":
            return Response(200, response.raw, response.headers, sent=len(response.raw) // 2)
        if fault == "lost":
            return Response(sent=0)
        return response

    def _pass_on(self, request: Request) -> Response:
        host, port = self.upstream.hostname or "", self.upstream.port
        connection = http.client.HTTPConnection(host, port, timeout=60)
        try:
            skipped = ("host", "connection", "content-length", "accept-encoding")
            headers = {k: v for k, v in request.headers.items() if k.lower() not in skipped}
            connection.request(request.method, request.path, request.raw, headers)
            response = connection.getresponse()
            return Response(response.status, response.read())
        finally:
            connection.close()


def every(faults: tuple[str, ...], number: int, *, after: int, share: float) -> Iterator[str]:
    """So many faults in turn, spread evenly over that share of the requests from the given one."""
    yield from itertools.repeat("", after)
    due = 0.0
    kinds = itertools.islice(itertools.cycle(faults), number)
    while True:
        due += share
        if due < 1:
            yield ""
            continue
        due -= 1
        fault = next(kinds, None)
        if fault is None:
            return
        yield fault
