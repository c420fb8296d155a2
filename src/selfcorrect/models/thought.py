"""What a model thinks before it replies, and whether it is to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfcorrect.messages import part
from selfcorrect.models.generated import Generated

#: Whether a model thinks before it replies. ``auto``: one that can be told not to doesn't, and one
#: that thinks whatever it is told does.
Thinking = Literal["auto", "off", "on"]
#: Tokens that a thought may have.
MOST = 2048

UNASKED = "the model thought before it replied, which it was not asked to do"


@dataclass(frozen=True, slots=True)
class Thought(Generated):
    """What was thought before a reply, without the marks around it. ``length``: it was cut off.

    Attributes:
        kept: it is shown in later rounds, as the model's template has it.
    """

    kept: bool = False


def parted(text: str, finish: str) -> tuple[str, Thought | None]:
    """A reply and the thought with which it began, of a model that wasn't asked for one; its tokens
    are counted in the reply.

    Args:
        text: of the reply.
        finish: how it ended; ``length`` within the block cuts the thought.
    """
    found = part(text)
    if found is None:
        return text, None
    cut = not found.closed and finish == "length"
    return found.said, Thought(found.thought, "length" if cut else "stop")
