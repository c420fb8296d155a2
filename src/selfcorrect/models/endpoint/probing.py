"""Finding out what a server can do: a few tiny requests, once, judged by what comes back.

That a server doesn't complain says little: many ignore what they don't know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Image, Message, message
from selfcorrect.models.endpoint import checked
from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.checked import BrokenError
from selfcorrect.models.endpoint.server import RefusedError, Server, TooLongError
from selfcorrect.models.endpoint.wire import (
    CONTINUE,
    NEUTRAL,
    Ask,
    body,
    given,
    most_tokens,
    render,
    replies,
    route,
    tokens,
    told_usage,
    usage,
)

#: Tried in this order: llama.cpp and vLLM take them all, others only the standard's top_p.
_SETTINGS: tuple[tuple[str, ...], ...] = (tuple(NEUTRAL), ("top_p",), ())
_MOST_LIKELY = (20, 5)
_ANY = Ask((message("user", "Say yes."),))
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


async def probe(server: Server, model: str) -> tuple[Capabilities, dict[str, Any]]:
    """What the server can do with this model, and its first answer.

    Raises:
        UserError: it can't be asked at all.
    """
    able, answer = await _basic(server, model)
    system, (logprobs, top), (prefill, echoes), n, seeds, tokenizer = await asyncio.gather(
        _system(server, model, able),
        _logprobs(server, model, able),
        _prefill(server, model, able),
        _several(server, model, able),
        _seeds(server, model, able),
        _tokenizer(server, model),
    )
    able = replace(
        able,
        system=system,
        logprobs=logprobs,
        top=top,
        prefill=prefill,
        echoes=echoes,
        n=n,
        seeds=seeds,
        tokenizer=tokenizer,
    )
    return replace(able, prompt=await _prompt(server, model, able)), answer


async def _basic(server: Server, model: str) -> tuple[Capabilities, dict[str, Any]]:
    """The first form of a request that the server takes."""
    forms = [Capabilities(chat=True, settings=settings) for settings in _SETTINGS]
    newer = replace(forms[-1], length="max_completion_tokens")
    forms += [newer, replace(newer, temperature=False)]
    forms += [Capabilities(chat=False, settings=settings) for settings in _SETTINGS]
    refusals: list[RefusedError] = []
    for able in forms:
        try:
            # A model that thinks first may refuse a limit of one token.
            return able, await _try(server, model, able, replace(_ANY, max_tokens=16))
        except RefusedError as refusal:
            refusals.append(refusal)
    raise refusals[0]


async def _try(server: Server, model: str, able: Capabilities, ask: Ask, **more: Any) -> Any:
    sent = {**body(model, able, ask)[0], **more}
    prompt, completion = most_tokens(sent, able.length)
    return await server.post(route(able), sent, prompt=prompt, completion=completion, probe=True)


async def _said(
    server: Server, model: str, able: Capabilities, ask: Ask, **more: Any
) -> Mapping[str, Any] | None:
    """The answer, or ``None`` where the server refuses."""
    try:
        data: Mapping[str, Any] = await _try(server, model, able, ask, **more)
        sent, _ = body(model, able, ask)
        usage(data, sent, able.length, replies(data, able, ask, sent))
    except (RefusedError, TooLongError, ValueError):
        return None
    return data


async def _system(server: Server, model: str, able: Capabilities) -> bool:
    with_system = Ask((message("system", "Be brief."), *_ANY.messages), max_tokens=16)
    return not able.chat or await _said(server, model, able, with_system) is not None


async def _logprobs(server: Server, model: str, able: Capabilities) -> tuple[bool, int]:
    """Whether likelihoods come back, and of how many of the likeliest tokens."""
    ask = replace(_ANY, max_tokens=16)
    for most in (*_MOST_LIKELY, 0):
        wish: dict[str, Any] = {"logprobs": most or 1}
        if able.chat:
            wish = {"logprobs": True} | ({"top_logprobs": most} if most else {})
        data = await _said(server, model, able, ask, **wish)
        found = tokens(data["choices"][0].get("logprobs")) if data else ()
        if found and any(token.logp < 0 for token in found):
            top = found[0].top
            return True, min(len(top), most) if len(top) > 1 else 0
    return False, 0


async def _prefill(server: Server, model: str, able: Capabilities) -> tuple[Any, bool]:
    """How a reply is begun, and whether it repeats its beginning."""
    if not able.chat:
        return "text", False
    for way, wish in (("continue", CONTINUE), ("last", {})):
        for begun, rest in _WORDS:
            text = await _continued(server, model, able, begun, rest, wish)
            if text is None:
                break
            if text.startswith(cut := _CUT.format(begun)) and text != cut:
                return way, True  # whatever the end of the word: a weak model may not know it
            if text and (text.startswith(rest) or rest.startswith(text)):
                return way, False
        if way == "continue" and await _repeats(server, model, able):
            return way, False
    return "", False


async def _continued(
    server: Server,
    model: str,
    able: Capabilities,
    begun: str,
    rest: str,
    wish: Mapping[str, Any],
) -> str | None:
    """What comes after the first half of a word; ``None`` where the server refuses."""
    asked = message("user", f"Say the word {begun}{rest}.")
    ask = Ask((asked, message("assistant", _CUT.format(begun))), max_tokens=2)
    data = await _said(server, model, able, ask, **wish)
    if data is None:
        return None
    return str(data["choices"][0]["message"].get("content") or "")


async def _repeats(server: Server, model: str, able: Capabilities) -> bool:
    """Whether a reply that is asked to repeat its beginning does, and goes on in the middle of the
    word, for a model too weak to know how the word ends: in small letters, and not with the word
    said again, as a new turn would."""
    going = 0
    for begun, rest in _WORDS:
        wish = {**CONTINUE, "echo": True}
        text = await _continued(server, model, able, begun, rest, wish)
        cut = _CUT.format(begun)
        if text is None or not text.startswith(cut):
            return False
        after = text[len(cut) :]
        going += after[:1].islower() and not after.casefold().startswith(begun.casefold())
    return 2 * going > len(_WORDS)


async def _several(server: Server, model: str, able: Capabilities) -> bool:
    data = await _said(server, model, able, replace(_DRAW, n=2, max_tokens=2))
    return data is not None and len(data["choices"]) == 2


async def _seeds(server: Server, model: str, able: Capabilities) -> bool:
    """Whether a seed's reply comes again; not where every seed has the same one, either."""

    def text(data: Mapping[str, Any] | None, ask: Ask) -> str:
        return replies(data, able, ask, body(model, able, ask)[0])[0].text if data else ""

    asks = [replace(_DRAW, seed=seed) for seed in (1, 1, 2, 3)]
    answers = await asyncio.gather(*(_said(server, model, able, ask) for ask in asks))
    first, again, *others = map(text, answers, asks)
    return first == again != "" and any(other != first for other in others)


async def _tokenizer(server: Server, model: str) -> bool:
    return await count(server, model, "one two") is not None


async def count(server: Server, model: str, text: str) -> int | None:
    """How many tokens the server counts (vLLM's and llama.cpp's ``/tokenize``); ``None`` where it
    doesn't."""
    wish = {"model": model, "prompt": text, "content": text}
    try:
        told = await server.post(f"{server.address.root}/tokenize", wish, probe=True)
    except (RefusedError, TooLongError):
        return None
    found = told.get("tokens")
    number = told.get("count", len(found) if isinstance(found, list) else None)
    try:
        return number if number is None else checked.count(number, "the number of tokens")
    except BrokenError:
        return None


async def token_ids(
    server: Server, model: str, able: Capabilities, messages: Sequence[Message], turn: str | None
) -> list[int]:
    """The tokens of a transcript (vLLM's ``/tokenize``).

    Args:
        turn: what stands in the assistant's open turn; ``None``: none is open.

    Raises:
        UserError: the server doesn't tell them.
    """
    wish: dict[str, Any] = {"model": model}
    if not able.chat:
        wish["prompt"] = render(messages, turn)
    else:
        sent, _ = body(model, able, Ask(tuple(messages), prefill=turn or ""))
        wish |= {name: sent[name] for name in ("messages", *CONTINUE) if name in sent}
        wish |= {"add_generation_prompt": False} if turn is None else {}
    try:
        told = (await server.post(f"{server.address.root}/tokenize", wish, probe=True))["tokens"]
    except (RefusedError, TooLongError, KeyError):
        told = None
    if not isinstance(told, list):
        raise UserError(
            f"the server at {server.address.place} doesn't tell the tokens of a transcript, so "
            "where a message ends isn't known; read hidden states at before_answer or first_answer."
        )
    return told


async def sees(server: Server, model: str, able: Capabilities) -> bool:
    """Whether the server takes images: it doesn't refuse one, and the prompt is longer by it (where
    it says how long that is), so that it isn't left out in silence."""
    if not able.chat:
        return False
    ask = replace(_ANY, max_tokens=16)
    square = Message("user", (Image("a red square", "", _SQUARE), *_ANY.messages[0].parts))
    seen = await _said(server, model, able, replace(ask, messages=(square,)))
    if seen is None:
        return False
    without = await _said(server, model, able, ask) or {}
    most = most_tokens(body(model, able, replace(ask, messages=(square,)))[0], able.length)
    longer, shorter = (told_usage(each, most) for each in (seen, without))
    return longer is None or shorter is None or longer.prompt > shorter.prompt


async def tells_states(server: Server, model: str, able: Capabilities) -> bool:
    """Whether the server sends hidden states along with a reply."""
    ask = replace(_ANY, max_tokens=16, layers=(0,))
    data = await _said(server, model, able, ask)
    if data is None:
        return False
    return replies(data, able, ask, body(model, able, ask)[0])[0].stream is not None


async def _prompt(server: Server, model: str, able: Capabilities) -> Any:
    """How the server reports likelihoods of what it is given."""
    if able.chat and able.prefill != "continue":
        return ""
    way = "prompt_logprobs" if able.chat else "echo"
    if not able.chat and not able.logprobs:
        return ""
    ask = replace(_ANY, prefill="Yes, I can.")
    wish: dict[str, Any] = {"prompt_logprobs": 1} if able.chat else {"echo": True, "logprobs": 1}
    data = await _said(server, model, able, ask, **wish)
    try:
        found = given(data, way) if data else []
    except (ValueError, KeyError, TypeError, AttributeError):  # what can't be is of no use
        return ""
    return way if "".join(token.text for token in found[-8:]).endswith("I can.") else ""
