"""What a spec file can't ask for by itself: whoever runs it has to say so, too.

A spec is a file that anybody may have sent, and it looks harmless. So it doesn't suffice to have a
stranger's code run, nor to send what the environment holds to an address of its own.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selfcorrect.errors import UserError
from selfcorrect.models.endpoint import BASE_URL
from selfcorrect.models.endpoint.keys import KEY, known_keys


def check_said(table: Mapping[str, Any], said: Collection[str], path: Path) -> None:
    """Check that whoever runs a spec file said themselves what may do them harm.

    Args:
        table: what the file holds.
        said: the dotted keys that were given beside it.
        path: of the file.

    Raises:
        UserError: only the file has a model's own code run, names an environment variable that is
            sent, or an address on another machine that a key of the environment is sent to.
    """
    for key, model in _models(table):
        if model.get("trust_remote_code") is True and f"{key}.trust_remote_code" not in said:
            option = "--trust-remote-code" if key == "model" else f"{key}.trust_remote_code=true"
            raise UserError(
                f"{path} has the Python in the folder of {model.get('name')!r} run "
                f"({key}.trust_remote_code), which may do whatever you may: read it, and say so "
                f"yourself with {option}."
            )
        headers = model.get("headers")
        for name, variable in headers.items() if isinstance(headers, Mapping) else ():
            if not {f"{key}.headers.{name}", f"{key}.headers"} & set(said):
                raise UserError(
                    f"{path} has what the environment variable {variable!r:.80} holds sent to a "
                    f"server ({key}.headers): if it is meant for that one, say so yourself with "
                    f"{key}.headers.{name}={variable}."
                )
        _check_address(f"{key}.base_url", model.get("base_url"), said, path)
    scorer = table.get("scorer")
    options = scorer.get("options") if isinstance(scorer, Mapping) else None
    if isinstance(options, Mapping):
        _check_address("scorer.options.base_url", options.get("base_url"), said, path)


def _check_address(key: str, given: Any, said: Collection[str], path: Path) -> None:
    if not isinstance(given, str) or key in said or not known_keys().secret:
        return
    if _is_here(given) or given == os.environ.get(BASE_URL):
        return
    option = f"--base-url {given}" if key == "model.base_url" else f"{key}={given}"
    raise UserError(
        f"{path} has your key ({KEY}) sent to {known_keys().hide(given)!r:.200}: if it is meant "
        f"for that server, say so yourself with {option:.240}; else unset {KEY}."
    )


def _models(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    others = table.get("models")
    every = {"model": table.get("model")}
    every |= {f"models.{k}": v for k, v in others.items()} if isinstance(others, Mapping) else {}
    for key, model in every.items():
        if isinstance(model, Mapping):
            yield key, model


def _is_here(url: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        host = urlsplit(url.strip()).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
