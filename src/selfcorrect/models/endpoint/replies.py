"""A reply within an answer: its text, whatever it stands in, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.models.endpoint.checked import BrokenError, fields, optional, text

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

_FILTERED = "the server's content filter ended the reply"
_REFUSED = "the server gave the reply as a refusal"
_THOUGHT = "the model thought before it replied: that text is not in the record"


def message_text(message: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A reply's text, whatever it stands in, and notes."""
    content = message.get("content")
    thought = any(message.get(name) for name in ("reasoning_content", "reasoning", "thinking"))
    if isinstance(content, list):
        parts = [fields(part, "a part of a reply") for part in content]
        kinds = [part.get("type") for part in parts]
        thought = thought or any(kind not in _TEXTS for kind in kinds)
        texts = [
            part.get("text") for part, kind in zip(parts, kinds, strict=True) if kind in _TEXTS
        ]
        said = "".join(text(each, "a part of a reply") for each in texts)
    else:
        said = optional(text, content, "a reply") or ""
    notes = [_THOUGHT] if thought else []
    refused = message.get("refusal")
    if not said and isinstance(refused, str) and refused:
        return text(refused, "a refusal"), [*notes, _REFUSED]
    return said, notes


def ended(reason: Any, said: str) -> tuple[str, list[str]]:
    """How a reply ended (``stop``, ``length``, "" for nobody knows), and notes.

    Raises:
        BrokenError: by a fault of the server, or its filter has taken it away.
    """
    why = (optional(text, reason, "finish_reason") or "").lower()
    if why in _FAULTS:
        raise BrokenError(f"a reply that ended by {why!r}")
    if why in _FILTERS:
        if not said:
            raise BrokenError("the server's content filter has taken the reply away")
        return "length", [_FILTERED]
    if why in _CUT:
        return "length", []
    return "stop" if why else "", []
