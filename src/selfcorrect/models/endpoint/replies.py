"""A reply within an answer: its text, whatever it stands in, and how it ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.models.endpoint.checked import BrokenError, fields, optional, text, window

#: Why a reply ended, as servers word it beside OpenAI's "stop" and "length".
_CUT = {"length", "max_tokens", "model_length", "max_output_tokens", "max_length", "token_limit"}
_FILTERS = {
    "content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii",
    "sensitive", "language",
}  # fmt: skip
_FAULTS = {
    "error", "abort", "aborted", "cancelled", "canceled", "network_error", "failed", "timeout",
    "insufficient_system_resource", "malformed_function_call",
}  # fmt: skip
#: Parts of a reply's content that hold its text; others are thoughts, or calls of tools.
_TEXTS = ("text", "output_text")

#: Ends of turns that servers leave in a reply whose model they know too little of: at its end, or
#: before a turn that the model made up.
_ENDS = (
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|return|>", "<|endoftext|>",
    "<|end_of_text|>", "<|end_of_turn|>", "<end_of_turn>", "<｜end▁of▁sentence｜>", "</s>",
)  # fmt: skip
_MADE_UP = re.compile(
    rf"(?:{'|'.join(map(re.escape, _ENDS))})\s{{0,9}}"
    r"(?:<\|(?:im_start|start_header_id|start|user|assistant)\|>|<start_of_turn>|<s>|<｜User｜>)"
)
_TAKEN_OFF = "the server left the end of the turn in the reply: it is taken off"

#: Characters of a token, more than those of any vocabulary; and so many more for a reply that a
#: server didn't end where it was asked to.
_OF_A_TOKEN, _BEYOND = 1024, 1 << 17

_FILTERED = "the server's content filter ended the reply"
_REFUSED = "the server gave the reply as a refusal"


def message_text(message: Mapping[str, Any]) -> tuple[str, str | None, list[str]]:
    """A reply's text, whatever it stands in, the thought that is sent beside it (``None`` where
    there is none), and notes."""
    content = message.get("content")
    thought = _first(message, ("reasoning_content", "reasoning", "thinking"))
    if isinstance(content, list):
        parts = [fields(part, "a part of a reply") for part in content]
        texts = [part.get("text") for part in parts if part.get("type") in _TEXTS]
        said = "".join(text(each, "a part of a reply") for each in texts)
        rest = [part for part in parts if part.get("type") not in _TEXTS]
        within = [_first(part, ("thinking", "reasoning", "text")) for part in rest]
        thought = thought or "\n\n".join(each for each in within if each) or None
    else:
        said = optional(text, content, "a reply") or ""
    refused = message.get("refusal")
    if not said and isinstance(refused, str) and refused:
        return text(refused, "a refusal"), thought, [_REFUSED]
    return said, thought, []


def check_lengths(lengths: Sequence[int], tokens: int) -> None:
    """Check that replies aren't longer than what was asked for can be.

    What is longer would be sent back in every later round.

    Args:
        lengths: characters of each, with its thought.
        tokens: the most that they can have together.

    Raises:
        BrokenError: one is.
    """
    longest = _BEYOND + tokens * _OF_A_TOKEN
    if (size := max(lengths, default=0)) > longest:
        raise BrokenError(
            f"a reply of {size:,} characters, and {tokens:,} tokens can't have more than "
            f"{longest:,}"
        )


def without_end(said: str) -> tuple[str, list[str]]:
    """A reply without the end of its turn, which isn't part of it and would end the turn in the
    next round's prompt as well; and notes."""
    turn = _MADE_UP.search(said)
    kept = said[: turn.start()] if turn else said
    while (shorter := kept.rstrip()).endswith(_ENDS):
        kept = shorter[: shorter.rindex("<")].rstrip()
    return kept, [_TAKEN_OFF] if kept != said else []


def _first(told: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first text under one of these names, which may stand in parts of its own; servers often
    send the same thought under two."""
    for name in names:
        value = told.get(name)
        parts = value if isinstance(value, list) else [value]
        texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
        found = "".join(text(each, "a thought") for each in texts if isinstance(each, str)).strip()
        if found:
            return found
    return None


def ended(reason: Any, said: str) -> tuple[str, list[str]]:
    """How a reply ended (``stop``, ``length``, "" for nobody knows), and notes.

    Raises:
        BrokenError: by a fault of the server, or its filter has taken it away.
    """
    why = (optional(text, reason, "finish_reason") or "").lower()
    if why in _FAULTS:
        raise BrokenError(f"a reply that ended by {why!r}")
    if why.partition(":")[0].strip() in _FILTERS:
        if not said:
            raise BrokenError("the server's content filter has taken the reply away")
        return "length", [_FILTERED]
    if why in _CUT:
        return "length", []
    return "stop" if why else "", []


def reasoned(told: Any) -> int:
    """Tokens of thought that the server counts; a model may think and not show what."""
    details = told.get("completion_tokens_details") if isinstance(told, dict) else None
    number = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return window(number) or 0


def thought_unseen(told: Any) -> bool:
    """Whether a server counts tokens that are neither of the prompt nor of the reply: Gemini's, of
    thoughts that it doesn't show."""
    names = ("total_tokens", "prompt_tokens", "completion_tokens")
    numbers = [window(told.get(name)) or 0 for name in names] if isinstance(told, dict) else [0]
    return numbers[0] > sum(numbers[1:]) > 0
