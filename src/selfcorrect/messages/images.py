"""Images of messages: where they lie, and how they are sent."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from selfcorrect.errors import UserError
from selfcorrect.messages.pictures import NoPictureError, kind_of, size_of

_DATA = re.compile(r"data:(image/[\w.+-]+);base64,", re.IGNORECASE)
#: How the bytes of a PNG, JPEG, GIF or WebP begin in base64.
_BASE64 = re.compile(r"(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR)[A-Za-z0-9+/\s]{32,}={0,2}\s*")
_SCHEME = re.compile(r"file:|[a-z][a-z0-9+.-]*://", re.IGNORECASE)
#: No image may have more bytes.
MOST_BYTES = 20 * 2**20
_TOO_LARGE = f"is larger than {MOST_BYTES // 2**20} MiB: make the image smaller"
#: Never wait for a pipe, and never follow a link that was put there after the path was checked.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What images data may name, besides files in their own folder.

    Attributes:
        folder: in place of the data's, the one from which paths count, and within which they lie.
        remote: addresses, too, which the server is to fetch from wherever the data say.
    """

    folder: Path | None = None
    remote: bool = False


#: Files in the data's own folder.
CONFINED = Allowed()


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a message.

    Attributes:
        name: what records and pages call it: path or address as the data give it; of a ``data:``
            URL its kind and digest.
        digest: of its bytes, or of its address where it lies elsewhere.
        place: its path or address; no part of what the image is, so that data can be moved.
    """

    name: str
    digest: str
    place: str = field(repr=False, compare=False)

    @property
    def is_elsewhere(self) -> bool:
        """Whether it lies at an address, from which only a server fetches it."""
        return _elsewhere(self.place)

    @property
    def is_held(self) -> bool:
        """Whether its bytes are held in memory: no file is opened for it."""
        return _DATA.match(self.place) is not None

    def url(self) -> str:
        """As it is sent: an address, or its bytes in one.

        Raises:
            UserError: the file can't be read any more, or is another one by now.
        """
        if _elsewhere(self.place) or _DATA.match(self.place):
            return self.place
        data, kind = self._stored()
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"

    def data(self) -> bytes:
        """Its bytes, for who looks at it here.

        Raises:
            UserError: it lies elsewhere; or the file can't be read any more, or is another one by
                now.
        """
        if _elsewhere(self.place):
            raise UserError(
                f"{self.name!r:.200} is an address, which only a server fetches: put the image "
                "into the data's folder, and give its path from there."
            )
        if found := _DATA.match(self.place):
            return base64.b64decode(self.place[found.end() :], validate=True)
        return self._stored()[0]

    @property
    def size(self) -> tuple[int, int] | None:
        """Its width and height in pixels, as it is shown; ``None`` of one that lies elsewhere.

        Raises:
            UserError: as :meth:`data`.
        """
        return None if _elsewhere(self.place) else size_of(self.data())

    def _stored(self) -> tuple[bytes, str]:
        data, kind = _read(Path(self.place))
        if _digest(data) != self.digest:
            raise UserError(
                f"{self.place} has changed since the run began: put the image back as it was."
            )
        return data, kind


def image(place: str, folder: Path, allowed: Allowed = CONFINED) -> Image:
    """The image at a place.

    Data are strangers' text, and an image is sent to a server. So a path never leads out of the
    data's folder, and is taken as it is written: nothing in it is expanded or decoded.

    Args:
        place: a path, an ``http(s)`` address, or a ``data:`` URL of base64.
        folder: from which a path counts, and within which its file must lie, links followed.
        allowed: where another folder is meant, and whether an address may be named.

    Raises:
        UserError: there is no such file in the folder; it is no regular file, has more than
            ``MOST_BYTES``, or is no PNG, JPEG, GIF or WebP; or it is an address, and none is
            allowed.
    """
    if _elsewhere(place):
        if not allowed.remote:
            raise UserError(
                f"{place!r} is an address, which the server would fetch for whoever wrote the "
                "data: allow that with --remote-images (task.options.remote_images)"
            )
        return Image(place, _digest(place.encode()), place)
    if place[:5].casefold() == "data:":
        found = _DATA.match(place)
        try:
            data = base64.b64decode(place[found.end() :], validate=True) if found else b""
        except ValueError:
            data = b""
        if not found or not data:
            raise UserError("a data: URL must be data:image/…;base64, and then base64")
        _kind(data, "a data: URL")
        digest = _digest(data)
        return Image(f"{found[1].lower()}:{digest}", digest, place)
    if _BASE64.fullmatch(place):
        raise UserError(
            f"{place[:24]!r}… is no path: a picture in base64 must be a data: URL, "
            "data:image/png;base64,… (image/jpeg, image/gif, image/webp)"
        )
    path = _within(place, folder, allowed)
    data, _ = _read(path)
    return Image(place, _digest(data), str(path))


def held(data: bytes, what: str = "the image") -> Image:
    """The image that these bytes are, held in memory.

    Args:
        data: of a file.
        what: is wrong with it, to begin an error's sentence with.

    Raises:
        UserError: they are no PNG, JPEG, GIF or WebP, or more than ``MOST_BYTES``.
    """
    kind, digest = _kind(data, what), _digest(data)
    url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return Image(f"{kind}:{digest}", digest, url)


def _kind(data: bytes, what: str) -> str:
    if len(data) > MOST_BYTES:
        raise UserError(f"{what} {_TOO_LARGE}")
    try:
        return kind_of(data)
    except NoPictureError as error:
        raise UserError(f"{what} {error}") from None


def _within(place: str, folder: Path, allowed: Allowed) -> Path:
    """Where the file lies, all links followed.

    Raises:
        UserError: outside of the folder, or the path isn't one.
    """
    if _SCHEME.match(place):
        raise UserError(
            f"{place!r} is an address of another kind: give a path from the data's folder, an "
            "http address, or a data: URL"
        )
    if re.match(r"~[^/]*/", place):
        raise UserError(f"{place!r} begins with ~, which isn't expanded: {_PUT_IT_THERE}")
    try:
        home = (allowed.folder or folder).resolve()
        path = (home / place).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(place, error) from error
    if not path.is_relative_to(home):
        which = "data's folder" if allowed.folder is None else "folder of images"
        raise UserError(f"{place!r} lies outside of the {which} {home}: {_PUT_IT_THERE}")
    return path


_PUT_IT_THERE = (
    "put the image into that folder and give its path from there, or name another folder with "
    "--images-from"
)


def inline(name: str) -> bool:
    """Whether an image of this name came as a ``data:`` URL."""
    return re.fullmatch(r"image/[\w.+-]+:[0-9a-f]{16}", name) is not None


def _elsewhere(place: str) -> bool:
    return place[:8].casefold().startswith(("http://", "https://"))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _read(path: Path) -> tuple[bytes, str]:
    try:
        _refuse_special(os.lstat(path).st_mode)  # opening some devices does something
        with os.fdopen(os.open(path, _FLAGS), "rb") as file:
            _refuse_special(os.fstat(file.fileno()).st_mode)
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(str(path), error) from error
    if len(data) > MOST_BYTES:
        raise UserError(f"{path} {_TOO_LARGE}")
    try:
        return data, kind_of(data)
    except NoPictureError as error:
        raise UserError(f"{path} {error}") from None


def _refuse_special(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(None, "is a directory" if stat.S_ISDIR(mode) else "it is no regular file")


def _unreadable(name: str, error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or str(error)
    return UserError(f"the image {name} can't be read: {reason.lower()}")
