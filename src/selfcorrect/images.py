"""Images of messages: where they lie, and how they are sent."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from selfcorrect.errors import UserError

#: The first bytes of the kinds that servers take.
_KINDS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
_DATA = re.compile(r"data:(image/[\w.+-]+);base64,", re.IGNORECASE)


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

    def url(self) -> str:
        """As it is sent: an address, or its bytes in one.

        Raises:
            UserError: the file can't be read any more, or is another one by now.
        """
        if _elsewhere(self.place) or _DATA.match(self.place):
            return self.place
        data, kind = _read(Path(self.place))
        if _digest(data) != self.digest:
            raise UserError(
                f"{self.place} has changed since the run began: put the image back as it was."
            )
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def image(place: str, folder: Path) -> Image:
    """The image at a place.

    Args:
        place: a path, an ``http(s)`` address, or a ``data:`` URL of base64.
        folder: from which a path counts.

    Raises:
        UserError: there is none; it is no PNG, JPEG, GIF or WebP.
    """
    if _elsewhere(place):
        return Image(place, _digest(place.encode()), place)
    if place[:5].casefold() == "data:":
        found = _DATA.match(place)
        try:
            data = base64.b64decode(place[found.end() :], validate=True) if found else b""
        except ValueError:
            data = b""
        if not found or not data:
            raise UserError("a data: URL must be data:image/…;base64, and then base64")
        digest = _digest(data)
        return Image(f"{found[1].lower()}:{digest}", digest, place)
    path = folder / Path(place).expanduser()
    data, _ = _read(path)
    return Image(place, _digest(data), str(path.absolute()))


def inline(name: str) -> bool:
    """Whether an image of this name came as a ``data:`` URL."""
    return re.fullmatch(r"image/[\w.+-]+:[0-9a-f]{16}", name) is not None


def _elsewhere(place: str) -> bool:
    return place[:8].casefold().startswith(("http://", "https://"))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _read(path: Path) -> tuple[bytes, str]:
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"the image {path} can't be read: {reason.lower()}") from error
    kind = next((kind for start, kind in _KINDS.items() if data.startswith(start)), None)
    if kind is None or (kind == "image/webp" and data[8:12] != b"WEBP"):
        raise UserError(f"{path} is no PNG, JPEG, GIF or WebP image")
    return data, kind
