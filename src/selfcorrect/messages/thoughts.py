"""What models think before they reply: the marks around it, and replies parted from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

#: What begins and what ends a block of thoughts, by the models that write them so.
MARKS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
    ("Here is my thought process:", "Here is my response:"),
)
#: What some models write between the end of a block and the reply.
_FINAL = ("<|start|>assistant<|channel|>final<|message|>", "<|channel|>final<|message|>")


@dataclass(frozen=True, slots=True)
class Parted:
    """A reply parted from the thought before it.

    Attributes:
        thought: without its marks; "" where there is none.
        said: the rest.
        closed: whether the block ended; else all of the reply is thought.
    """

    thought: str
    said: str
    closed: bool = True


def part(text: str, marks: Iterable[tuple[str, str]] = MARKS) -> Parted | None:
    """A reply that begins with a thought, parted from it; ``None`` for one that doesn't.

    Of some templates the beginning of the block is in the prompt: what stands before the first
    end of a block is a thought, then, if no block begins there.
    """
    begun = text.lstrip()
    for opener, closer in marks:
        if begun.startswith(opener):
            thought, ended, said = begun.removeprefix(opener).partition(closer)
            return Parted(thought.strip(), _without_channel(said), bool(ended))
    for opener, closer in marks:
        if not closer.startswith(("</", "[/", "◁/")):
            continue  # it may be a word of the reply
        thought, ended, said = text.partition(closer)
        if ended and opener not in thought:
            return Parted(thought.strip(), said.lstrip())
    return None


def _without_channel(said: str) -> str:
    said = said.lstrip()
    return next((said.removeprefix(f).lstrip() for f in _FINAL if said.startswith(f)), said)
