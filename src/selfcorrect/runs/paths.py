"""Where runs lie: a folder of this machine, or of any file system that fsspec knows."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from selfcorrect.errors import UserError


def folder_path(name: str | Path) -> Path:
    """The folder of a name: a path, or an address such as ``s3://bucket/runs``.

    What isn't on this machine is a ``UPath``, which does what a path does.

    Raises:
        UserError: an address of a kind that isn't known, or whose library isn't installed; a name
            that no folder can have.
    """
    text = str(name)
    if "\0" in text:
        raise UserError(f"{text!r:.60} is no name of a folder: it holds a NUL character.")
    if "://" not in text:
        return Path(name).expanduser()
    from upath import UPath

    kind = text.partition("://")[0]
    try:
        found = UPath(text)
        _ = found.fs  # where a missing library shows
    except ImportError as error:
        reason = str(error).strip().rstrip(".") or f"the library of {kind} is missing"
        raise UserError(f"{text} can't be reached: {reason}; install it with pip.") from None
    except ValueError as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise UserError(f"{text} can't hold runs ({reason}); give a folder.") from None
    return Path(found.path) if kind in ("file", "local") else cast(Path, found)


def is_local(folder: Path) -> bool:
    """Whether a folder lies on this machine."""
    return isinstance(folder, Path)
