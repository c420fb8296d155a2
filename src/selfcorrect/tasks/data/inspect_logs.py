"""Logs of inspect (``.eval``, ``.json``), read by inspect_ai itself."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.tasks.data.recognise import HEAD, ZIP, head_of
from selfcorrect.tasks.data.row import Row

#: How a part of a message is called there → as servers call it.
_TEXT, _IMAGE = "text", "image"


def is_log(path: Path) -> bool:
    """Whether a file is a log of inspect, by what is in it.

    Raises:
        UserError: it can't be read, or is empty.
    """
    head = head_of(path)
    if head.startswith(ZIP):
        try:
            with zipfile.ZipFile(path) as archive:
                return bool({"header.json", "_journal/start.json"} & set(archive.namelist()))
        except (zipfile.BadZipFile, OSError, ValueError):
            return False
    begin = head[:HEAD].decode(errors="replace").lstrip()
    # version, status and eval stand first
    return begin.startswith("{") and '"status"' in begin and '"eval"' in begin


def log_rows(path: Path) -> Iterator[Row | UserError]:
    """The samples of a log, each as a row with ``messages``, ``choices``, ``answer``, ``id`` and
    ``cluster`` (a sample with several epochs is one cluster).

    Yields:
        A row, or the error that a sample is which ended in one.

    Raises:
        UserError: inspect_ai isn't installed, can't read the log, or it holds no samples.
    """
    try:
        from inspect_ai.log import read_eval_log
    except ImportError:
        raise UserError(
            f"{path}: it is a log of inspect, and inspect_ai reads it, which isn't installed: "
            "pip install inspect_ai (without -c constraints.txt: its fsspec is newer than it takes)"
        ) from None
    try:
        log: Any = read_eval_log(str(path))
    except Exception as problem:  # whatever a damaged log makes of it
        said = next(iter(str(problem).strip().splitlines()), "") or type(problem).__name__
        raise UserError(f"{path}: inspect_ai can't read this log ({said:.200})") from None
    if not log.samples:
        raise UserError(f"{path}: the log holds no samples (its status is {log.status})")
    several = max(sample.epoch for sample in log.samples) > 1
    for sample in log.samples:
        name = str(sample.id)
        where = f"{path}:sample {name}{f' (epoch {sample.epoch})' if several else ''}"
        if sample.error is not None:
            yield UserError(f"{where}: it ended in an error ({sample.error.message:.100})")
            continue
        target = sample.target if isinstance(sample.target, str) else list(sample.target)
        fields = {
            # logs of several tasks may number their samples alike
            "id": f"{log.eval.task}/{name}{f'/{sample.epoch}' if several else ''}",
            "cluster": f"{log.eval.task}/{name}",
            "choices": list(sample.choices) if sample.choices else None,
            "answer": target or None,
            "messages": [_message(each) for each in sample.messages],
        }
        yield Row(where, fields, "a log of inspect")


def _message(message: Any) -> dict[str, Any]:
    content = message.content
    if not isinstance(content, str):
        content = [_part(part) for part in content]
    calls = getattr(message, "tool_calls", None)
    return {
        "role": message.role,
        "content": content,
        **({"tool_calls": [call.function for call in calls]} if calls else {}),
    }


def _part(part: Any) -> dict[str, Any]:
    if part.type == _TEXT:
        return {"type": _TEXT, "text": part.text}
    if part.type == _IMAGE:
        return {"type": "image_url", "image_url": {"url": part.image}}
    return dict(json.loads(part.model_dump_json()))
