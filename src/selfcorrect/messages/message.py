"""One message of a transcript, and how several become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfcorrect.errors import UserError
from selfcorrect.messages.images import Image

#: Stands between two texts that become one message.
BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: texts, and images where a model takes them.

    Attributes:
        role: ``system``, ``user``, ``assistant`` or ``tool``.
        parts: in order.
        thought: what a model thought before it said this; no part of what it said.
    """

    role: str
    parts: tuple[str | Image, ...]
    thought: str = ""

    @property
    def text(self) -> str:
        """All of it, for models that read text only.

        Raises:
            UserError: it holds an image.
        """
        if self.images:
            raise reads_text_only(self.images[0])
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(part for part in self.parts if isinstance(part, Image))


def message(role: str, text: str, thought: str = "") -> Message:
    """A message of one text."""
    return Message(role, (text,), thought)


def reads_text_only(image: Image) -> UserError:
    """The error of a model that takes no images and is to be shown one."""
    return UserError(
        f"this model reads text only, and it is to be shown the image {image.name}; use a local "
        "model that sees, one behind a server that takes images (openai:NAME), or, for the task "
        "shapes, planted:eye."
    )


def joined(role: str, messages: Sequence[Message]) -> Message:
    """Several messages as one: their parts, with a blank line between two messages. What was
    thought before the first of them was thought before all."""
    parts: list[str | Image] = []
    for each in messages:
        if parts and each.parts:
            parts.append(BETWEEN)
        parts += each.parts
    merged: list[str | Image] = []
    for part in parts:
        if merged and isinstance(part, str) and isinstance(merged[-1], str):
            part = str(merged.pop()) + part
        merged.append(part)
    return Message(role, tuple(merged), messages[0].thought if messages else "")
