"""Files that a user names to be written: looked at before there is any work to lose, and written
whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from selfcorrect.errors import UserError

_ADVICE = "make room there or see to its permissions, or give another place"


def new_file(
    path: str | Path,
    kind: str,
    is_ours: Callable[[Path], bool] | None = None,
    *,
    in_new: bool = False,
) -> Path:
    """The place of a file that is to be written; a link's is where it leads.

    Args:
        path: as the user names it.
        kind: of the file, such as ``a concept``.
        is_ours: whether a file that is there may be replaced; none may if not given.
        in_new: its folder may be missing, as whoever writes it makes it.

    Raises:
        UserError: it is a folder, a device, or another file that would be lost; or there is no
            folder for it.
    """
    try:
        place = Path(path).expanduser().resolve()
        if place.is_dir():
            raise UserError(f"{path} is a folder: give the name of a file in it.")
        if place.exists() and not place.is_file():
            raise UserError(f"{path} is no ordinary file, but a device or a pipe: give another.")
        if place.is_file() and (is_ours is None or not is_ours(place)):
            why = "is there already" if is_ours is None else f"is there already, and isn't {kind}"
            raise UserError(f"{path} {why}: give the name of a new file.")
        if not in_new and not place.parent.is_dir():
            raise UserError(f"there is no folder {place.parent} for {path}: make it first.")
    except (OSError, ValueError, RuntimeError) as error:  # a null byte, a link to itself
        raise UserError(f"{str(path)!r:.200} can't be a file's place: {error}.") from None
    return place


@contextmanager
def writing(place: str | Path, advice: str = _ADVICE) -> Iterator[None]:
    """What is written to a place, or into a folder: whatever keeps it from that is one sentence.

    Args:
        place: what errors name.
        advice: what they end with.

    Raises:
        UserError: the system refuses (a full disk, a folder that isn't to be written to), or a
            library says that it does.
    """
    try:
        yield
    except Exception as error:
        # safetensors has an error of its own for a full disk, and no number for the cause
        if not isinstance(error, OSError) and type(error).__name__ != "SafetensorError":
            raise
        said = next(iter(str(error).splitlines()), "no reason given")
        reason = getattr(error, "strerror", None) or said
        raise UserError(f"{place} can't be written ({reason:.200}): {advice}.") from error


def put(place: Path, data: bytes) -> None:
    """Write a file whole or not at all; the folder that it lies in is made, one that is there is
    replaced.

    Raises:
        UserError: it can't be written.
    """
    with unfinished(place) as part:
        part.write_bytes(data)


@contextmanager
def unfinished(place: Path) -> Iterator[Path]:
    """A file beside a place, which takes that place once what is done here has ended well.

    Raises:
        UserError: it can't be written.
    """
    part = place.with_name(f".{place.name[:200]}.{os.getpid()}.unfinished")
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(place)
        finally:
            with suppress(OSError):
                part.unlink()
