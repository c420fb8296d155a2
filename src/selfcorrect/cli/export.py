"""A run's records, or its dialogues, as a file of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from selfcorrect.errors import UserError
from selfcorrect.messages import inline
from selfcorrect.places import new_file, unfinished
from selfcorrect.runs import Run
from selfcorrect.tasks.lettered.letters import LETTERS

_HELD = ("example", "cluster", "round", "choices", "target", "steps")


def to_jsonl(run: Run, path: Path, *, replace: bool, dialogues: bool = False) -> int:
    """Write one record a line; the file is there completely, or not at all.

    Args:
        run: complete or not.
        path: the file.
        replace: put it in the place of an existing one.
        dialogues: one dialogue a line instead, as the task ``dialogues`` reads it.

    Returns:
        The number of lines.

    Raises:
        UserError: the file is there already, or can't be written; a dialogue that isn't one list
            of messages with an answer in every round, or isn't kept.
    """
    path = new_file(path, "a new file", lambda _: True)
    if path.exists() and not replace:
        raise UserError(f"{path} exists already: give another name, or --force to replace it.")
    if dialogues and not run.keeps_texts:
        raise UserError(
            f"{run.folder} keeps no answers, so there are no dialogues to write: leave out "
            "--dialogues, or run it with --keep-harmful."
        )
    lines = 0
    with unfinished(path) as part, part.open("wb") as file:
        for frame in run.chunks(_HELD if dialogues else None):
            lines += _write_dialogues(frame, file) if dialogues else _write(frame, file)
    return lines


def _write(frame: pl.DataFrame, file: BinaryIO) -> int:
    frame.write_ndjson(file)
    return len(frame)


def _write_dialogues(frame: pl.DataFrame, file: BinaryIO) -> int:
    groups = frame.sort("round").partition_by("example", maintain_order=True)
    for group in groups:
        line = json.dumps(_dialogue(group.rows(named=True)), ensure_ascii=False)
        file.write(line.encode() + b"\n")
    return len(groups)


def _dialogue(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One dialogue as the task ``dialogues`` reads it."""
    first = rows[0]
    messages = list(_messages(rows))
    rounds = [each["round"] for each in messages if "round" in each]
    if rounds != list(range(1, len(rounds) + 1)):
        raise UserError(
            f"the dialogue {first['example']!r} has no new answer in some round before its last: "
            "it can't be written as rounds of messages; leave out --dialogues."
        )
    target, choices = first["target"], first["choices"] or ()
    if target is not None and not 0 <= target < len(choices):
        raise UserError(
            f"the dialogue {first['example']!r:.200} has the right answer {target}, and "
            f"{len(choices)} choices: the run's files were damaged, or made by hand; see: "
            "selfcorrect verify."
        )
    answer = {} if target is None else {"answer": f"({LETTERS[target]})"}
    about = {"id": first["example"], "cluster": first["cluster"], "choices": first["choices"]}
    return {**about, **answer, "messages": messages}


def _messages(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        for at, step in enumerate(row["steps"]):
            if step["begin"] and (at or row["round"] > 1):
                raise UserError(
                    f"the dialogue {row['example']!r} starts over in round {row['round']}: it is "
                    "not one list of messages; leave out --dialogues."
                )
            if step["shown"]:
                mark = {"round": row["round"]} if step["kind"] == "answer" else {}
                yield {"role": step["role"], "content": _content(row["example"], step), **mark}


def _content(example: str, step: dict[str, Any]) -> str | list[dict[str, Any]]:
    if not step["images"]:
        return str(step["text"])
    for name in step["images"]:
        if inline(name):
            raise UserError(
                f"the dialogue {example!r} holds an image that the data gave as a data: URL, and "
                "records hold none; put such images in files, or leave out --dialogues."
            )
    images = [{"type": "image_url", "image_url": {"url": name}} for name in step["images"]]
    return [*images, {"type": "text", "text": step["text"]}]
