"""Whether a server draws the same reply again for the same seed, and another one for another.

Both are told from draws, which can tell that replies differ, and never for certain that they don't.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from selfcorrect.messages import message
from selfcorrect.models.endpoint.answers import Completion
from selfcorrect.models.endpoint.capabilities import SAME, Capabilities
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.together import together
from selfcorrect.models.endpoint.wire import Ask

#: Replies to it differ, where they can.
DRAW = Ask(
    (message("user", "Write down ten random words."),), max_tokens=12, temperature=1.0, seed=1
)
#: So many draws with other seeds have to be the same until a server is said to draw one reply only,
#: which refuses samples; and so many at a time are drawn.
_MOST, _BATCH = 20, 4


@dataclass(frozen=True, slots=True)
class Repeats:
    """What draws told.

    Attributes:
        takes: the server takes a seed.
        same: the same seed drew the same reply.
        repeated: in so many draws.
        varies: another seed drew another.
        drawn: with so many seeds or requests.
    """

    takes: bool
    same: bool
    repeated: int
    varies: bool
    drawn: int


async def repeats(served: Served) -> Repeats:
    """Draw a few, and more where all are the same: of a cache, or of a server that takes no
    temperature, all of them are."""
    seeds = (1, 1, 2, 3)
    said = await _drawn(served, seeds)
    takes = any(said)
    if not takes:
        served = replace(served, able=replace(served.able, seed=False))
        said = await _drawn(served, seeds)
        takes = not any(said)
    first, again, *_ = said
    same = first == again != ""
    known = [text for text in said if text]
    while same and len(set(known)) == 1 and len(known) < _MOST:
        more = await _drawn(served, range(len(known) + 1, len(known) + 1 + _BATCH))
        known += [text for text in more if text]
        if not all(more):  # what doesn't come tells nothing
            break
    varies = not (same and len(set(known)) == 1)
    return Repeats(takes, takes and same and varies, 2, varies, len(known))


async def again(served: Served) -> Capabilities:
    """What the server can do, with as many draws of one seed as tell well whether that's the same
    reply, or as come in time."""
    able = served.able
    if not able.seeds:
        return able
    said = [text for text in await _drawn(served, [1] * SAME) if text]
    if len(said) <= able.repeated:
        return able
    return replace(able, seeds=len(set(said)) == 1, repeated=len(said))


async def _drawn(served: Served, seeds: Sequence[int]) -> list[str]:
    """The replies that these seeds draw; "" of each that doesn't come."""
    found = await together([served.tried(replace(DRAW, seed=seed)) for seed in seeds])
    return [_text(each) for each in found]


def _text(found: Completion | None) -> str:
    return "" if found is None else (found.said[0].thought or "") + found.said[0].text
