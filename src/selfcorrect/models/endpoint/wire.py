"""What is sent and what comes back, as JSON.

Texts of transcripts stand only in the values of messages (or in the plain rendering, for servers
that complete text): none is a template, and none is looked at for markers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from selfcorrect.messages import Image, Message, joined, message
from selfcorrect.models.endpoint import states
from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.checked import BrokenError, count, likeliest, logp

if TYPE_CHECKING:
    import numpy as np

#: Settings at which nothing but the temperature shapes what is drawn. Servers have defaults of
#: their own (llama.cpp a top-k of 40; vLLM what the model's folder says, penalties included).
NEUTRAL: Mapping[str, float] = {
    "top_p": 1.0,
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "repeat_penalty": 1.0,
}
#: Of a token, about, where nobody counts them.
CHARACTERS = 4
#: Tokens of an image: about, where nobody counts them; and the most that common models make of one.
_IMAGE, _LARGEST_IMAGE = 1024, 16_384
#: Tokens that a server may count beyond what a request can have: of its own system prompt, or of
#: a reply that it didn't end where it was asked to.
_OWN = 1 << 17
CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}

_TITLES = {"system": "Instruction", "user": "User", "assistant": "Assistant", "tool": "Tool"}
_STOPS = [f"\n{title}:" for title in _TITLES.values()]
_SEED = 2**31 - 1  # what every server takes; llama.cpp's largest one means "any"
_NO_SYSTEM = "the server takes no system message here: folded into the user's turn"
_NO_TOOL = "a tool's message needs a call here: folded into the user's turn"
_NO_PREFILL = "the server can't be given the beginning of a reply: it was asked for in words"
_NO_CONTINUE = "the server can't continue its own turn: it was asked to in words"
_NO_TEMPERATURE = "the server takes no temperature: it drew the reply at its own"
_NO_SETTINGS = "the server takes no sampling settings: the reply is drawn with its own"
_NO_SEED = "the server keeps no seeds: the reply can't be drawn again"
_FILTERED = "the server's content filter ended the reply"
_THOUGHT = "the model thought before it replied: that text is not in the record"
GUESSED = "the server reports no usage: numbers of tokens are estimates"
_OVERWRITTEN = "the server did not keep the beginning of the reply"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for.

    Attributes:
        messages: the transcript before the assistant's open turn.
        spoken: what the assistant has said in it, with a blank line after it; or "".
        prefill: what its next words begin with.
        max_tokens, temperature, seed: of the reply.
        n: how many replies are drawn.
        likely: whether the likeliest tokens are wanted.
        layers: whose hidden states are to be sent.
    """

    messages: tuple[Message, ...]
    spoken: str = ""
    prefill: str = ""
    max_tokens: int = 1
    temperature: float = 0.0
    seed: int = 0
    n: int = 1
    likely: bool = False
    layers: tuple[int, ...] = ()

    @property
    def turn(self) -> str:
        """What stands in the open turn."""
        return self.spoken + self.prefill


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its text, log p, id if the server gives one, and the likeliest ones in its place."""

    text: str
    logp: float
    id: int | None = None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """One reply.

    Attributes:
        text: without the beginning that was given or asked for.
        finish: ``stop`` or ``length``.
        tokens: those of the text, as far as the server reports them.
        notes: a sentence each.
        stream: hidden states, [layers, tokens of prompt and reply, hidden], float32.
    """

    text: str
    finish: str
    tokens: tuple[Token, ...] = ()
    notes: tuple[str, ...] = ()
    stream: np.ndarray | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request: of its prompt, of those the cached ones, and generated ones."""

    prompt: int
    cached: int
    completion: int

    @property
    def encoded(self) -> int:
        return self.prompt - self.cached + self.completion


def render(messages: Sequence[Message], turn: str | None) -> str:
    """The stated plain rendering: ``Title: text`` for each message, a blank line between; an image
    is its name in brackets."""
    shown = [f"{_TITLES.get(m.role, m.role)}:{_spaced(_plain(m))}" for m in messages]
    if turn is not None:
        shown.append(f"Assistant:{_spaced(turn) if turn else ''}")
    return "\n\n".join(shown)


def route(able: Capabilities) -> str:
    return "/chat/completions" if able.chat else "/completions"


def body(model: str, able: Capabilities, ask: Ask) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The request, and what had to be done differently, a sentence each."""
    notes: list[str] = []
    sent: dict[str, Any] = {"model": model, able.length: ask.max_tokens}
    sent |= {name: NEUTRAL[name] for name in able.settings}
    if able.temperature:
        sent["temperature"] = ask.temperature
    else:
        notes.append(_NO_TEMPERATURE)
    if ask.temperature > 0:
        sent["seed"] = ask.seed % _SEED
        notes += [] if able.seeds else [_NO_SEED]
        notes += [] if able.settings else [_NO_SETTINGS]
    if ask.n > 1:
        sent["n"] = ask.n
    if ask.layers:
        sent |= states.wish(ask.layers)
    if not able.chat:
        if able.logprobs:
            sent["logprobs"] = able.top if ask.likely else 1
        sent |= {"prompt": render(ask.messages, ask.turn), "stop": _STOPS}
        return sent, tuple(notes)
    if able.logprobs:
        sent["logprobs"] = True
        if ask.likely and able.top:
            sent["top_logprobs"] = able.top
    messages, folded = fold(ask.messages, system=able.system)
    notes += folded
    if able.prefill and ask.turn:
        messages.append(message("assistant", ask.turn))
        sent |= CONTINUE if able.prefill == "continue" else {}
    else:
        messages, asked = _in_words(messages, ask)
        notes += asked
        if ask.prefill:
            sent[able.length] += len(ask.prefill) // 2 + 8  # the model has to say it first
    sent["messages"] = [{"role": m.role, "content": _content(m)} for m in messages]
    return sent, tuple(notes)


def most_tokens(sent: Mapping[str, Any], length: str) -> tuple[int, int]:
    """The most tokens that a request's prompt and replies can have: no token is shorter than a
    byte, and what a template adds is short."""
    texts, images = _sent(sent)
    prompt = sum(len(text.encode(errors="surrogatepass")) + 16 for text in texts) + 64
    prompt += images * _LARGEST_IMAGE
    return prompt, int(sent[length]) * int(sent.get("n", 1))


def fold(messages: Sequence[Message], *, system: bool) -> tuple[list[Message], tuple[str, ...]]:
    """Give what the server wouldn't take to the user, joined to the neighbouring user turn."""
    notes: list[str] = []
    folded: list[Message] = []
    pending: list[Message] = []
    for at, each in enumerate(messages):
        role, mine = each.role, [each]
        if role == "system" and (at or not system):
            notes.append(_NO_SYSTEM)
            pending.append(each)
            continue
        if role == "tool":
            notes.append(_NO_TOOL)
            role = "user"
        if role == "user":
            mine, pending = [*pending, *mine], []
        if folded and folded[-1].role == role:
            mine.insert(0, folded.pop())
        folded.append(joined(role, mine))
    if pending:
        before = [folded.pop()] if folded and folded[-1].role == "user" else []
        folded.append(joined("user", [*before, *pending]))
    return folded, tuple(dict.fromkeys(notes))


def replies(
    data: Mapping[str, Any], able: Capabilities, ask: Ask, sent: Mapping[str, Any]
) -> list[Said]:
    """The replies of an answer to what was sent.

    Raises:
        ValueError: it isn't one.
    """
    found = data.get("choices")
    if not isinstance(found, list) or not found:
        raise ValueError("an answer without choices")
    found = sorted(found, key=lambda choice: choice.get("index") or 0)
    said = [_reply(choice, able, ask) for choice in found]
    if ask.layers:
        used = told_usage(data, most_tokens(sent, able.length))
        most = used.prompt + used.completion if used else sum(most_tokens(sent, able.length))
        said[0] = replace(said[0], stream=states.stream(data, len(ask.layers), most))
    return said


def usage(
    data: Mapping[str, Any], sent: Mapping[str, Any], length: str, said: Sequence[Said]
) -> Usage:
    """What the request used; estimated where the server doesn't say (:func:`told_usage`).

    Raises:
        BrokenError: it says what can't be.
    """
    told = told_usage(data, most_tokens(sent, length))
    if told is not None:
        return told
    texts, images = _sent(sent)
    replied = sum(len(each.tokens) or estimate(each.text) for each in said)
    return Usage(sum(map(estimate, texts)) + images * _IMAGE, 0, replied)


def told_usage(data: Mapping[str, Any], most: tuple[int, int]) -> Usage | None:
    """What the server says that the request used; ``None`` where it doesn't.

    Args:
        data: the answer.
        most: as :func:`most_tokens`.

    Raises:
        BrokenError: it says what can't be.
    """
    told = data.get("usage")
    if not isinstance(told, dict):
        return None
    prompt, completion = told.get("prompt_tokens"), told.get("completion_tokens")
    if prompt is None or completion is None:
        return None
    details = told.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    prompt = count(prompt, "usage.prompt_tokens", most[0] + _OWN)
    return Usage(
        prompt,
        0 if cached is None else count(cached, "the number of cached prompt tokens", prompt),
        count(completion, "usage.completion_tokens", most[1] + _OWN),
    )


def estimate(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text) // CHARACTERS)


def tokens(told: Any) -> tuple[Token, ...]:
    """Tokens as either API reports them."""
    if not isinstance(told, dict):
        return ()
    if isinstance(told.get("content"), list):  # chat; llama.cpp's completions too
        return tuple(_token(each) for each in told["content"])
    texts, logps = told.get("tokens") or [], told.get("token_logprobs") or []
    tops = told.get("top_logprobs") or [None] * len(texts)
    if not len(texts) == len(logps) == len(tops):
        raise BrokenError(f"{len(texts)} tokens with {len(logps)} log-probabilities")
    if logps and logps[0] is None:  # the first token follows nothing
        logps = [0.0, *logps[1:]]
    return tuple(
        Token(text, logp(value), None, _likeliest((top or {}).items()))
        for text, value, top in zip(texts, logps, tops, strict=True)
    )


def given(data: Mapping[str, Any], way: str) -> list[Token]:
    """The tokens that the server was given, each with its likelihood; [] if it doesn't say."""
    choice = data["choices"][0]
    if way == "echo":
        told = tokens(choice.get("logprobs"))
        spoken = (data.get("usage") or {}).get("completion_tokens")
        of_reply = 0 if spoken is None else count(spoken, "usage.completion_tokens", len(told))
        return list(told[: len(told) - of_reply])
    found: list[Token] = []
    for place in data.get("prompt_logprobs") or choice.get("prompt_logprobs") or ():
        # Of each place the token that stands there comes first, then the likeliest.
        if not place:
            continue  # the first token follows nothing
        logps = [logp(each["logprob"]) for each in place.values()]
        ident, each = next(iter(place.items()))
        number = int(ident) if ident.isdecimal() else None
        text = each.get("decoded_token") or ""
        found.append(Token(text, logps[0], number))
    return found


def _token(told: Mapping[str, Any]) -> Token:
    top = _likeliest((t["token"], t["logprob"]) for t in told.get("top_logprobs") or ())
    number = told.get("id")
    if number is not None:
        count(number, "the number of a token")
    return Token(told["token"], logp(told["logprob"]), number, top)


def _likeliest(top: Iterable[tuple[str, Any]]) -> tuple[tuple[str, float], ...]:
    return likeliest(tuple((text, logp(value)) for text, value in top))


def _reply(choice: Mapping[str, Any], able: Capabilities, ask: Ask) -> Said:
    notes: list[str] = []
    reported = tokens(choice.get("logprobs"))
    if able.chat:
        said = choice.get("message") or {}
        text = said.get("content") or ""
        if said.get("reasoning_content") or said.get("reasoning"):
            notes.append(_THOUGHT)
    else:
        text = choice.get("text") or ""
    if not isinstance(text, str):
        raise ValueError("a reply that isn't text")
    if ask.turn and able.echoes:
        begun = next((t for t in (ask.turn, ask.turn.strip()) if text.startswith(t)), "")
        text = text[len(begun) :]
        notes += [] if begun else [_OVERWRITTEN]
    elif ask.prefill and not able.prefill:
        again = overlap(ask.prefill, text)
        text, reported = text[again:], _after(reported, again)
    elif not able.chat and not ask.turn:
        text = text.removeprefix(" ")  # "Assistant:" wants a space before the words
    ended = choice.get("finish_reason")
    notes += [_FILTERED] if ended == "content_filter" else []
    finish = "length" if ended == "length" else "stop"
    return Said(text, finish, reported, tuple(notes))


def _after(reported: tuple[Token, ...], length: int) -> tuple[Token, ...]:
    """The tokens that don't lie wholly within the first characters."""
    ends = itertools.accumulate(len(token.text) for token in reported)
    return tuple(token for token, end in zip(reported, ends, strict=True) if end > length)


def overlap(prefill: str, text: str) -> int:
    """How much of a reply repeats the end of what it was asked to begin with."""
    start = len(text) - len(text.lstrip())
    wanted = prefill.lstrip()
    for at in range(len(wanted)):
        part, after = wanted[at:], text[start + len(wanted) - at :][:1]
        # Not a part of a word, on either side: any word might begin so.
        inside = at > 0 and (
            (part[0].isalnum() and wanted[at - 1].isalnum())
            or (part[-1].isalnum() and after.isalnum())
        )
        if part.strip() and not inside and text.startswith(part, start):
            return start + len(part)
    return 0


def _in_words(messages: list[Message], ask: Ask) -> tuple[list[Message], list[str]]:
    """The transcript with a request for what the server can't be given."""
    notes: list[str] = []
    wishes: list[str] = []
    if ask.spoken:
        messages = [*messages, message("assistant", ask.spoken.rstrip())]
        wishes.append("Continue your last message.")
        notes.append(_NO_CONTINUE)
    if ask.prefill:
        wishes.append(f"Begin your reply with exactly: {ask.prefill}")
        notes.append(_NO_PREFILL)
    if wishes:
        last = [messages.pop()] if messages and messages[-1].role == "user" else []
        wished = message("user", "\n\n".join(wishes))
        messages = [*messages, joined("user", [*last, wished])]
    return messages, notes


def _content(message: Message) -> str | list[dict[str, Any]]:
    """A message's content: a text, or parts where it holds an image."""
    if not message.images:
        return message.text
    return [
        {"type": "image_url", "image_url": {"url": part.url()}}
        if isinstance(part, Image)
        else {"type": "text", "text": part}
        for part in message.parts
        if part
    ]


def _sent(sent: Mapping[str, Any]) -> tuple[list[str], int]:
    """The texts of a request, and how many images it holds."""
    contents = [m["content"] for m in sent.get("messages", ())] or [str(sent.get("prompt", ""))]
    parts = [part for each in contents if isinstance(each, list) for part in each]
    texts = [each for each in contents if isinstance(each, str)]
    texts += [part["text"] for part in parts if part["type"] == "text"]
    return texts, sum(part["type"] == "image_url" for part in parts)


def _plain(message: Message) -> str:
    shown = [f"[image: {p.name}]" if isinstance(p, Image) else p for p in message.parts]
    return "\n\n".join(filter(None, shown)) if message.images else message.text


def _spaced(text: str) -> str:
    """The text after a colon: a reply may bring its space along."""
    return text if text[:1].isspace() else f" {text}"
