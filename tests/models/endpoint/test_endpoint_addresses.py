"""Addresses that nothing can be sent to, names of headers that nothing can be sent with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcorrect.errors import UserError
from selfcorrect.models.endpoint import load
from selfcorrect.models.endpoint.address import address
from servers.stub import Stub

#: By what is wrong with them.
NONE = {
    "a host of 300 letters": "http://" + "ä" * 300 + "/v1",
    "a host in no alphabet": "http://\u2460:9/v1",
    "a host of an invisible hyphen": "http://\u00ad:9/v1",
    "a joiner in a host": "http://a\u200db:9/v1",
    "a host of half a code": "http://xn--\u0661:9/v1",
    "numbers that are too large": "http://999.9.9.9:9/v1",
    "a NUL": "http://127.0.0.1:9/v1\x00",
    "an escape": "http://127.0.0.1:9/\x1b[31m",
    "half a character": "http://127.0.0.1:9/\ud800",
    "too much text": "http://127.0.0.1:9/" + "a" * 70_000,
    "port 0": "http://127.0.0.1:0/v1",
    "a port that is too large": "http://127.0.0.1:99999/v1",
    "another scheme": "ftp://127.0.0.1:9/v1",
    "a socket": "ws://127.0.0.1:9/v1",
    "a file": "file:///etc/passwd",
}


@pytest.mark.parametrize("what", NONE)
def test_what_no_address_is(what: str) -> None:
    with pytest.raises(UserError, match="give one like http://localhost:8000/v1") as caught:
        address(NONE[what])
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 300


@given(st.text(max_size=30), st.text(max_size=30))
def test_an_address_can_be_asked_or_is_refused(host: str, path: str) -> None:
    """Whatever is taken for an address, the client takes for one, too, with a route behind it."""
    import httpx2

    try:
        read = address(f"http://{host}:9/{path}")
    except UserError:
        return
    assert httpx2.URL(f"{read.url}/chat/completions").port == 9


@pytest.mark.parametrize(
    "name", ["", "X\n", "X: y", "é", "\x00", "X Y", "a" * 70_000, "sk-key/a=="]
)
def test_a_name_that_no_header_has_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("VALUE", "a-value-of-a-header")
    stub = Stub()
    with pytest.raises(UserError, match=r"a name in model\.headers is none that") as caught:
        load("openai:stub", stub.url, headers={name: "VALUE"})
    stub.stop()
    assert str(caught.value).isprintable()
    assert not name or name not in str(caught.value)
    assert not stub.requests
