"""What a page holds of the pictures of its dialogues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: So many bytes of pictures a page holds at most: with dialogues and charts it stays under 12 MB.
BYTES = 2_700_000


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures made small.

    Attributes:
        addresses: each as a ``data:`` URL, made here from pixels: never the bytes of a file.
        of: example → name of a picture in its steps → its number in ``addresses``.
        about: what is left out and why, in a sentence.
    """

    addresses: Sequence[str] = ()
    of: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    about: str = ""

    @property
    def table(self) -> dict[str, Any]:
        """As the page's script reads it."""
        return {"pictures": list(self.addresses), "of": {k: dict(v) for k, v in self.of.items()}}

    def __bool__(self) -> bool:
        return bool(self.addresses)
