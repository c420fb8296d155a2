"""What a model's server has counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_COUNTED = ("requests", "prompt", "cached", "generated")


@dataclass(frozen=True, slots=True)
class Used:
    """What a model's server has counted so far; nothing of one that computes here.

    Attributes:
        requests: those that it answered.
        prompt, cached, generated: tokens; ``cached`` are the prompts' that it had.
        money: by the stated prices; ``None`` where there are none.
    """

    requests: int = 0
    prompt: int = 0
    cached: int = 0
    generated: int = 0
    money: float | None = None

    @property
    def tokens(self) -> int:
        """Prompts and replies together, as a budget counts them."""
        return self.prompt + self.generated


def together(every: Sequence[Used]) -> Used:
    """What several have counted; its money isn't known where that of one isn't."""
    requests, prompt, cached, generated = (
        sum(getattr(each, name) for each in every) for name in _COUNTED
    )
    known = [each.money for each in every if each.money is not None]
    money = sum(known) if every and len(known) == len(every) else None
    return Used(requests, prompt, cached, generated, money)
