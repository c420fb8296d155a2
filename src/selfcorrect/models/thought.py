"""What a model thinks before it replies, and whether it is to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfcorrect.messages import part

#: Whether a model thinks before it replies. ``auto``: one that can be told not to doesn't, and one
#: that thinks whatever it is told does.
Thinking = Literal["auto", "off", "on"]
#: Tokens that a thought may have.
MOST = 2048

UNASKED = "the model thought before it replied, which it was not asked to do"


@dataclass(frozen=True, slots=True)
class Thought:
    """What was thought before a reply; its numbers are as those of a reply.

    Attributes:
        text: without the marks around it.
        finish: ``length``: it was cut off.
        kept: it is shown in later rounds, as the model's template has it.
    """

    text: str
    finish: Literal["stop", "length"] = "stop"
    kept: bool = False
    token_ids: tuple[int, ...] = ()
    token_logps: tuple[float, ...] = ()
    prompt_tokens: int = 0
    encoded: int = 0
    reused: int = 0
    generated: int = 0
    drafted: int = 0
    gap: float | None = None


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
