"""What is sent, as JSON.

Texts of transcripts stand only in the values of messages (or in the plain rendering, for servers
that complete text): none is a template, and none is looked at for markers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfcorrect.messages import Image, Message, fold, joined, message
from selfcorrect.models.endpoint import states
from selfcorrect.models.endpoint.capabilities import Capabilities

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
IMAGE, _LARGEST_IMAGE = 1024, 16_384
#: The most tokens that a template adds to a message, and to the whole, where it isn't known.
_TITLE, _TEMPLATE = 16, 64
CONTINUE = {"continue_final_message": True, "add_generation_prompt": False}

_TITLES = {"system": "Instruction", "user": "User", "assistant": "Assistant", "tool": "Tool"}
_STOPS = [f"\n{title}:" for title in _TITLES.values()]
_SEED = 2**31 - 1  # what every server takes; llama.cpp's largest one means "any"
_FOLDED = {
    "system": "the server takes no system message here: folded into the user's turn",
    "tool": "a tool's message needs a call here: shown in the user's turn as what a tool has "
    "returned",
}
_NO_ROLE = "the server takes no role {}: folded into the user's turn"
_NO_PREFILL = "the server can't be given the beginning of a reply: it was asked for in words"
_NO_CONTINUE = "the server can't continue its own turn: it was asked to in words"
_NO_TEMPERATURE = "the server takes no temperature: it drew the reply at its own"
_NOT_GREEDY = "the server takes no temperature 0: it was asked at {:g}"
_NO_SETTINGS = "the server takes no sampling settings: the reply is drawn with its own"
_NO_SEED = "the server keeps no seeds: the reply can't be drawn again"
GUESSED = "the server reports no usage: numbers of tokens are estimates"


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
        given: whether the likelihoods of what is given are wanted.
        layers: whose hidden states are to be sent.
        thinking: tokens that a thought before the reply may have; 0: there is none.
    """

    messages: tuple[Message, ...]
    spoken: str = ""
    prefill: str = ""
    max_tokens: int = 1
    temperature: float = 0.0
    seed: int = 0
    n: int = 1
    likely: bool = False
    given: bool = False
    layers: tuple[int, ...] = ()
    thinking: int = 0

    @property
    def turn(self) -> str:
        """What stands in the open turn."""
        return self.spoken + self.prefill


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
    sent: dict[str, Any] = {"model": model, able.length: ask.max_tokens + ask.thinking}
    sent |= json.loads(able.told) if able.told else {}
    sent |= {name: NEUTRAL[name] for name in able.settings}
    if able.temperature:
        sent["temperature"] = max(ask.temperature, able.coldest)
        notes += [_NOT_GREEDY.format(able.coldest)] if ask.temperature < able.coldest else []
    else:
        notes.append(_NO_TEMPERATURE)
    if ask.temperature > 0:
        sent |= {"seed": ask.seed % _SEED} if able.seed else {}
        notes += [] if able.seeds else [_NO_SEED]
        notes += [] if able.settings else [_NO_SETTINGS]
    if ask.n > 1:
        sent["n"] = ask.n
    if ask.layers:
        sent |= states.wish(ask.layers)
    if ask.given:
        sent |= {"prompt_logprobs": 1} if able.prompt == "prompt_logprobs" else {"echo": True}
    if not able.chat:
        if able.logprobs:
            sent["logprobs"] = max(able.top, 1) if ask.likely else 1
        sent |= {"prompt": render(ask.messages, ask.turn), "stop": _STOPS}
        return sent, tuple(notes)
    if able.logprobs:
        sent["logprobs"] = True
        if ask.likely and able.top:
            sent["top_logprobs"] = able.top
    messages, folded = _folded(ask.messages, able)
    notes += folded
    if begins(able, ask):
        messages.append(message("assistant", able.closed + ask.turn))
        sent |= CONTINUE if able.prefill == "continue" else {}
    else:
        messages = in_words(messages, ask.spoken, ask.prefill)
        notes += [_NO_CONTINUE] if ask.spoken else []
        notes += [_NO_PREFILL] if ask.prefill else []
        sent[able.length] += said_first(ask.prefill)
    sent["messages"] = [{"role": m.role, "content": _content(m)} for m in messages]
    return sent, tuple(notes)


def begins(able: Capabilities, ask: Ask) -> bool:
    """Whether the server is given the beginning of the reply. Not where a thought comes first: the
    beginning would stand in it, or before it."""
    return bool(able.prefill and (ask.turn or able.closed) and not ask.thinking)


def most_tokens(sent: Mapping[str, Any], length: str, added: int | None = None) -> tuple[int, int]:
    """The most tokens that a request's prompt and replies can have.

    Args:
        sent: the request.
        length: what it calls the most tokens of a reply.
        added: those that the server's template was seen to add to one message.
    """
    texts, images = _sent(sent)
    return most_read(texts, images, added), int(sent[length]) * int(sent.get("n", 1))


def most_read(texts: Sequence[str], images: int, added: int | None) -> int:
    """The most tokens of a prompt of such texts and so many images: no token is shorter than a
    byte, and what a template adds is short, or as long as ``added`` says."""
    own = max(_TITLE + _TEMPLATE, added or 0) - _TITLE
    most = sum(len(text.encode(errors="surrogatepass")) + _TITLE for text in texts)
    return most + own + images * _LARGEST_IMAGE


def _folded(messages: Sequence[Message], able: Capabilities) -> tuple[list[Message], list[str]]:
    """The messages with roles that the server takes, and notes on what was folded."""
    kept = ("user", "assistant", "system") if able.system else ("user", "assistant")
    folded, roles = fold(
        messages, lambda at, each: each.role not in kept or (each.role == "system" and at > 0)
    )
    return folded, [_FOLDED.get(role, _NO_ROLE.format(role)) for role in roles]


def estimate(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text) // CHARACTERS)


def estimated(sent: Mapping[str, Any]) -> int:
    """About how many tokens a request's prompt has."""
    texts, images = _sent(sent)
    return sum(map(estimate, texts)) + images * IMAGE


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


def in_words(messages: Sequence[Message], spoken: str, prefill: str) -> list[Message]:
    """The transcript with a request for what the server can't be given: an open turn, and the
    beginning of the reply."""
    wishes: list[str] = []
    messages = list(messages)
    if spoken:
        messages.append(message("assistant", spoken.rstrip()))
        wishes.append("Continue your last message.")
    if prefill:
        wishes.append(f"Begin your reply with exactly: {prefill}")
    if wishes:
        last = [messages.pop()] if messages and messages[-1].role == "user" else []
        wished = message("user", "\n\n".join(wishes))
        messages.append(joined("user", [*last, wished]))
    return messages


def said_first(prefill: str) -> int:
    """The most tokens that a beginning takes which the model has to say itself."""
    return len(prefill) // 2 + 8 if prefill else 0


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
