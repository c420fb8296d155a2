"""What a model's server has counted."""

from __future__ import annotations

from dataclasses import dataclass


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
