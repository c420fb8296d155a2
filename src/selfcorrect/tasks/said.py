"""What a reply says, without what is no part of it: marks of turns, and thoughts before it."""

from __future__ import annotations

import re

#: Marks with which a model ends or begins a turn, and which some servers leave in its text.
MARKS = re.compile(
    r"[<‹][|｜][^<>‹›|｜\s]{1,40}[|｜][>›]|</?s>|<0x[0-9a-f]{2}>|</?(?:assistant|user|system|model|bot)>"
    r"|<(?:eos|bos|pad|unk|eot|end_of_turn|start_of_turn|end_?of_?text|begin_?of_?text"
    r"|start_?of_?text|im_start|im_end)>"
    r"|\[(?:eos|bos|pad|unk|sep|cls|/?inst|end)\]",
    re.IGNORECASE,
)
#: Where thoughts begin and end, as models write it; some with a name of theirs before it.
THOUGHT = re.compile(
    r"(</?(?:[a-z]{1,12}:)?(?:think(?:ing)?|thought|reasoning)>|\[/?THINK\]|◁/?think▷)",
    re.IGNORECASE,
)
#: A line that begins the next question, or somebody else's turn.
_NEXT = re.compile(
    r"^[ \t*#]{0,8}(?:q|question|problem|exercise|human|user|passage)(?: ?\d{1,4})?\*{0,2} ?:",
    re.IGNORECASE | re.MULTILINE,
)


def said(text: str) -> str:
    """A reply without end tokens, and without what a model thinks before it answers.

    Thoughts stand between ``<think>`` and ``</think>``. Some templates write the first of the two
    into the prompt: all before a ``</think>`` is a thought, then. Thoughts that don't end before
    anything is said are the whole reply; a later ``<think>`` that isn't closed hides nothing.
    """
    first, *rest = THOUGHT.split(MARKS.sub(" ", text))
    told, thought, inside = [first], list[str](), False
    for number, (tag, after) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
        opens = "/" not in tag
        if opens:
            if not inside:
                thought, inside = [], True
            thought.append(after)
        elif inside or number:
            inside = False
            told.append(after)
        else:
            told = [after]
    if inside:
        told = [*told, *thought] if any(map(str.strip, told)) else []
    return " ".join(told)


def own_part(text: str) -> str:
    """What stands before a question, or a turn of somebody else's, that a model may have made up
    after its reply; all of it where there is none, or nothing before it."""
    found = next((each for each in _NEXT.finditer(text) if text[: each.start()].strip()), None)
    return text if found is None else text[: found.start()]
