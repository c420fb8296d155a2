"""What the tests of planted share."""

from __future__ import annotations

from scipy import stats

from selfcorrect.messages import Message, message
from selfcorrect.models.base import Reply

PREFILL = "The best answer is ("


def question(n: int, options: int = 3) -> tuple[str, int]:
    """A question as the task asks it, and the index of its right option."""
    a, b = 100 + n, 3 * n + 7
    truth = n % options
    numbers = [a + b + 10 * (k - truth) for k in range(options)]
    lines = [f"({label}) {number}" for label, number in zip("abcdefgh", numbers, strict=False)]
    return "\n".join([f"What is {a} + {b}?", *lines]), truth


def ask(n: int, options: int = 3) -> Message:
    return message("user", f"{question(n, options)[0]}\n\nThink first (please).")


def letter(reply: Reply | None) -> int:
    assert reply is not None
    return "abcdefgh".index(reply.text[0])


def close(k: float, n: int, p: float) -> bool:
    """Whether k of n is what probability p gives (two-sided, at 1e-4)."""
    return bool(stats.binomtest(round(k), n, p).pvalue > 1e-4)
