"""A strategy as data: what is said and what is elicited, in round 1 and in every later round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: What can be elicited. ``answer`` ends the round.
KINDS = ("answer", "rationale", "critique", "feedback")

#: Roles that a message said may have.
ROLES = ("user", "assistant", "system", "tool")

#: Strategies that may ask the questions of a task that gives first answers, as controls.
ASKING = ("repeat", "baseline")

#: Tokens that a reply of each kind may have where its step doesn't say (``Step.max_tokens``).
MAX_TOKENS: Mapping[str, int] = {"answer": 8, "critique": 64, "rationale": 256, "feedback": 256}

#: What kinds of strategies there are, as they are listed.
GROUPS = (
    "self-correction",
    "baseline and controls",
    "feedback and reasons",
    "checking",
    "pictures",
    "other instructions",
    "injected answers",
    "defences",
    "given dialogues",
)

#: What a parameter of a strategy may be; a tuple is a list of rounds.
Parameter = tuple[int, ...] | int | float | str | bool


@dataclass(frozen=True, slots=True)
class Steering:
    """What the hidden states of a step are moved by, as a strategy or a spec says it.

    Attributes:
        concept: the name of a concept that is bound in the spec.
        alpha: how far, in units of the median norm of the layer's states; negative: away from it.
        layers: at the outputs of these layers, or the concept's ``chosen`` one, or of ``all``.
        at: ``transcript`` moves the states of every token, ``reply`` those from the last token
            before the reply on.
        part: ``whole``, the concept's direction; ``orthogonal:OTHER``, what of it is orthogonal to
            another concept's; ``random:SEED``, a drawn direction in its place.
    """

    concept: str
    alpha: float
    layers: tuple[int, ...] | Literal["chosen", "all"] = "chosen"
    at: Literal["transcript", "reply"] = "transcript"
    part: str = "whole"

    @property
    def concepts(self) -> tuple[str, ...]:
        """The names of the concepts that it needs."""
        kind, _, other = self.part.partition(":")
        return (self.concept, other) if kind == "orthogonal" else (self.concept,)

    def __str__(self) -> str:
        """As ``--steer`` takes it, the part in brackets."""
        layers = self.layers if isinstance(self.layers, str) else ",".join(map(str, self.layers))
        text = f"{self.concept}:{self.alpha:g}@{layers}:{self.at}"
        return text if self.part == "whole" else f"{text} ({self.part})"


@dataclass(frozen=True, slots=True)
class Replaced:
    """How often a verdict that the data dictate is put in the place of a critique: a controlled
    intervention.

    Attributes:
        right, wrong: what is said of an answer that is right, and of one that is wrong.
        truth: so often the verdict is the true one.
        falsehood: so often it is the other one; the rest of the time the model replies itself.
    """

    right: str
    wrong: str
    truth: float = 0.0
    falsehood: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One move in a round: exactly one of ``say``, ``elicit`` and ``given`` is set.

    Attributes:
        say: template of a message that is put in.
        elicit: what the model is asked for, one of ``KINDS``.
        given: the round is what the example's own dialogue holds of it: its messages are said, its
            answer is entered, and the options' likelihoods are read where its letter stands.
        role: role of the message said (``user``, ``assistant``, ``system``, ``tool``).
        rounds: only in these rounds (``None``: in all).
        except_rounds: not in these.
        when: kind → text that the dialogue's latest reply of it must be: ``{"critique": "no"}``.
        begin: this step begins another transcript: what was said before is no longer shown.
        image: which pictures the message shows: the example's (true), none (false), or those of the
            ``other`` example of its pair; ``None``: the example's where it says the question.
        source: name of another model bound in the spec who speaks (``from`` in the file);
            ``None`` is the run's own model.
        prefill: template of the text the reply starts with.
        choices: the reply is one of these (read from their likelihoods, the likeliest is taken).
        max_tokens: at most so many tokens; ``None`` is the kind's default.
        temperature: 0 is greedy.
        samples: how many replies are drawn.
        take: how one of several is chosen: ``first`` or ``majority``.
        steer: what the model's hidden states are moved by while it replies.
        replaced: how often a verdict that the data dictate stands in the place of the reply.
        place: the step's number in its section of the file, and ``line``, for errors.
    """

    say: str | None = None
    elicit: str | None = None
    given: bool = False
    role: str = "user"
    rounds: tuple[int, ...] | None = None
    except_rounds: tuple[int, ...] = ()
    when: Mapping[str, str] = field(default_factory=dict)
    begin: bool = False
    image: bool | Literal["other"] | None = None
    source: str | None = None
    prefill: str = ""
    choices: tuple[str, ...] = ()
    max_tokens: int | None = None
    temperature: float = 0.0
    samples: int = 1
    take: Literal["first", "majority"] = "first"
    steer: Steering | None = None
    replaced: Replaced | None = None
    place: int = field(default=0, compare=False)
    line: int = field(default=0, compare=False)  # equal steps are equal wherever they stand

    def applies(self, round: int) -> bool:
        """Whether the step belongs to this round (its ``when`` apart)."""
        return round not in self.except_rounds and (self.rounds is None or round in self.rounds)


@dataclass(frozen=True, slots=True)
class Stop:
    """When a dialogue ends before its last round.

    Attributes:
        unchanged: its answer was unchanged for so many rounds; ``None``: never for that.
        when: kind → text that its latest reply of it is; empty: never for that.
    """

    unchanged: int | None = None
    when: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy, read and checked, its parameters resolved.

    Attributes:
        first, again: the steps of round 1 and of every later round.
        parameters: what its parameters were set to.
        oracle: a controlled intervention that uses the truth; never ranked as a method.
        max_rounds: the strategy has no more rounds than this (``baseline``: 1), or ``None``.
        own: names that steps use in ``from`` and that mean the run's own model, in a transcript of
            its own, where the run binds no other model to them.
        group: of what kind it is, for whoever lists strategies; one of ours is of :data:`GROUPS`.
        path: the file it was read from, for errors.
    """

    name: str
    about: str
    source: str
    first: tuple[Step, ...]
    again: tuple[Step, ...]
    stop: Stop | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    oracle: bool = False
    max_rounds: int | None = None
    own: tuple[str, ...] = ()
    group: str = field(default="", compare=False)
    path: str = field(default="", compare=False)

    @property
    def asked(self) -> dict[str, int]:
        """Names of the further models that take part, with the line of the first such step."""
        steps = reversed((*self.first, *self.again))
        return {step.source: step.line for step in steps if step.source is not None}

    @property
    def steered(self) -> dict[str, int]:
        """Names of the concepts that its steps are steered by, with the line of the first such."""
        steps = reversed((*self.first, *self.again))
        return {n: step.line for step in steps if step.steer for n in step.steer.concepts}

    def steps(self, round: int) -> tuple[Step, ...]:
        """The steps of a round (from 1), those that don't apply in it left out."""
        return tuple(s for s in (self.first if round == 1 else self.again) if s.applies(round))
