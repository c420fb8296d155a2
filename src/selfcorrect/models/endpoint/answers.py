"""What comes back: each kind of answer is read once and whole, by one function, or is broken.

Nothing else touches a server's JSON. A field that wasn't asked for isn't looked at.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from selfcorrect.messages import part
from selfcorrect.models.endpoint import replies, states
from selfcorrect.models.endpoint.budget import Usage
from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.checked import (
    BrokenError,
    count,
    fields,
    items,
    likeliest,
    logp_told,
    optional,
    text,
    window,
)
from selfcorrect.models.endpoint.keys import HIDDEN
from selfcorrect.models.endpoint.wire import (
    Ask,
    begins,
    estimate,
    estimated,
    most_tokens,
    overlap,
)

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")

#: Tokens that a server may count beyond what a request can have: of its own system prompt, or of
#: a reply that it didn't end where it was asked to.
_OWN = 1 << 17
#: What a server says of a model and what stays the same when it is started again.
_LASTING = ("id", "root", "owned_by", "max_model_len", "parent")
_LASTING_META = ("n_ctx", "n_params", "size", "ftype", "n_vocab")

#: Characters by which the end of a prompt is told from what follows it.
_PROMPT_END = 24

_UNTOLD = "the server told no likelihood of some of the reply's tokens: they are left out"
_IMPOSSIBLE = "the server told likelihoods of the reply's tokens that can't be: they are left out"
_KEY = f"the reply holds the text of a key, in whose place {HIDDEN} stands"
_OVERWRITTEN = "the server did not keep the beginning of the reply"


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its text, log p (``None`` if the server doesn't tell), id if the server gives one,
    and the likeliest ones in its place."""

    text: str
    logp: float | None
    id: int | None = None
    top: tuple[tuple[str, float], ...] = ()


_NO_TOKENS: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """One reply.

    Attributes:
        text: without the beginning that was given or asked for.
        finish: ``stop`` or ``length``.
        tokens: those of the text, as far as the server reports them.
        notes: a sentence each.
        thought: what was thought before it, where it was; "" where that isn't told.
        thoughts: the tokens of that.
        reasoned: how many those are, where the server counts them.
    """

    text: str
    finish: str
    tokens: tuple[Token, ...] = ()
    notes: tuple[str, ...] = ()
    thought: str | None = None
    thoughts: tuple[Token, ...] = ()
    reasoned: int | None = None

    @property
    def logps(self) -> tuple[float, ...] | None:
        """log p of each token; ``None`` where that of one isn't told. What was drawn can be drawn,
        so -inf tells nothing of it."""
        each = [t.logp for t in self.tokens if t.logp is not None and t.logp > -math.inf]
        return tuple(each) if len(each) == len(self.tokens) else None


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to an :class:`~selfcorrect.models.endpoint.wire.Ask`.

    Attributes:
        said: the replies, one or more.
        usage: what the request used.
        told: whether the server says so; else it is estimated.
        model: what the server calls the model, if it does.
        given: where asked for, the tokens that the server was given, each with its likelihood; ()
            if it doesn't say.
        stream: hidden states, [layers, tokens of prompt and reply, hidden], float32.
    """

    said: tuple[Said, ...]
    usage: Usage
    told: bool
    model: str | None = None
    given: tuple[Token, ...] = ()
    stream: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def empty(self) -> bool:
        """Whether a reply that isn't cut off has no text."""
        return any(each.finish == "stop" and not each.text for each in self.said)

    @property
    def ended(self) -> bool:
        """Whether the server says that nothing was generated but the tokens that end the replies:
        then it is the model that says nothing."""
        return self.told and self.usage.completion == len(self.said)


def completion(
    data: Mapping[str, Any],
    able: Capabilities,
    ask: Ask,
    sent: Mapping[str, Any],
    *,
    lenient: bool = False,
) -> Completion:
    """Read the answer to a request.

    Args:
        data: the answer.
        able: what the server can do.
        ask: what was asked for.
        sent: the request.
        lenient: log-probabilities and counts of tokens that can't be are as if they weren't told:
            the server has been asked again for better ones.

    Raises:
        BrokenError: it isn't whole, or holds what can't be.
    """
    choices = [fields(each, "a choice") for each in items(data.get("choices"), "choices")]
    if not choices:
        raise BrokenError("an answer without choices")
    choices.sort(key=lambda choice: optional(count, choice.get("index"), "an index") or 0)
    asked = [choice.get("logprobs") if able.logprobs else None for choice in choices]
    told = [_if_it_can_be(partial(_tokens, of), _NO_TOKENS, lenient) for of in asked]
    pairs = zip(choices, told, strict=True)
    said = tuple(_reply(choice, tokens, able, ask) for choice, tokens in pairs)
    most = most_tokens(sent, able.length)
    replies.check_lengths([len(each.text) + len(each.thought or "") for each in said], most[1])
    if lenient and any(of and not tokens for of, tokens in zip(asked, told, strict=True)):
        said = tuple(replace(each, notes=(*each.notes, _IMPOSSIBLE)) for each in said)
    if len(said) == 1 and (number := replies.reasoned(data.get("usage"))):
        said = (replace(said[0], thought=said[0].thought or "", reasoned=number),)
    usage = None
    if able.usage:
        usage = _if_it_can_be(lambda: _usage(data.get("usage"), most), None, lenient)
    if usage is not None and usage.completion >= most[1]:  # where it doesn't say why it ended
        said = tuple(replace(each, finish=each.finish or "length") for each in said)
    said = tuple(replace(each, finish=each.finish or "stop") for each in said)
    if len(said) == 1 and said[0].finish == "length" and replies.thought_unseen(data.get("usage")):
        said = (said[0] if said[0].text else replace(said[0], thought=said[0].thought or ""),)
    given: tuple[Token, ...] = ()
    if ask.given and able.prompt == "echo":
        given = _echoed(told[0], str(sent.get("prompt")), usage.completion if usage else 1)
    elif ask.given:
        of_prompt = data.get("prompt_logprobs") or choices[0].get("prompt_logprobs")
        given = _if_it_can_be(lambda: tuple(_given(of_prompt)), (), lenient)
    stream = None
    if ask.layers and data.get("activations"):
        tokens = usage.prompt + usage.completion if usage else sum(most)
        stream = states.stream(data["activations"], len(ask.layers), tokens)
    replied = sum(len(each.tokens) or estimate(each.text) for each in said)
    return Completion(
        said=said,
        usage=usage or Usage(estimated(sent), 0, replied),
        told=usage is not None,
        model=optional(text, data.get("model"), "model"),
        given=given,
        stream=stream,
    )


def listed(data: Any) -> dict[str, Mapping[str, Any]]:
    """What the server says of its models, by name, as far as it lasts: plain values alone, and a
    ``meta`` of its own. Nothing where it doesn't say, or in no known form."""
    told = data.get("data") if isinstance(data, dict) else data
    found: dict[str, Mapping[str, Any]] = {}
    for each in told if isinstance(told, list) else ():
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            meta = each.get("meta")
            facts: dict[str, Any] = _plain(each, _LASTING)
            facts["meta"] = _plain(meta, _LASTING_META) if isinstance(meta, dict) else {}
            found[text(each["id"], "id")] = facts
    return found


def context(facts: Mapping[str, Any]) -> int | None:
    """The context window that :func:`listed` tells of a model; ``None`` if it doesn't."""
    return window(facts.get("max_model_len")) or window(facts.get("meta", {}).get("n_ctx"))


@dataclass(frozen=True, slots=True)
class Tokenised:
    """How many tokens the server counts in a text, and their ids; ``None`` where it doesn't say."""

    count: int | None
    ids: tuple[int, ...] | None


def tokenised(data: Mapping[str, Any]) -> Tokenised:
    """Read the answer of ``/tokenize`` (vLLM's and llama.cpp's).

    Raises:
        BrokenError: it holds what can't be.
    """
    told = optional(items, data.get("tokens"), "tokens")
    ids = None
    # llama.cpp can be asked for pieces of text beside the ids
    if told is not None and not any(isinstance(each, dict) for each in told):
        ids = tuple(count(each, "the number of a token") for each in told)
    number = optional(count, data.get("count"), "the number of tokens")
    return Tokenised(len(told) if number is None and told is not None else number, ids)


def _plain(told: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: told[name] for name in names if name in told and _is_plain(told[name])}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _if_it_can_be(read: Callable[[], T], otherwise: T, lenient: bool) -> T:
    """What is read; where that can't be, and needn't, something else."""
    try:
        return read()
    except BrokenError:
        if lenient:
            return otherwise
        raise


def _usage(told: Any, most: tuple[int, int]) -> Usage | None:
    """What the server says that the request used; ``None`` where it doesn't.

    Args:
        told: its ``usage``.
        most: the most tokens that prompt and replies can have.
    """
    told = optional(fields, told, "usage") or {}
    prompt = optional(_limited(most[0]), told.get("prompt_tokens"), "usage.prompt_tokens")
    spoken = optional(_limited(most[1]), told.get("completion_tokens"), "usage.completion_tokens")
    details = optional(fields, told.get("prompt_tokens_details"), "usage.prompt_tokens_details")
    cached = optional(count, (details or {}).get("cached_tokens"), "usage's cached_tokens") or 0
    if not prompt or spoken is None:  # no prompt has no token
        return None
    if cached > prompt:
        raise BrokenError(f"{cached} cached tokens of a prompt of {prompt}")
    return Usage(prompt, cached, spoken)


def _limited(most: int) -> Any:
    return lambda value, what: count(value, what, most + _OWN)


def _reply(
    choice: Mapping[str, Any], reported: tuple[Token, ...], able: Capabilities, ask: Ask
) -> Said:
    thought: str | None = None
    thoughts: tuple[Token, ...] = ()
    given = begins(able, ask)
    if able.chat:
        # Gemini's has no message, or null, where a filter or the limit came before the first word
        # and some servers put it where completions have it
        message = optional(fields, choice.get("message"), "a message")
        if message is None and not (choice.get("text") or choice.get("finish_reason")):
            raise BrokenError("a choice without a message")
        message = {"content": choice.get("text")} if message is None else message
        said, thought, notes = replies.message_text(message)
    else:
        said, notes = text(choice.get("text"), "a reply"), []
    if thought is None and not given and (found := part(said)) is not None:
        thought, said = found.thought, found.said
    said, leaked = replies.without_end(said)
    if thought is not None:
        thoughts, reported = apart(reported, said)
    finish, ending = replies.ended(choice.get("finish_reason"), said)
    if given and able.echoes:
        whole = able.closed + ask.turn
        begun = next((t for t in (whole, whole.strip()) if said.startswith(t)), "")
        said = said[len(begun) :]
        notes += [] if begun else [_OVERWRITTEN]
    elif ask.prefill and able.chat and not given:
        again = overlap(ask.prefill, said)
        said, reported = said[again:], _after(reported, again)
    elif not able.chat and not ask.turn:
        said = said.removeprefix(" ")  # "Assistant:" wants a space before the words
    notes += [_KEY] if HIDDEN in said or HIDDEN in (thought or "") else []
    told = Said(said, finish, reported, (*notes, *leaked, *ending), thought, thoughts)
    return told if told.logps is not None else replace(told, notes=(*told.notes, _UNTOLD))


def apart(tokens: tuple[Token, ...], said: str) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    """Tokens of a thought and of the reply after it; none of the reply's where that isn't found at
    their end."""
    whole = "".join(token.text for token in tokens)
    start = whole.rfind(said) if said else len(whole)
    ends = list(itertools.accumulate(len(token.text) for token in tokens))
    first = next((n for n, end in enumerate(ends) if end > start >= 0), len(tokens))
    return tokens[:first], tokens[first:]


def _after(reported: tuple[Token, ...], length: int) -> tuple[Token, ...]:
    """The tokens that don't lie wholly within the first characters."""
    ends = itertools.accumulate(len(token.text) for token in reported)
    return tuple(token for token, end in zip(reported, ends, strict=True) if end > length)


def _tokens(told: Any) -> tuple[Token, ...]:
    """Tokens as either API reports them; () if it doesn't."""
    told = optional(fields, told, "logprobs") or {}
    if told.get("content") is not None:  # chat; llama.cpp's completions too
        return tuple(map(_token, items(told["content"], "logprobs.content")))
    texts = optional(items, told.get("tokens"), "logprobs.tokens") or []
    logps = optional(items, told.get("token_logprobs"), "token_logprobs") or []
    tops = optional(items, told.get("top_logprobs"), "top_logprobs") or [None] * len(texts)
    if not len(texts) == len(logps) == len(tops):
        raise BrokenError(f"{len(texts)} tokens with {len(logps)} log-probabilities")
    if logps and logps[0] is None:  # the first token follows nothing
        logps = [0.0, *logps[1:]]
    found = []
    for word, value, top in zip(texts, logps, tops, strict=True):
        likely = (optional(fields, top, "the likeliest tokens") or {}).items()
        found.append(Token(text(word, "a token"), logp_told(value), None, _likeliest(likely)))
    return tuple(found)


def _token(value: Any) -> Token:
    told = fields(value, "a token")
    tops = optional(items, told.get("top_logprobs"), "top_logprobs") or []
    pairs = [fields(each, "one of the likeliest tokens") for each in tops]
    return Token(
        text(told.get("token"), "a token"),
        logp_told(told.get("logprob")),
        optional(count, told.get("id"), "the number of a token"),
        _likeliest((each.get("token"), each.get("logprob")) for each in pairs),
    )


def _likeliest(top: Iterable[tuple[Any, Any]]) -> tuple[tuple[str, float], ...]:
    """Those of which something is told."""
    read = [(text(word, "a token"), logp_told(value)) for word, value in top]
    return likeliest(tuple((word, value) for word, value in read if value is not None))


def _echoed(tokens: tuple[Token, ...], prompt: str, spoken: int) -> tuple[Token, ...]:
    """The tokens of a prompt, of which and of the reply the server tells together; () if that can't
    be seen. A token that ends the reply is counted by all servers, and listed by some."""
    end = prompt[-_PROMPT_END:]
    for number in range(min(spoken, len(tokens)), -1, -1):
        given = tokens[: len(tokens) - number]
        if "".join(token.text for token in given[-_PROMPT_END:]).endswith(end):
            return given
    return ()


def _given(told: Any) -> Iterator[Token]:
    """Of each place the token that stands there comes first, then the likeliest."""
    for value in optional(items, told, "prompt_logprobs") or ():
        place = optional(fields, value, "a place of prompt_logprobs")
        if not place:
            continue  # the first token follows nothing
        tokens = [fields(each, "a token of prompt_logprobs") for each in place.values()]
        logps = [logp_told(each.get("logprob")) for each in tokens]
        ident = next(iter(place))
        number = int(ident) if ident.isascii() and ident.isdecimal() and len(ident) < 10 else None
        yield Token(
            optional(text, tokens[0].get("decoded_token"), "a token") or "", logps[0], number
        )
