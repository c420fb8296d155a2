"""How models are shown a transcript, without their weights."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from selfcorrect.messages import Message, message
from selfcorrect.models.base import Model
from selfcorrect.models.kinds import kind_of

#: Stands where a model will think.
THOUGHT = "‹thought›"


@dataclass(frozen=True, slots=True)
class Shown:
    """A transcript as a model is shown it: its text, its tokens or about, and notes on it."""

    text: str
    tokens: Sequence[Hashable]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a model is shown a transcript.

    Attributes:
        fingerprint, context: the model's.
        specials: its special tokens, for display.
        render: the messages, and what stands in the assistant's open turn (``None``: none is open).
        thought: tokens that a thought before a reply may have; 0 where there is none.
        kept: later rounds show it.
        in_words: of a model that can't be given the beginning of a reply: the messages that ask
            for it, made of those before, what stands in the open turn, and the beginning; and how
            many tokens more the reply may have, which says it first.
        wrong: of the most tokens of a reply, how many more may be guessed wrong and read.
        served: how the likelihoods of options are asked of a server; ``None`` where it isn't one.
    """

    fingerprint: str
    context: int
    specials: tuple[str, ...]
    render: Callable[[Sequence[Message], str | None], Shown]
    thought: int = 0
    kept: bool = False
    in_words: Callable[[Sequence[Message], str, str], tuple[Sequence[Message], int]] | None = None
    wrong: Callable[[int], int] = lambda _length: 0
    served: Asked | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server is sent, beside a reply, for the likelihoods of options.

    Attributes:
        given: each option is sent, and comes back with its likelihood.
        likeliest: the likeliest first tokens are asked for.
        draws: else so many replies are drawn.
        at_once: by one request, whose prompt is paid for once; a bound doesn't rely on it.
        spoken: the most tokens of each of those.
        begun: what a reply that is one of some texts is asked to begin with.
        most: all that may be needed counts; else what a reply's own likeliest tokens tell is free.
    """

    given: bool
    likeliest: bool
    draws: int
    at_once: bool
    spoken: int
    begun: Callable[[Sequence[str]], str]
    most: bool

    def tokens(self, prompt: int, options: Sequence[int], first: int, *, must: bool) -> int:
        """The most tokens of all those requests.

        Args:
            prompt: of the prompt.
            options: of each option.
            first: of a beginning that the model has to say itself.
            must: replies are drawn where the likeliest tokens tell nothing.
        """
        if self.likeliest and not must and not self.most:
            return 0
        if self.given:
            return sum(prompt + option + 1 for option in options)
        prompts = 1 if self.at_once and not self.most else self.draws
        drawn = prompts * prompt + self.draws * (self.spoken + first)
        one = prompt + 1 + first
        return (one + drawn if must else one) if self.likeliest else drawn


def rendering(
    name: str,
    served: Mapping[str, Model],
    thinking: str = "",
    *,
    trust: bool = False,
    most: bool = False,
) -> Rendering:
    """How a model is shown a transcript.

    Args:
        name: the model's.
        served: the models behind servers, by name: those are open.
        thinking: whether it thinks, as :func:`selfcorrect.models.thinking` has it.
        trust: the Python in its folder may be run.
        most: where a server's tokens are only estimated, as many as they can be.

    Raises:
        UserError: there is no such model, or its files can't be read.
    """
    if name in served:
        return _served(served[name], most=most)
    return _planted(name) if kind_of(name) == "planted" else _local(name, thinking, trust)


def _local(name: str, thinking: str, trust: bool) -> Rendering:
    from selfcorrect.models.local.drafts import most_wrong
    from selfcorrect.models.local.files import locate
    from selfcorrect.models.local.loading import read_config, read_tokenizer, sees
    from selfcorrect.models.local.template import Template
    from selfcorrect.models.local.vision.eyes import read_eyes

    source = locate(name, trust=trust)
    whole = read_config(source)
    config = whole.get_text_config()
    tokenizer = read_tokenizer(source)
    template = Template(tokenizer, read_eyes(source, whole, tokenizer) if sees(whole) else None)
    mode, _, most = thinking.partition(" ")
    if mode in ("off", "on"):
        template.think(mode == "on")

    def render(messages: Sequence[Message], turn: str | None) -> Shown:
        rendered = template.render(messages, turn, THOUGHT if template.thinks else "")
        return Shown(rendered.text, rendered.prompt.keys, rendered.notes)

    specials = {str(token) for token in tokenizer.added_tokens_decoder.values()}
    return Rendering(
        fingerprint=source.fingerprint,
        context=int(getattr(config, "max_position_embeddings", None) or 1 << 20),
        specials=tuple(sorted(filter(str.strip, specials))),
        render=render,
        thought=int(most) if template.thinks else 0,
        kept=template.style is not None and bool(template.style.keeps),
        wrong=most_wrong,
    )


def _planted(name: str) -> Rendering:
    from selfcorrect.models import planted

    model = planted.load(name)

    def render(messages: Sequence[Message], turn: str | None) -> Shown:
        conversation = model.open(1)
        open_turn = [] if turn is None else [message("assistant", turn)]
        conversation.restart([[*messages, *open_turn]])
        text = conversation.render(0)
        return Shown(text, text.split())

    return Rendering(model.fingerprint, model.context, (), render)


def _served(model: Model, *, most: bool) -> Rendering:
    """As the plain rendering shows it: a server doesn't tell its template. Tokens are estimated,
    with what the server was seen to add: some characters each, and so many for an image; or they
    are as many as a budget sets aside for such a prompt."""
    from selfcorrect.models.endpoint.conversation import beginning
    from selfcorrect.models.endpoint.model import EndpointModel
    from selfcorrect.models.endpoint.options import DRAWN_TOKENS
    from selfcorrect.models.endpoint.wire import (
        IMAGE,
        estimate,
        in_words,
        most_read,
        said_first,
    )
    from selfcorrect.models.endpoint.wire import render as plain

    assert isinstance(model, EndpointModel)
    able, added = model.capabilities, model.served.added
    own = max(0, (added or 0) - estimate(plain([message("user", "")], "")))

    def render(messages: Sequence[Message], turn: str | None) -> Shown:
        text = plain(messages, turn)
        images = sum(len(each.images) for each in messages)
        if most:
            parts = [p for m in messages for p in (m.parts if m.images else (m.text,))]
            texts = [part for part in parts if isinstance(part, str)]
            length = most_read([*texts, turn] if turn else texts, images, added)
        else:
            length = estimate(text) + images * IMAGE + own
        return Shown(text, range(length))

    mode, _, longest = model.thinking.partition(" ")
    thought = int(longest) if mode == "on" else 0

    def asked(messages: Sequence[Message], spoken: str, prefill: str) -> tuple[list[Message], int]:
        return in_words(messages, spoken, prefill), said_first(prefill)

    asks = asked if able.chat and (not able.prefill or thought) else None
    return Rendering(
        model.fingerprint,
        model.context,
        (),
        render,
        thought,
        in_words=asks,
        served=Asked(
            given=bool(able.prompt),
            likeliest=bool(able.top),
            draws=model.served.draws,
            at_once=bool(able.n),
            spoken=DRAWN_TOKENS,
            begun=lambda texts: "" if able.prompt else beginning(texts),
            most=most,
        ),
    )
