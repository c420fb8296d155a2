"""HTTP servers on loopback: one that answers by a function, and what such functions need."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.raw or b"{}")


@dataclass(frozen=True)
class Response:
    """A response. ``sent`` is what is really sent of it: fewer bytes than it announces, or none."""

    status: int = 200
    raw: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None


def answer(data: Any, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, json.dumps(data).encode(), named)


def failure(status: int, why: str, **more: Any) -> Response:
    return answer({"error": {"message": why, "code": None, "type": "invalid", **more}}, status)


class Loopback:
    """Answers every request by a function, on a port that it keeps when it stops and starts."""

    def __init__(self, respond: Callable[[Request], Response]) -> None:
        self.respond = respond
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _handle(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                request = Request(
                    self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
                )
                response = outer.respond(request)
                if outer.server is not self.server:  # it died meanwhile
                    response = Response(sent=0)
                if response.sent == 0:
                    self._hang_up()
                    return
                head = {"content-type": "application/json", **response.headers}
                head["content-length"] = str(len(response.raw))
                lines = [f"HTTP/1.1 {response.status} X", *(f"{k}: {v}" for k, v in head.items())]
                whole = "\r\n".join([*lines, "", ""]).encode() + response.raw[: response.sent]
                self.wfile.write(whole)
                if response.sent is not None:
                    self._hang_up()

            def _hang_up(self) -> None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            do_GET = do_POST = _handle  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        class Threads(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512
            allow_reuse_address = True

            def handle_error(self, *_: Any) -> None:
                pass  # clients hang up in these tests

        self.server: Threads | None = Threads(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Die: requests under way get no answer, and new ones no connection."""
        server, self.server = self.server, None
        if server is not None:
            server.shutdown()
            server.server_close()
