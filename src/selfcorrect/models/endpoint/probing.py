"""Finding out what a server can do: a few tiny requests, once, judged by what comes back.

That a server doesn't complain says little: many ignore what they don't know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from selfcorrect.messages import Image, Message, message
from selfcorrect.models.endpoint.answers import Completion, Said
from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.server import RefusedError, Server
from selfcorrect.models.endpoint.thinking import settled, unstoppable
from selfcorrect.models.endpoint.together import together
from selfcorrect.models.endpoint.wire import NEUTRAL, Ask
from selfcorrect.models.thought import Thinking

#: Tried in this order: llama.cpp and vLLM take them all, others only the standard's top_p.
_SETTINGS: tuple[tuple[str, ...], ...] = (tuple(NEUTRAL), ("top_p",), ())
_MOST_LIKELY = (20, 5)
_ANY = Ask((message("user", "Say yes."),))
_SHORT = replace(_ANY, max_tokens=16)  # a model that thinks first may refuse a limit of one token
# Cut in the middle of a word: no new turn begins with its second half. And too long to be said
# again in the two tokens that are allowed, so that a reply which begins with it echoes it.
_CUT = "Of course. Here is the word that you have been looking for: {}"
_WORDS = (("encyclop", "edia"), ("Missis", "sippi"), ("chocol", "ate"))
_DRAW = Ask(
    (message("user", "Write down ten random words."),), max_tokens=12, temperature=1.0, seed=1
)

# A red square of 64 pixels: some models take no smaller image.
_SQUARE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAIAAAAlC+aJAAAAT0lEQVR42u3PQQkAAAgEsEty/aMYywi+hcEKLNO+"
    "FgEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQGBywLKp0DxvxLbjwAAAABJRU5E"
    "rkJggg=="
)


async def probe(
    server: Server, model: str, asked: Thinking = "auto"
) -> tuple[Capabilities, str | None]:
    """What the server can do with this model, asked to think or not, and what it calls the model.

    Raises:
        UserError: it can't be asked at all.
    """
    served, first = await _basic(server, model)
    named = first.model
    served = replace(served, able=await settled(served, first.said[0], asked))
    found: list[Any] = await together(
        [
            _system(served),
            _logprobs(served),
            _prefill(served),
            _several(served),
            _seeds(served),
            _tokenizer(served),
        ]
    )
    system, (logprobs, top), (prefill, echoes), n, seeds, tokenizer = found
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
        seeds=seeds,
        tokenizer=tokenizer,
    )
    return replace(able, prompt=await _prompt(replace(served, able=able))), named


async def _basic(server: Server, model: str) -> tuple[Served, Completion]:
    """The first form of a request that the server takes, and its answer."""
    forms = [Capabilities(chat=True, settings=settings) for settings in _SETTINGS]
    newer = replace(forms[-1], length="max_completion_tokens")
    forms += [newer, replace(newer, temperature=False)]
    forms += [Capabilities(chat=False, settings=settings) for settings in _SETTINGS]
    refusals: list[RefusedError] = []
    for able in forms:
        served = Served(server, model, able)
        try:
            return served, await served.first(_SHORT)
        except RefusedError as refusal:
            refusals.append(refusal)
    raise refusals[0]


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
    found = await served.tried(replace(_DRAW, n=2, max_tokens=2))
    return found is not None and len(found.said) == 2


async def _seeds(served: Served) -> bool:
    """Whether a seed's reply comes again; not where every seed has the same one, either."""
    asks = [replace(_DRAW, seed=seed) for seed in (1, 1, 2, 3)]
    answers = await together([served.tried(ask) for ask in asks])
    said = [found.said[0] if found else Said("", "stop") for found in answers]
    first, again, *others = ((each.thought or "") + each.text for each in said)
    return first == again != "" and any(other != first for other in others)


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
