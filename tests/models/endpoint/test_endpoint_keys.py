"""Keys: wherever a server or a user puts one, nothing that is written or shown holds it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from commands import refused
from selfcorrect.cli import app
from selfcorrect.models.endpoint.keys import HIDDEN, Keys, known_keys
from servers.loopback import Request, Response
from servers.stub import Stub

KEY = "sk-proj/Nothing0Like+A2Real3Key4=="
HEADER = "Bearer tok_9xQ7-another-Secret_value"
VALUE = HEADER.removeprefix("Bearer ")

#: Ways to write a text.
WAYS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "quoted": lambda text: quote(text, safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after one": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "base64 after two": lambda text: base64.urlsafe_b64encode(b"me" + text.encode()).decode(),
    "basic": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "most of it": lambda text: text[3:-4],
}

SAFE = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def _holds(text: str) -> list[str]:
    """In which ways a text holds one of the keys."""
    low = text.lower()
    written = {f"{way} of {key[:6]}": form(key).lower() for way, form in WAYS.items()
               for key in (KEY, VALUE)}  # fmt: skip
    # what the neighbours of a text in base64 decide isn't the key's alone
    return [name for name, form in written.items() if form.rstrip("=")[4:-4] in low]


@pytest.mark.parametrize("way", WAYS)
@given(before=SAFE, after=SAFE)
def test_a_key_is_hidden_however_it_is_written(way: str, before: str, after: str) -> None:
    keys = Keys((KEY, HEADER))
    for key in (KEY, VALUE):
        text = f"{before}|{WAYS[way](key)}|{after}"
        shown = keys.hide(text)
        assert HIDDEN in shown
        assert not _holds(shown)
        assert shown.startswith(before)
        data = {"a": [{text: text}, 1, None]}
        for raw in (json.dumps(data), json.dumps(data, ensure_ascii=False)):
            hidden = keys.hide_all(json.loads(raw), raw.encode())
            assert hidden == {"a": [{shown: shown}, 1, None]}


@given(SAFE)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert Keys((KEY, HEADER)).hide(text) == text


def test_escapes_of_json_hide_nothing() -> None:
    escaped = "".join(f"\\u{ord(c):04x}" for c in KEY)
    for raw in (f'["{escaped}"]', json.dumps([KEY]).replace("/", "\\/")):
        assert Keys((KEY,)).hide_all(json.loads(raw), raw.encode()) == [HIDDEN]


@pytest.mark.parametrize("dummy", ["EMPTY", "none", "", "research", "x" * 7])
def test_words_that_stand_for_a_key_change_no_reply(dummy: str) -> None:
    text = f"The {dummy} answer is (a)"
    assert Keys((dummy,)).hide(text) == text


@pytest.mark.parametrize("value", ["sk-ключ-1234", "sk-one\nsk-two", "sk-“quoted”"])
@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "OTHER"])
def test_a_key_that_no_header_can_hold_is_named_as_that(
    value: str, name: str, stub: Stub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(name, value)
    spec = tmp_path / "spec.toml"
    headers = '[model.headers]\nx-key = "OTHER"\n' if name == "OTHER" else ""
    spec.write_text(f'[model]\nname = "openai:stub"\nbase_url = "{stub.url}"\n{headers}')
    asked = ["model.headers.x-key=OTHER"] if name == "OTHER" else []
    said = refused("run", spec, *asked, "--out", tmp_path)
    assert "holds what no header can: character" in said
    assert ("OPENAI_API_KEY" if name == "OPENAI_API_KEY" else "model.headers.x-key") in said
    assert value[:6] not in said
    assert not stub.requests


def test_an_empty_address_is_no_public_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    said = refused("run", "--model", "openai:gpt-x", "--base-url", "")
    assert "the base URL is empty, so nothing is sent" in said


# --- everything that a command writes -------------------------------------------------------------


def _texts(data: bytes) -> str:
    """All that a file says, whatever it is packed by."""
    if data[:4] == b"PAR1":
        data = pl.read_parquet(io.BytesIO(data)).write_json().encode()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return data.decode("latin-1")


def _echoing(stub: Stub, way: str, status: int | None) -> Callable[[Request], Response]:
    """A server that says the keys in replies, or in errors now and then."""
    said = [f"key {WAYS[way](key)}!" for key in (KEY, VALUE)]
    count = iter(range(10**6))

    def respond(request: Request) -> Response:
        response = stub._respond(request)
        head = {"x-echo": said[0], "www-authenticate": said[1].replace("\n", " ")}
        if not request.path.partition("?")[0].endswith("completions"):
            data = {"data": [{"id": "stub", "owned_by": said[0], "root": said[1]}]}
            if request.path.endswith("/models"):
                return Response(200, json.dumps(data).encode(), head)
            return response
        data = json.loads(response.raw)
        number = next(count)
        if status is not None and number > 30:
            error = {"message": f"no: {said[0]} and {said[1]}", "param": said[0], "code": said[1]}
            return Response(status, json.dumps({"error": error}).encode(), head)
        for choice in data.get("choices", ()):
            if number > 12:
                choice["message"]["content"] += "".join(said)
                choice["message"]["reasoning_content"] = said[0]
                choice["finish_reason"] = "stop"
        return Response(response.status, json.dumps({**data, "model": said[0]}).encode(), head)

    return respond


@pytest.mark.parametrize(
    ("way", "status"),
    [
        ("as it is", None),
        ("as it is", 400),
        pytest.param("upper case", None, marks=pytest.mark.slow),
        pytest.param("base64 after one", 401, marks=pytest.mark.slow),
    ],
)
def test_no_key_is_in_anything_that_is_written_or_shown(
    way: str,
    status: int | None,
    stub: Stub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The address holds it, too: in its path, and as the version of the API."""
    for name in (None, "openai", "httpx2", "httpcore2", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MY_TOKEN", HEADER)
    respond = _echoing(stub, way, status)

    def routed(request: Request) -> Response:
        path = request.path.partition("?")[0]
        return respond(Request(request.method, path[path.index("/v1") :], {}, request.raw))

    stub.loopback.respond = routed
    url = stub.url.replace("/v1", f"/{quote(KEY, safe='')}/v1?api-version={quote(VALUE)}")
    spec = tmp_path / "spec.toml"
    spec.write_text(
        f'rounds = 2\nlimit = 6\nchunk = 3\nmax_failed = 0.5\n[task]\nname = "sample"\n'
        f'[model]\nname = "openai:stub"\nbase_url = "{url}"\nin_flight = 2\n'
        f'[model.headers]\nauthorization2 = "MY_TOKEN"\n'
    )
    out = tmp_path / "out"
    said = []

    def command(*words: str) -> None:
        done = CliRunner().invoke(app, words)
        assert done.exit_code in (0, 2), done.output
        assert "Traceback" not in done.output
        said.append(done.output)

    asked = "model.headers.authorization2=MY_TOKEN"
    command("run", str(spec), asked, "--out", str(out), "--no-controls")
    command("preview", str(spec), asked)
    [run] = out.glob("sample*")
    for name in ("show", "report", "verify"):
        command(name, str(run))
    files = [path for path in out.rglob("*") if path.is_file()]
    assert any(path.name == "run.toml" for path in files)
    for path in files:
        assert not _holds(_texts(path.read_bytes())), path
    for text in [*said, caplog.text]:
        assert not _holds("".join(text.split()))
    if status is None:
        records = pl.concat([pl.read_parquet(path) for path in run.glob("records/*.parquet")])
        assert HIDDEN in str(records["text"].to_list())
        assert "the reply holds the text of a key" in str(records["notes"].to_list())


def test_keys_of_the_environment_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY} ")
    monkeypatch.setenv("MY_TOKEN", HEADER)
    assert known_keys({"x": "MY_TOKEN"}).hide(f"{KEY} {VALUE}") == f"{HIDDEN} {HIDDEN}"
