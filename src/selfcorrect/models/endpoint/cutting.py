"""Servers that cut long prompts off in silence and answer what is left, as Ollama does.

Their count of the prompt's tokens gives them away: it grows by less than the text did, or is too
small for it. Some servers count otherwise (without what was cached), so a prompt of known length
decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from selfcorrect.messages import message
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.wire import Ask, render

CUT = (
    "the server cuts long prompts off and doesn't say so: its model wasn't shown all of this "
    "transcript"
)
#: A token of ordinary text has fewer characters than this.
_CHARACTERS = 8
#: A prompt of known length has at least so large a share of its words as tokens.
_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Shown:
    """What a dialogue's last reply was given.

    Attributes:
        characters: of the transcript.
        tokens: of the prompt, as the server counts them; 0 where it didn't.
    """

    characters: int = 0
    tokens: int = 0


def characters(ask: Ask) -> int:
    return len(render(ask.messages, ask.turn))


async def is_cut(served: Served, ask: Ask, tokens: int, before: Shown) -> bool:
    """Whether a server has left out a part of what it was to show its model.

    Args:
        ask: what was asked for.
        tokens: of its prompt, as the server counts them.
        before: what the dialogue's last reply was given.
    """
    added = characters(ask) - before.characters
    if tokens - before.tokens >= added / _CHARACTERS:
        return False
    words = 2 * tokens
    if not served.cuts and words > served.whole:
        long = Ask((message("user", "word " * words),), max_tokens=16)
        found = await served.tried(long)
        served.cuts = found is not None and found.told and found.usage.prompt < _SHARE * words
        served.whole = words
    return served.cuts
