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
        served: it stands behind a server.
        draws: replies drawn to estimate the likelihoods of options; 0 where the model tells them.
    """

    fingerprint: str
    context: int
    specials: tuple[str, ...]
    render: Callable[[Sequence[Message], str | None], Shown]
    thought: int = 0
    kept: bool = False
    in_words: Callable[[Sequence[Message], str, str], tuple[Sequence[Message], int]] | None = None
    wrong: Callable[[int], int] = lambda _length: 0
    served: bool = False
    draws: int = 0


def rendering(
    name: str, served: Mapping[str, Model], thinking: str = "", *, trust: bool = False
) -> Rendering:
    """How a model is shown a transcript.

    Args:
        name: the model's.
        served: the models behind servers, by name: those are open.
        thinking: whether it thinks, as :func:`selfcorrect.models.thinking` has it.
        trust: the Python in its folder may be run.

    Raises:
        UserError: there is no such model, or its files can't be read.
    """
    if name in served:
        return _served(served[name])
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


def _served(model: Model) -> Rendering:
    """As the plain rendering shows it: a server doesn't tell its template. Tokens are estimated:
    some characters each, and so many for an image."""
    from selfcorrect.models.endpoint.model import EndpointModel
    from selfcorrect.models.endpoint.wire import CHARACTERS, IMAGE, in_words, said_first
    from selfcorrect.models.endpoint.wire import render as plain

    def pieces(text: str) -> list[Hashable]:
        return [text[k : k + CHARACTERS] for k in range(0, len(text), CHARACTERS)]

    def render(messages: Sequence[Message], turn: str | None) -> Shown:
        text = plain(messages, turn)
        tokens: list[Hashable] = []
        at = 0
        for number, each in enumerate(messages, start=1):
            if each.images:
                end = len(plain(messages[:number], None))
                tokens += pieces(text[at:end])
                tokens += [(image.digest, k) for image in each.images for k in range(IMAGE)]
                at = end
        return Shown(text, [*tokens, *pieces(text[at:])])

    mode, _, most = model.thinking.partition(" ")
    thought = int(most) if mode == "on" else 0
    assert isinstance(model, EndpointModel)
    able = model.capabilities

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
        served=True,
        draws=int(model.about.get("draws") or 0),
    )
