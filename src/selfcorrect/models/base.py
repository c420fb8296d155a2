"""What a model is to the rest of the house: conversations that can be extended, asked, branched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from selfcorrect.errors import UserError
from selfcorrect.messages import Image, Message, reads_text_only
from selfcorrect.models.generated import Generated
from selfcorrect.models.thought import Thought
from selfcorrect.models.unsteerable import unsteerable
from selfcorrect.models.used import Used

if TYPE_CHECKING:
    import torch

#: How a reply ends that there is none of.
UNMADE = ("context", "overflow", "lost")


class OutOfMemoryError(UserError):
    """The device's memory is full. What was open is lost; fewer dialogues at a time may fit."""


class LostError(UserError):
    """A reply that a server doesn't give, and others it does: one dialogue can't go on now."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where hidden states are read.

    Attributes:
        kind: the residual stream after a layer, or the output of its attention or MLP block.
        layers: layer numbers from 0 (the first block's output).
        at: ``before_answer`` is the last token before the reply (its prefill included),
            ``first_answer`` the first token of the reply, ``end_of_message:k`` the last token of
            message k of the transcript, as the template closes it; -1 is the last message before
            the reply. Tokens from there on are encoded again if they were cached.
    """

    kind: Literal["residual", "attention", "mlp"]
    layers: tuple[int, ...]
    at: str = "before_answer"


@dataclass(frozen=True, slots=True)
class Steer:
    """Vectors that are added to the residual stream while a model reads and replies.

    Made by :meth:`of`. Equal ones are those whose digests are.

    Attributes:
        layers: at whose outputs, from 0.
        vectors: [layers, hidden] in float32, what is added at each.
        at: ``transcript`` adds them at every token, ``reply`` from the last token before the reply
            on (its prefill included): what stands before that is read as it is.
        digest: of all that.
    """

    layers: tuple[int, ...]
    vectors: torch.Tensor = field(compare=False, repr=False)
    at: Literal["transcript", "reply"]
    digest: str

    @classmethod
    def of(
        cls,
        layers: Sequence[int],
        vectors: torch.Tensor,
        at: Literal["transcript", "reply"] = "transcript",
    ) -> Steer:
        """A steer.

        Raises:
            UserError: there isn't one finite vector for each layer, or a layer is named twice.
        """
        vectors = vectors.detach().float().cpu().contiguous()
        if vectors.ndim != 2 or len(vectors) != len(layers) or not len(layers):
            raise UserError(
                f"a steer has one vector for each of its layers: {len(layers)} layers, vectors of "
                f"shape {list(vectors.shape)}."
            )
        if len(set(layers)) < len(layers):
            raise UserError(f"a steer names a layer twice: {', '.join(map(str, layers))}.")
        if not vectors.isfinite().all():
            raise UserError("a steer's vectors are not finite in float32: choose a smaller alpha.")
        content = f"{at}:{tuple(layers)}:{vectors.shape[1]}:".encode() + vectors.numpy().tobytes()
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        return cls(tuple(layers), vectors, at, digest)


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted from the model in one elicitation.

    Attributes:
        prefill: text that the reply starts with, put there by us.
        max_tokens: at most this many tokens are generated.
        temperature: 0 is greedy (ties to the lowest token id).
        seed: seed of this dialogue's own sampling.
        options: texts whose likelihood right after the prefill is wanted (letters, say). Where
            each is one token they are read from the pass that starts the reply: no extra cost.
        states: sites at which hidden states are read, in the pass that happens anyway.
        samples: the seed of each further reply that is drawn from the same prompt and never
            entered; what the reply itself is doesn't depend on them.
        sample_temperature: at which those are drawn, above 0.
        steer: what is added to the hidden states for this reply, its options and samples. The
            whole transcript is read as this steer has it, whatever earlier replies had: the reply
            is that of a fresh start under it.
        thinks: a model that thinks before it replies does so here, unless its turn has begun.
        place: where in a strategy that is; what a server can't tell there of some answers it isn't
            asked of others.
        on_made: called once the reply is there, by models that make those of many dialogues
            together, as these become ready one by one.
    """

    prefill: str = ""
    max_tokens: int = 64
    temperature: float = 0.0
    seed: int = 0
    options: tuple[str, ...] = ()
    states: tuple[Site, ...] = ()
    samples: tuple[int, ...] = ()
    sample_temperature: float = 1.0
    steer: Steer | None = None
    thinks: bool = True
    place: str = ""
    on_made: Callable[[], object] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sample:
    """One of the replies that are drawn to see how uncertain a model is.

    Attributes:
        text: what was generated, without the prefill and without end tokens.
        tokens: how many were generated, an end token included.
        logp: Σ log p over them at temperature 1, in nats; ``None`` where the model doesn't tell.
        cut: it was cut off at the most tokens that a reply may have.
        encoded: tokens that went through the model for it.
    """

    text: str
    tokens: int
    logp: float | None = None
    cut: bool = False
    encoded: int = 0


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The likelihood of a text as a continuation.

    Attributes:
        logp: Σ log p over its tokens, in nats.
        tokens: how many tokens that sums over.
        shared: how many leading tokens are the same of the texts asked for with it.
        logp_shared: Σ log p over those.
        prompt_tokens, encoded, reused: as in :class:`Reply`, for all texts of the call together;
            on the first one, 0 on the others.
        drawn: from how many drawn replies ``logp`` was estimated; 0 where the model tells it.
        seconds: as in :class:`Reply`, for all texts of the call; on the first one.
    """

    logp: float
    tokens: int
    shared: int = 0
    logp_shared: float = 0.0
    prompt_tokens: int = 0
    encoded: int = 0
    reused: int = 0
    drawn: int = 0
    seconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Reply(Generated):
    """One elicited message, without the prefill.

    It ends by ``stop`` (an end token), ``length`` (max_tokens), ``context`` (the transcript did not
    fit the model's window: nothing was generated), ``overflow`` (hidden states under the steer, of
    the reply or of a sample, were too large for the model's number format: there is no reply, and
    the transcript is as it was), ``lost`` (a server refused or lost it, of dialogues that were
    asked together: the same; the last note says why).

    Attributes:
        options: one likelihood per ``Request.options``.
        states: by site, an array [layers, hidden] in float32.
        samples: one per ``Request.samples``; their tokens are counted in none of its numbers.
        beside: tokens that went through the model for the likelihoods of ``options`` alone, where
            those take requests of their own (a server's); in none of its other numbers.
        notes: what had to be done differently (a role folded, a cache re-encoded), a sentence each.
        thought: what it thought before, with its own tokens, counted in none of its numbers.
        seconds: that were waited for it alone; ``None`` where replies of many dialogues are made
            together (a local model's).
    """

    options: tuple[Likelihood, ...] = ()
    states: Mapping[Site, torch.Tensor] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    beside: int = 0
    notes: tuple[str, ...] = ()
    thought: Thought | None = None
    seconds: float | None = field(default=None, compare=False)


@runtime_checkable
class Conversation(Protocol):
    """A batch of dialogues open on a model. A dialogue keeps its index; ``None`` sits a step out.

    A dialogue whose transcript no longer fits the context window gets replies with
    ``finish="context"``; the others go on, as where one is ``overflow`` or ``lost``. Of a dialogue
    alone a lost reply is a :class:`LostError`.
    """

    def say(self, messages: Sequence[Message | None]) -> None:
        """Append a message to each dialogue. Role ``assistant`` injects a turn. Successive
        messages of one role are one message, joined by a blank line."""
        ...

    def elicit(self, requests: Sequence[Request | None]) -> Sequence[Reply | None]:
        """Have the model speak. Right after another elicit it continues the same turn."""
        ...

    def likelihoods(
        self, texts: Sequence[Sequence[str] | None]
    ) -> Sequence[Sequence[Likelihood] | None]:
        """Likelihood of each text as what the model says next; doesn't advance.

        After an assistant's turn the text would continue it, after a blank line. A dialogue with
        which one of the texts would not fit the context window gets none (``[]``)."""
        ...

    def branch(self, copies: int = 1) -> Conversation:
        """A conversation with each dialogue ``copies`` times in a row (index i → i·copies … ),
        sharing what is encoded; nothing flows back."""
        ...

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        """Begin another transcript; what it has in common with the cached one is kept."""
        ...

    def render(self, index: int, turn: str | None = None) -> str:
        """The transcript of one dialogue exactly as the model is shown it; with ``turn``, as it
        is when a reply that starts so is asked for."""
        ...

    def close(self, which: Sequence[int]) -> None:
        """Free the memory of these dialogues; the others keep their index."""
        ...


@runtime_checkable
class Model(Protocol):
    """Who answers. :class:`InProcess` has what is the same for most models.

    Attributes:
        name: as the user wrote it.
        fingerprint: changes when weights, tokenizer or template do.
        dtype, device: resolved, never ``auto``.
        context: the longest transcript in tokens.
        in_flight: how many dialogues go on by themselves at a time, each from its own thread; 0:
            the dialogues of a chunk take each step together.
        thinking: as :func:`selfcorrect.models.thinking` has it.
        trusted: the Python in its folder was run.
        about: what else a run should say of it, for ``run.toml``: TOML's types, ``{}`` for nothing.
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def context(self) -> int: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def thinking(self) -> str: ...

    @property
    def trusted(self) -> bool: ...

    @property
    def about(self) -> Mapping[str, Any]: ...

    def open(self, dialogues: int) -> Conversation:
        """Begin that many empty dialogues."""
        ...

    def count(self, text: str) -> int:
        """How many tokens a rendered transcript has."""
        ...

    def check_images(self, images: Sequence[Image]) -> None:
        """Check that it takes images, one or more.

        Raises:
            UserError: it doesn't; names the first.
        """
        ...

    def check_states(self) -> None:
        """Check that hidden states can be read from it.

        Raises:
            UserError: they can't.
        """
        ...

    def check_steer(self, steer: Steer | None) -> None:
        """Check that its hidden states can be moved, by this steer where one is given.

        Raises:
            UserError: they can't.
        """
        ...

    def spent(self) -> str:
        """What was used so far, in words; "" if nothing is paid for, or nothing was used yet."""
        ...

    @property
    def used(self) -> Used:
        """The same in numbers."""
        ...

    def cancel(self) -> None:
        """End what is under way in other threads; the model can't be used after that."""
        ...

    def close(self) -> None:
        """Free what it holds beside memory (connections); it can't be used after that."""
        ...


class InProcess:
    """What is the same for most models that compute in this process: they take the dialogues of a
    chunk together, read text alone, show and move no hidden states, and cost nothing."""

    name: str
    in_flight = 0
    thinking = ""
    trusted = False

    @property
    def about(self) -> Mapping[str, Any]:
        return {}

    def check_images(self, images: Sequence[Image]) -> None:
        raise reads_text_only(images[0])

    def check_states(self) -> None:
        raise UserError(
            f"no hidden states can be read from the model {self.name!r}; use a local transformer, "
            "or ask for no states."
        )

    def check_steer(self, steer: Steer | None) -> None:  # noqa: ARG002 - none will do
        raise unsteerable(self.name)

    def spent(self) -> str:
        return ""

    @property
    def used(self) -> Used:
        return Used()

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        pass


def refuse_steers(name: str, requests: Sequence[Request | None]) -> None:
    """For a model that can't be steered.

    Raises:
        UserError: a request has a steer.
    """
    if any(request is not None and request.steer is not None for request in requests):
        raise unsteerable(name)
