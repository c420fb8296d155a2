"""A run's records as a file of JSON lines."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.runs import Run


def to_jsonl(run: Run, path: Path, *, replace: bool) -> int:
    """Write one record a line; the file is there completely, or not at all.

    Args:
        run: complete or not.
        path: the file.
        replace: put it in the place of an existing one.

    Returns:
        The number of lines.

    Raises:
        UserError: the file is there already, or can't be written.
    """
    path = path.expanduser()
    if path.exists() and not replace:
        raise UserError(f"{path} exists already: give another name, or --force to replace it.")
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the name of a file in it.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    lines = 0
    try:
        with unfinished.open("wb") as file:
            for frame in run.chunks():
                frame.write_ndjson(file)
                lines += len(frame)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return lines
