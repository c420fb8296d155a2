"""The model that every planted law makes: messages, replies, and tokens counted as words."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from selfcorrect.messages import (
    Image,
    Message,
    Transcript,
    message,
    reads_text_only,
    restart_all,
    say_all,
)
from selfcorrect.models.base import InProcess, Likelihood, Reply, Request, Sample, refuse_steers
from selfcorrect.models.planted.questions import Question

_DRAWN_CHOICE = 0.9


class Turn(Protocol):
    """What a model is about to say, whatever it is asked for."""

    def likelihoods(self, texts: Sequence[str]) -> list[float]:
        """log p of each text as the reply, in nats."""
        ...

    def words(self, texts: Sequence[str], logps: Sequence[float]) -> list[str]:
        """The whole reply in words; it may be one of ``texts``, whose likelihoods these are."""
        ...


@dataclass(frozen=True, slots=True)
class OptionTurn:
    """One option of a lettered question.

    Attributes:
        question: which is asked.
        given: the option answered.
        p: the probability of each option, in their order; they sum to 1.
        mass: the probability of all options together.
        choice: a uniform draw, for likelihoods of texts that aren't options.
    """

    question: Question
    given: int
    p: tuple[float, ...]
    mass: float
    choice: float

    def likelihoods(self, texts: Sequence[str]) -> list[float]:
        """See :class:`Turn`."""
        options = [self.question.option(text) for text in texts]
        if not any(option is not None for option in options):
            return drawn_choice(len(texts), self.choice)
        return [
            math.log((1 - self.mass) / len(texts) if option is None else self.mass * self.p[option])
            for option in options
        ]

    def words(self, texts: Sequence[str], logps: Sequence[float]) -> list[str]:
        """See :class:`Turn`: the answer, or the drawn one of texts that aren't options."""
        if texts and all(self.question.option(text) is None for text in texts):
            return texts[max(range(len(texts)), key=logps.__getitem__)].split()
        return [f"({self.question.labels[self.given]})", self.question.numbers[self.given]]


@dataclass(frozen=True, slots=True)
class TextTurn:
    """Free text.

    Attributes:
        text: what is said.
        choice: a uniform draw, for likelihoods of texts that it is to choose from.
    """

    text: str
    choice: float

    def likelihoods(self, texts: Sequence[str]) -> list[float]:
        """See :class:`Turn`."""
        return drawn_choice(len(texts), self.choice)

    def words(self, texts: Sequence[str], logps: Sequence[float]) -> list[str]:
        """See :class:`Turn`."""
        chosen = texts[max(range(len(texts)), key=logps.__getitem__)] if texts else self.text
        return chosen.split()


def drawn_choice(number: int, uniform: float) -> list[float]:
    """log p of so many texts of which one was drawn."""
    drawn = int(uniform * number)
    rest = (1 - _DRAWN_CHOICE) / max(1, number - 1)
    return [math.log(_DRAWN_CHOICE if n == drawn else rest) for n in range(number)]


class PlantedLaw(Protocol):
    """What a planted model does: a dataclass, whose fields are the model's settings.

    Attributes:
        KIND: the model's name.
        VERSION: part of the fingerprint: bumped when the law or its draws change.

    One that takes pictures says so by ``SEES``.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int]

    def turns(
        self, dialogues: Sequence[Sequence[Message]], samples: Sequence[int | None]
    ) -> Sequence[Turn]:
        """What comes next in each transcript: a function of it, and of the seed of a sample."""
        ...


L = TypeVar("L", bound=PlantedLaw)


@dataclass
class Planted(InProcess, Generic[L]):
    """A model that obeys a law: see :class:`selfcorrect.models.base.Model`."""

    name: str
    law: L
    context: int = 1_000_000
    dtype: str = "float64"
    device: str = "cpu"
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        stated = f"{self.law.KIND} {self.law.VERSION} {sorted(vars(self.law).items())}"
        self.fingerprint = hashlib.blake2b(stated.encode(), digest_size=16).hexdigest()

    def open(self, dialogues: int) -> PlantedConversation:
        return PlantedConversation(self, [Transcript() for _ in range(dialogues)])

    def count(self, text: str) -> int:
        return len(text.split())

    def check_images(self, images: Sequence[Image]) -> None:
        if not getattr(self.law, "SEES", False):
            raise reads_text_only(images[0])


class PlantedConversation:
    """See :class:`selfcorrect.models.base.Conversation`."""

    def __init__(self, model: Planted[Any], transcripts: list[Transcript]) -> None:
        self.model = model
        self.transcripts = transcripts
        # words of each dialogue that a model would hold in its cache
        self._cached: list[tuple[str, ...]] = [()] * len(transcripts)
        # copies of one dialogue: what the first of them encodes the others find
        self._copy_of = list(range(len(transcripts)))

    def say(self, messages: Sequence[Message | None]) -> None:
        self._check(message for message in messages if message is not None)
        say_all(self.transcripts, messages)

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        self._check(message for each in messages for message in each or ())
        restart_all(self.transcripts, messages)

    def _check(self, messages: Iterable[Message]) -> None:
        for each in messages:
            if each.images:
                self.model.check_images(each.images)

    def branch(self, copies: int = 1) -> PlantedConversation:
        rows = [row for row in range(len(self.transcripts)) for _ in range(copies)]
        other = PlantedConversation(self.model, [self.transcripts[row].branch() for row in rows])
        other._cached = [self._cached[row] for row in rows]
        other._copy_of = rows
        return other

    def close(self, which: Sequence[int]) -> None:
        for row in which:
            self.transcripts[row], self._cached[row] = Transcript(), ()

    def render(self, index: int, turn: str | None = None) -> str:
        begun = [] if turn is None else [message("assistant", turn)]
        return _render([*self.transcripts[index].messages, *begun])

    def elicit(self, requests: Sequence[Request | None]) -> Sequence[Reply | None]:
        if any(request is not None and request.states for request in requests):
            self.model.check_states()
        refuse_steers(self.model.name, requests)
        rows = [row for row, request in enumerate(requests) if request is not None]
        asked = [request for request in requests if request is not None]
        turns = self.model.law.turns(
            [self.transcripts[row].messages for row in rows],
            [request.seed if request.temperature else None for request in asked],
        )
        drawn = [(row, seed) for row, request in zip(rows, asked, strict=True)
                 for seed in request.samples]  # fmt: skip
        others = iter(
            self.model.law.turns(
                [self.transcripts[row].messages for row, _ in drawn], [seed for _, seed in drawn]
            )
        )
        replies: list[Reply | None] = [None] * len(requests)
        begun: dict[int, tuple[str, ...]] = {}
        for row, request, turn in zip(rows, asked, turns, strict=True):
            samples = [_sample(request, next(others)) for _ in request.samples]
            reply = self._reply(row, request, turn, begun)
            fits = reply.finish != "context"
            replies[row] = replace(reply, samples=tuple(samples)) if fits else reply
        return replies

    def likelihoods(
        self, texts: Sequence[Sequence[str] | None]
    ) -> Sequence[Sequence[Likelihood] | None]:
        rows = [row for row, mine in enumerate(texts) if mine]
        turns = self.model.law.turns(
            [self.transcripts[row].messages for row in rows], [None] * len(rows)
        )
        scores: list[Sequence[Likelihood] | None] = [None if t is None else [] for t in texts]
        for row, turn in zip(rows, turns, strict=True):
            mine = texts[row] or ()
            logps = turn.likelihoods(mine)
            scores[row] = [
                Likelihood(logp, max(1, len(text.split())))
                for logp, text in zip(logps, mine, strict=True)
            ]
        return scores

    def _reply(
        self, row: int, request: Request, turn: Turn, begun: dict[int, tuple[str, ...]]
    ) -> Reply:
        """The reply of a dialogue; ``begun`` holds the prompts of its copies so far."""
        earlier, opened = self.transcripts[row].open_turn()
        opened += request.prefill
        start = _render([*earlier, message("assistant", opened)])
        prompt = start.split()
        if len(prompt) + request.max_tokens > self.model.context:
            notes = ("the transcript is longer than the model's context window",)
            return Reply("", "context", prompt_tokens=len(prompt), notes=notes)
        logps = turn.likelihoods(request.options)
        text, words = _said(request, turn, logps, opened)
        self.transcripts[row].close_turn(opened + text)
        source = self._copy_of[row]
        known = max(_common(self._cached[row], prompt), _common(begun.get(source, ()), prompt))
        reused = min(known, len(prompt) - 1)
        begun[source] = tuple(prompt)
        self._cached[row] = tuple((start + text).split())
        generated = min(words + 1, request.max_tokens)  # one for the end of the reply
        return Reply(
            text=text,
            finish="stop" if words < request.max_tokens else "length",
            options=tuple(Likelihood(logp, 1) for logp in logps),
            prompt_tokens=len(prompt),
            encoded=len(prompt) - reused + generated,
            reused=reused,
            generated=generated,
        )


def _sample(request: Request, turn: Turn) -> Sample:
    """A reply that isn't entered. Its likelihood isn't stated: what a law says and what it is
    sure of are two things."""
    text, words = _said(request, turn, turn.likelihoods(request.options), request.prefill)
    generated = min(words + 1, request.max_tokens)
    return Sample(text, generated, cut=words >= request.max_tokens, encoded=generated)


def _said(request: Request, turn: Turn, logps: Sequence[float], opened: str) -> tuple[str, int]:
    """A reply as text, as far as it may go, and how many words it has in full."""
    words = turn.words(request.options, logps)
    text = " ".join(words[: request.max_tokens])
    if opened.endswith("("):
        text = text.removeprefix("(")
    elif text and opened and not opened[-1].isspace():
        text = f" {text}"
    return text, len(words)


def _render(messages: Sequence[Message]) -> str:
    return "\n\n".join(f"{m.role.capitalize()}: {_told(m)}" for m in messages)


def _told(message: Message) -> str:
    """A message as text; a picture is a word that says which it is."""
    shown = (p if isinstance(p, str) else f"[{p.name}] " for p in message.parts)
    return "".join(shown)


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common prefix."""
    if tuple(b[: len(a)]) == tuple(a):  # the usual case, and quick
        return len(a)
    pairs = zip(a, b, strict=False)
    return next((n for n, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))
