"""Where a server is, and what may be shown of what it says: nothing that holds a key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

from selfcorrect.errors import UserError
from selfcorrect.models.endpoint.keys import Keys
from selfcorrect.text import visible

#: What may stand behind the '?': no secret has such a name.
_QUERY = {"api-version", "api_version"}
_PORTS = {"http": 80, "https": 443}
_LOOKS_SECRET = re.compile(r"\b(sk|key|pk)[-_][\w*.-]+|Bearer\s+\S+", re.IGNORECASE)
_LONGEST = 240
_ROUTE = 64  # characters that a route adds to an address
_PART = 8  # so many characters of a key in a row are too many


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address.

    Attributes:
        url: the base of its routes, without a slash at the end (``http://localhost:8000/v1``).
        place: its host and port, for people.
        query: what stands behind every route, such as Azure's ``api-version``.
        shown: as it was given, with its query; without a key.
    """

    url: str = field(repr=False)
    place: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    shown: str = ""

    @property
    def path(self) -> str:
        """What stands behind the host: ``/v1``."""
        return urlsplit(self.url).path

    @property
    def root(self) -> str:
        """The base of the routes that stand beside ``/v1``."""
        return self.url.removesuffix("/v1")


def address(base_url: str, keys: Keys | None = None) -> Address:
    """Read a base URL.

    Args:
        base_url: as it was given.
        keys: what isn't shown of it.

    Raises:
        UserError: it isn't one, or holds credentials or a query (the message shows neither).
    """
    keys = keys or Keys()
    written = base_url.strip()
    if not written:
        raise UserError(
            "the base URL is empty, so nothing is sent: give the server's address, such as "
            "http://localhost:8000/v1."
        )
    try:
        parts = urlsplit(written)
        port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if not parts.hostname or not port or parts.scheme not in _PORTS:
        raise UserError(
            "the base URL is not an http address; give one like http://localhost:8000/v1."
        )
    query = dict(parse_qsl(parts.query))
    if (
        "@" in parts.netloc
        or parts.fragment
        or query.keys() - _QUERY
        or (parts.query and not query)
    ):
        raise UserError(
            f"the base URL of {keys.hide(parts.hostname)} holds more than an address; give it "
            "without user, password and '#', with nothing but api-version after '?', and the key "
            "in the environment variable OPENAI_API_KEY or by model.headers."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.rstrip("/")
    url = f"{parts.scheme}://{host}:{port}{path}"
    if not _can_be_asked(f"{url}?{urlencode(query)}"):
        raise UserError(
            "the base URL holds what no address can (a host's name that can't be, a character "
            "that isn't visible, or too much text); give one like http://localhost:8000/v1."
        )
    shown = keys.hide(f"{url}?{urlencode(query)}" if query else url)
    return Address(url, keys.hide(f"{host}:{port}"), query, shown)


def _can_be_asked(url: str) -> bool:
    """Whether the client that is to ask takes it for an address."""
    import httpx2  # only where there is a server

    try:
        httpx2.URL(f"{url}{' ' * _ROUTE}")
    except (httpx2.InvalidURL, UnicodeError):
        return False
    return True


def without_secrets(text: str, keys: Keys) -> str:
    """A server's words on one line, fit to be shown: short, and without any part of a key."""
    whole = keys.secrets
    line = keys.hide(text)
    for secret in whole:
        line = line.replace(secret, "***")
    line = _LOOKS_SECRET.sub("***", line)
    parts = {each[at : at + _PART] for each in whole for at in range(len(each) - _PART + 1)}
    if any(part in line for part in parts):
        return "a message that holds a part of the key and so isn't shown"
    line = visible(" ".join(line.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
