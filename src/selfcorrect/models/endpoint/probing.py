"""Finding out what a server can do: a few tiny requests, once, judged by what comes back.

That a server doesn't complain says little: many ignore what they don't know.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Image, Message, message
from selfcorrect.models.base import LostError
from selfcorrect.models.endpoint.answers import Completion
from selfcorrect.models.endpoint.capabilities import (
    BEGINNING,
    GIVEN,
    LIKELIEST,
    LIKELIHOODS,
    SEEDS,
    SEVERAL,
    SYSTEM,
    TOKENIZER,
    Capabilities,
)
from selfcorrect.models.endpoint.failures import RefusedError
from selfcorrect.models.endpoint.negotiating import LENGTHS, named, without
from selfcorrect.models.endpoint.repeating import DRAW, repeats
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.server import Server
from selfcorrect.models.endpoint.thinking import settled, unstoppable
from selfcorrect.models.endpoint.together import together
from selfcorrect.models.endpoint.wire import NEUTRAL, Ask, body
from selfcorrect.models.thought import Thinking

#: Tried in this order: llama.cpp and vLLM take them all, others only the standard's top_p.
_SETTINGS: tuple[tuple[str, ...], ...] = (tuple(NEUTRAL), ("top_p",), ())
_MOST_LIKELY = (20, 5)
_NOT_FOUND = 404
#: In which doubts are told, whichever probe ends first.
_ORDER = (SYSTEM, LIKELIEST, LIKELIHOODS, BEGINNING, GIVEN, SEVERAL, SEEDS, TOKENIZER)
#: How much longer than the first reply something optional may take.
_SLOWER = 20.0
_ANY = Ask((message("user", "Say yes."),))
_SHORT = replace(_ANY, max_tokens=16)  # a model that thinks first may refuse a limit of one token
# Cut in the middle of a word: no new turn begins with its second half. And too long to be said
# again in the two tokens that are allowed, so that a reply which begins with it echoes it.
_CUT = "Of course. Here is the word that you have been looking for: {}"
_WORDS = (("encyclop", "edia"), ("Missis", "sippi"), ("chocol", "ate"))

# A red square of 64 pixels: some models take no smaller image.
_SQUARE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAT0lEQVR42u3PQQkAAAgEsEty/aMYywi+hcEKLNO+"
    "FgEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQGBywLKp0DxvxLbjwAAAABJRU5E"
    "rkJggg=="
)


async def probe(server: Server, model: str, asked: Thinking = "auto") -> tuple[Served, str | None]:
    """The model with what the server can do, asked to think or not, and what it calls the model.

    The first request is one that has to be answered. All others only find out more, so nobody waits
    for them: what comes back in no usable form can't be done.

    Raises:
        UserError: it can't be asked at all.
    """
    served, first = await _basic(server, model)
    called = first.model
    served.able = await settled(served, first.said[0], asked)
    doubts: dict[str, str] = {}

    async def found(probe: Callable[[Served], Coroutine[Any, Any, Any]], *what: str) -> Any:
        mine = replace(served, doubts=[])
        answer = await probe(mine)
        doubts.update(dict.fromkeys(what, mine.doubts[0]) if mine.doubts else {})
        return answer

    every: list[Any] = await together(
        [
            found(_system, SYSTEM),
            found(_logprobs, LIKELIEST, LIKELIHOODS),
            found(_prefill, BEGINNING),
            found(_several, SEVERAL),
            found(repeats, SEEDS),
            found(_tokenizer, TOKENIZER),
        ]
    )
    system, (logprobs, top), (prefill, echoes), n, seeds, tokenizer = every
    if served.able.closed and not prefill:
        raise unstoppable(served)
    able = replace(
        served.able,
        system=system,
        logprobs=logprobs,
        top=top,
        prefill=prefill,
        echoes=echoes,
        n=n,
        seed=seeds.takes,
        seeds=seeds.same,
        repeated=seeds.repeated,
        varies=seeds.varies,
        drawn=seeds.drawn,
        tokenizer=tokenizer,
    )
    served.able = able
    prompt = await found(_prompt, GIVEN)
    if BEGINNING in doubts and able.chat:
        doubts.setdefault(GIVEN, doubts[BEGINNING])
    if LIKELIEST in doubts and logprobs and top:
        del doubts[LIKELIEST], doubts[LIKELIHOODS]
    doubt = next(iter(doubts.values()), "")
    told = tuple(each for each in _ORDER if each in doubts)
    served.able = replace(able, prompt=prompt, doubts=told, doubt=doubt)
    return served, called


async def _basic(server: Server, model: str) -> tuple[Served, Completion]:
    """The first form of a request that the server takes, and its answer.

    Raises:
        RefusedError, LostError: it takes none; what it says of the first one, or of the first one
            that it took.
    """
    whole = Capabilities(chat=True, settings=_SETTINGS[0])
    refusals: list[UserError] = []
    for chat in (True, False):
        able: Capabilities | None = replace(whole, chat=chat)
        while able is not None:
            served = Served(server, model, able)
            began = time.monotonic()
            try:
                found = await served.first(_SHORT)
            except RefusedError as refused:
                refusals.append(refused)
                sent, _ = body(model, able, _SHORT)
                able = _lesser(able, refused, sent)
            except LostError as lost:
                refusals.insert(0, lost)  # a form that it takes says more than one that it doesn't
                break
            else:
                # one that is slow is no worse for it
                took = time.monotonic() - began
                server.optional_seconds = max(server.optional_seconds, _SLOWER * took)
                served.able = replace(able, usage=found.told)
                # of a prompt that says next to nothing, all but a token is the server's own
                served.added = found.usage.prompt - 1 if found.told else None
                return served, found
    raise refusals[0]


def _lesser(
    able: Capabilities, refused: RefusedError, sent: Mapping[str, Any]
) -> Capabilities | None:
    """What to ask a server for that has refused a request: without what it names, else without what
    servers most often don't take. ``None`` where nothing is left to do without."""
    if refused.status == _NOT_FOUND:
        return None
    fields = named(refused.told, sent)
    if able.length in fields or "temperature" in fields:
        less = without(able, refused.told, sent)
        swapped = less is not None and less.length == LENGTHS[0] != able.length
        return None if swapped else less  # it takes neither name
    if able.settings:
        return replace(able, settings=_SETTINGS[_SETTINGS.index(able.settings) + 1])
    if able.length == LENGTHS[0] and able.chat:
        return replace(able, length="max_completion_tokens")
    return replace(able, temperature=False) if able.temperature and able.chat else None


def _as(served: Served, **able: Any) -> Served:
    """The same, taken to be able to do something."""
    return replace(served, able=replace(served.able, **able))


async def _system(served: Served) -> bool:
    with_system = Ask((message("system", "Be brief."), *_ANY.messages), max_tokens=16)
    return not served.able.chat or await served.tried(with_system) is not None


async def _logprobs(served: Served) -> tuple[bool, int]:
    """Whether likelihoods come back, and of how many of the likeliest tokens."""
    for most in (*_MOST_LIKELY, 0):
        wished = _as(served, logprobs=True, top=most)
        found = await wished.tried(replace(_SHORT, likely=True))
        tokens = found.said[0].thoughts + found.said[0].tokens if found else ()
        if any(token.logp is not None and -math.inf < token.logp < 0 for token in tokens):
            top = tokens[0].top
            return True, min(len(top), most) if len(top) > 1 else 0
    return False, 0


async def _prefill(served: Served) -> tuple[Any, bool]:
    """How a reply is begun, and whether it repeats its beginning."""
    if not served.able.chat:
        return "text", False
    for way in ("continue", "last"):
        wished = _as(served, prefill=way)
        for begun, rest in _WORDS:
            text = await _continued(wished, begun, rest)
            if text is None:
                break
            if text.startswith(cut := _CUT.format(begun)) and text != cut:
                return way, True  # whatever the end of the word: a weak model may not know it
            if text and (text.startswith(rest) or rest.startswith(text)):
                return way, False
        if way == "continue" and await _repeats(wished):
            return way, False
    return "", False


async def _continued(
    served: Served, begun: str, rest: str, more: Mapping[str, Any] | None = None
) -> str | None:
    """What comes after the first half of a word; ``None`` where the server refuses."""
    asked = message("user", f"Say the word {begun}{rest}.")
    found = await served.tried(Ask((asked,), prefill=_CUT.format(begun), max_tokens=2), more)
    return None if found is None else found.said[0].text


async def _repeats(served: Served) -> bool:
    """Whether a reply that is asked to repeat its beginning does, and goes on in the middle of the
    word, for a model too weak to know how the word ends: in small letters, and not with the word
    said again, as a new turn would."""
    going = 0
    for begun, rest in _WORDS:
        text = await _continued(served, begun, rest, {"echo": True})
        cut = _CUT.format(begun)
        if text is None or not text.startswith(cut):
            return False
        after = text[len(cut) :]
        going += after[:1].islower() and not after.casefold().startswith(begun.casefold())
    return 2 * going > len(_WORDS)


async def _several(served: Served) -> bool:
    found = await served.tried(replace(DRAW, n=2, max_tokens=2))
    return found is not None and len(found.said) == 2


async def _tokenizer(served: Served) -> bool:
    return await served.count("one two") is not None


async def sees(served: Served) -> bool:
    """Whether the server takes images: it doesn't refuse one, and the prompt is longer by it (where
    it says how long that is), so that it isn't left out in silence."""
    if not served.able.chat:
        return False
    square = Message("user", (Image("a red square", "", _SQUARE), *_ANY.messages[0].parts))
    seen = await served.tried(replace(_SHORT, messages=(square,)))
    if seen is None:
        return False
    without = await served.tried(_SHORT)
    if without is None or not (seen.told and without.told):
        return True
    return seen.usage.prompt > without.usage.prompt


async def tells_states(served: Served) -> bool:
    """Whether the server sends hidden states along with a reply."""
    found = await served.tried(replace(_SHORT, layers=(0,)))
    return found is not None and found.stream is not None


async def _prompt(served: Served) -> Any:
    """How the server reports likelihoods of what it is given."""
    able = served.able
    if (able.prefill != "continue") if able.chat else not able.logprobs:
        return ""
    way = "prompt_logprobs" if able.chat else "echo"
    found = await _as(served, prompt=way).tried(replace(_ANY, prefill="Yes, I can.", given=True))
    said = "".join(token.text for token in found.given[-8:]) if found else ""
    return way if said.endswith("I can.") else ""
