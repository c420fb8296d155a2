"""Images that were looked at, so that each is encoded once."""

from __future__ import annotations

from collections import OrderedDict
from weakref import WeakValueDictionary

from selfcorrect.models.local.vision.seen import Look

#: Bytes of features that are kept for dialogues to come. What open dialogues show is kept besides.
MOST_BYTES = 256 << 20


class Gallery:
    """Looks by digest: those in use, and as many of the latest as have room.

    Attributes:
        most: bytes of features that are kept beyond their use.
        held: bytes that are kept so now.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.held = 0
        self._used: WeakValueDictionary[str, Look] = WeakValueDictionary()
        self._kept: OrderedDict[str, Look] = OrderedDict()

    def get(self, digest: str) -> Look | None:
        """The look of an image, if it is still there."""
        found = self._used.get(digest)
        if found is not None:
            self._keep(found)
        return found

    def add(self, look: Look) -> None:
        """Enter a look."""
        self._used[look.digest] = look
        self._keep(look)

    def _keep(self, look: Look) -> None:
        if look.digest in self._kept:
            self._kept.move_to_end(look.digest)
            return
        size = _bytes(look)
        if size > self.most:
            return
        self._kept[look.digest] = look
        self.held += size
        while self.held > self.most:
            _, oldest = self._kept.popitem(last=False)
            self.held -= _bytes(oldest)


def _bytes(look: Look) -> int:
    """Memory of a look: its features, and about a kilobyte around them."""
    return 1024 + len(look.text) + (0 if look.features is None else look.features.nbytes)
