"""Files that a user names to be written: looked at before there is any work to lose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from selfcorrect.errors import UserError


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
