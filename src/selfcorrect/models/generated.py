"""What a model generated, and what that cost: a reply, or the thought before one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: How generating ends: at an end token, at the most tokens, or not at all (see ``Reply``).
Finish = Literal["stop", "length", "context", "overflow", "lost"]


@dataclass(frozen=True, slots=True)
class Generated:
    """A text that a model generated.

    Attributes:
        text: of it, without what it was begun with, marks around it and end tokens.
        finish: how it ended.
        token_ids, token_logps: the generated tokens (end token included) and log p of each at
            temperature 1.
        prompt_tokens: length of the whole prompt in tokens.
        encoded: tokens that went through the model for this text (prompt and generated).
        reused: tokens of the prompt taken from the cache.
        generated: tokens generated.
        drafted: tokens proposed ahead and checked in the same pass (kept or thrown away).
        gap: smallest difference in logits between the best and the second best token over the
            greedy decisions; ``None`` when sampling.
    """

    text: str
    finish: Finish
    token_ids: tuple[int, ...] = ()
    token_logps: tuple[float, ...] = ()
    prompt_tokens: int = 0
    encoded: int = 0
    reused: int = 0
    generated: int = 0
    drafted: int = 0
    gap: float | None = None
