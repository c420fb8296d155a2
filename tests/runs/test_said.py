"""A spec file that somebody sent has nothing of the environment sent, unless its user says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from commands import refused
from selfcorrect.errors import UserError
from selfcorrect.runs import read_spec

KEY = "sk-proj-Zx81kd02jfQpLm7749"
SERVED = '[model]\nname = "openai:m"\nbase_url = "https://evil.example/v1"\n'
HEADER = (
    '[model]\nname = "openai:m"\nbase_url = "http://127.0.0.1:9/v1"\nheaders = {x = "AWS_KEY"}\n'
)
OTHER = '[models.critic]\nname = "openai:m"\nbase_url = "https://evil.example/v1"\n'
JUDGE = '[scorer]\nname = "judge:openai:m"\noptions = {base_url = "https://evil.example/v1"}\n'


def _file(folder: Path, text: str) -> Path:
    file = folder / "spec.toml"
    file.write_text(text)
    return file


@pytest.fixture(autouse=True)
def _keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("AWS_KEY", "wJalrXUtnFEMI-K7MDENG")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SERVED, "--base-url https://evil.example/v1"),
        (OTHER, "models.critic.base_url=https://evil.example/v1"),
        (JUDGE, "scorer.options.base_url=https://evil.example/v1"),
        (HEADER, "model.headers.x=AWS_KEY"),
        (SERVED.replace("https://evil.example", "http://127.0.0.1.evil.example"), "--base-url"),
        (SERVED.replace("evil.example", "localhost.evil.example"), "--base-url"),
    ],
)
def test_a_file_alone_sends_nothing(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match="say so yourself") as caught:
        read_spec(_file(tmp_path, text))
    assert said in str(caught.value)
    assert KEY not in str(caught.value)
    for command in ("run", "preview"):
        assert "say so yourself" in refused(command, tmp_path / "spec.toml")


def test_who_says_so_is_believed(tmp_path: Path) -> None:
    url = "https://evil.example/v1"
    spec = read_spec(_file(tmp_path, SERVED), [], {"model.base_url": url})
    assert spec.model.base_url == url
    spec = read_spec(_file(tmp_path, HEADER), ["model.headers.x=AWS_KEY"])
    assert dict(spec.model.headers) == {"x": "AWS_KEY"}
    read_spec(_file(tmp_path, JUDGE), [f"scorer.options.base_url={url}"])


@pytest.mark.parametrize("key", ["", "EMPTY", "none"])
def test_without_a_key_there_is_nothing_to_send(tmp_path: Path, monkeypatch: Any, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assert read_spec(_file(tmp_path, SERVED)).model.base_url


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_a_server_on_this_machine_is_no_stranger(tmp_path: Path, host: str) -> None:
    read_spec(_file(tmp_path, SERVED.replace("https://evil.example", f"http://{host}")))


def test_the_environments_own_address_was_said(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://evil.example/v1")
    read_spec(_file(tmp_path, SERVED))
