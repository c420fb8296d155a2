"""What a model is shown: messages, their images, and the transcripts that they make up."""

from __future__ import annotations

from selfcorrect.messages.images import CONFINED, Allowed, Image, held, image, inline
from selfcorrect.messages.message import Message, joined, message, reads_text_only
from selfcorrect.messages.thoughts import MARKS, Parted, part
from selfcorrect.messages.transcript import (
    TOOL_RESULT,
    Transcript,
    fold,
    restart_all,
    say_all,
)

__all__ = [
    "CONFINED",
    "MARKS",
    "TOOL_RESULT",
    "Allowed",
    "Image",
    "Message",
    "Parted",
    "Transcript",
    "fold",
    "held",
    "image",
    "inline",
    "joined",
    "message",
    "part",
    "reads_text_only",
    "restart_all",
    "say_all",
]
