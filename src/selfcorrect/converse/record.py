"""One row: what is recorded of a round of a dialogue, and of each of its steps.

The keys are the columns of :data:`selfcorrect.records.SCHEMA`, which says what each holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, fsum, log
from typing import Literal, TypedDict

from selfcorrect.concepts.recording import ActivationRecord
from selfcorrect.converse.finite import all_finite, finite, telling
from selfcorrect.messages import Message
from selfcorrect.models.base import Likelihood, Reply
from selfcorrect.models.generated import Generated
from selfcorrect.strategies import Steering
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.leaks import Told


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader of a record has to know.

    Attributes:
        code: which of them it is; programs go by this.
        text: a sentence on it, for people.
    """

    code: str
    text: str


STOPPED = Note("settled", "stopped early: the answer had settled")
DONE = Note("done", "stopped early: by what was replied, there was nothing left to do")
OUTGROWN = Note("outgrown", "the transcript outgrew the model's context window in an earlier round")
OVERFLOWED = Note(
    "overflowed", "hidden states under the steer were not finite in an earlier round: left out"
)
KEPT = Note("kept", "no new answer in this round: the earlier one stands")
ENDED = Note("ended", "the dialogue holds no such round: its last answer stands")
NO_FEEDBACK = Note("no feedback", "what was asked for as feedback came back empty")
OWN_MODEL = Note(
    "own model",
    "what another model may be asked for came from the run's own, in a transcript of its own",
)
TOLD_TRUTH = Note("true check", "the true verdict was put in the place of the critique")
TOLD_FALSEHOOD = Note("false check", "a false verdict was put in the place of the critique")
UNMEASURED = Note(
    "unmeasured",
    "the transcript is longer than the model's context window: no options were read",
)
UNTELLING = Note(
    "not finite", "the model's likelihoods of the options aren't finite: they are left out"
)
NO_LETTER = Note(
    "no letter", "the answer has no letter: its options were read after it, once more led in"
)
#: The code of what :func:`steered_note` says.
STEERED = "steered"
#: Codes of what follows from strategy and data; the others tell what was done otherwise than asked.
OWN_NOTES = frozenset(note.code for note in (STOPPED, DONE, OUTGROWN, OVERFLOWED, KEPT, ENDED)) | {
    STEERED,
    OWN_MODEL.code,
    TOLD_TRUTH.code,
    TOLD_FALSEHOOD.code,
    "thought kept",
    "thought dropped",
}


def told(reply: Reply) -> list[Note]:
    """What a model says of its reply."""
    code = reply.finish if reply.finish in ("overflow", "lost") else "model"
    return [Note(code, text) for text in reply.notes]


def steered_note(steering: Steering) -> Note:
    """By what a reply was steered."""
    return Note(STEERED, f"steered by {steering}")


class StepRecord(TypedDict):
    """One step as it happened."""

    kind: str
    role: str
    speaker: str
    begin: bool
    shown: bool
    text: str
    images: list[str]
    prefill: str | None
    finish: Literal["stop", "length", "context", "overflow", "lost", "choice", "given"] | None
    choices: list[str]
    choice_logp: list[float | None]
    token_ids: list[int]
    token_logps: list[float]
    prompt_tokens: int
    encoded: int
    reused: int
    generated: int
    drafted: int
    gap: float | None


class NoteRecord(TypedDict):
    """A note."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was asked of a model beside its answer, and never entered.

    Attributes:
        samples: replies to the prompt that the answer was elicited from.
        p_true: the probability that the answer is right, as the model says when asked.
        encoded: tokens that went through the model for all that, and for the likelihoods of
            options where a server was asked for them apart.
    """

    samples: tuple[SampleRecord, ...] = ()
    p_true: float | None = None
    encoded: int = 0


NOTHING_DRAWN = Drawn()


class NamedNumber(TypedDict):
    """One of the task's own numbers."""

    name: str
    value: float | None


class SampleRecord(TypedDict):
    """A reply that was drawn beside the answer and never entered."""

    text: str
    key: str | None
    logp: float | None
    tokens: int
    cut: bool


class Record(TypedDict):
    """One round of one dialogue."""

    example: str
    cluster: str
    round: int
    choices: list[str]
    text: str
    key: str | None
    choice: int | None
    problem: str | None
    cut: bool
    outcome: float | None
    target: int | None
    option_logp: list[float | None]
    option_tokens: list[int]
    option_p: list[float]
    option_mass: float | None
    likeliest: int | None
    confidence: float | None
    entropy: float | None
    first_choice_p: float | None
    prompt_tokens: int
    encoded: int
    reused: int
    generated: int
    drafted: int
    oracle: bool
    leak: bool | None
    names_answer: bool | None
    named: list[int] | None
    notes: list[NoteRecord]
    values: list[NamedNumber]
    samples: list[SampleRecord]
    likelihood: float | None
    agreement: float | None
    p_true: float | None
    sampled: int
    activations: list[ActivationRecord]
    steps: list[StepRecord]


def said_step(
    message: Message, *, begin: bool = False, shown: bool = True, speaker: str = "strategy"
) -> StepRecord:
    """The step in which a message was put in."""
    text = "".join(part for part in message.parts if isinstance(part, str))
    step = _step("say", message.role, speaker, text)
    step["begin"], step["shown"] = begin, shown
    step["images"] = [image.name for image in message.images]
    return step


def reply_step(
    kind: str, speaker: str, text: str, prefill: str, reply: Generated, *, shown: bool
) -> StepRecord:
    """The step in which a model spoke, or thought.

    Args:
        kind: what was elicited.
        speaker: the model's name.
        text: all of the message, prefill included.
        prefill: what the message began with.
        reply: what the model generated.
        shown: whether it stands in the run's own transcript.
    """
    step = _step(kind, "assistant", speaker, text)
    step["prefill"], step["shown"], step["finish"] = prefill, shown, reply.finish
    step["token_ids"], step["token_logps"] = list(reply.token_ids), all_finite(reply.token_logps)
    step["gap"] = finite(reply.gap)
    _add_costs(step, reply)
    return step


def choice_step(
    kind: str,
    speaker: str,
    text: str,
    prefill: str,
    reply: Reply,
    *,
    shown: bool,
    choices: Sequence[str],
) -> StepRecord:
    """The step in which the likeliest of its own choices was the reply."""
    step = reply_step(kind, speaker, text, prefill, reply, shown=shown)
    step["finish"], step["choices"] = "choice", list(choices)
    step["choice_logp"] = _logps(reply.options)
    return step


def given_step(text: str, prefill: str | None, reply: Reply) -> StepRecord:
    """The step in which an answer was entered that exists already.

    Args:
        text: the answer.
        prefill: what stands before its letter; ``None`` where it has none.
        reply: with which its options were read; what the model said is thrown away.
    """
    step = _step("answer", "assistant", "given", text)
    step["prefill"], step["finish"] = prefill, "given"
    _add_costs(step, reply)
    return step


def _add_costs(step: StepRecord, reply: Generated) -> None:
    step["prompt_tokens"] = reply.prompt_tokens
    step["encoded"], step["reused"] = reply.encoded, reply.reused
    step["generated"], step["drafted"] = reply.generated, reply.drafted


def _step(kind: str, role: str, speaker: str, text: str) -> StepRecord:
    return {
        "kind": kind,
        "role": role,
        "speaker": speaker,
        "begin": False,
        "shown": True,
        "text": text,
        "images": [],
        "prefill": None,
        "finish": None,
        "choices": [],
        "choice_logp": [],
        "token_ids": [],
        "token_logps": [],
        "prompt_tokens": 0,
        "encoded": 0,
        "reused": 0,
        "generated": 0,
        "drafted": 0,
        "gap": None,
    }


def option_p(options: Sequence[Likelihood]) -> list[float]:
    """The options' probabilities, from the first token at which they differ; they add up to 1.
    Nothing where the model's numbers tell none."""
    if not telling(options):
        return []
    logps = [option.logp - option.logp_shared for option in options]
    top = max(logps)
    weights = [exp(logp - top) for logp in logps]
    total = fsum(weights)
    return [weight / total for weight in weights]


def _logps(options: Sequence[Likelihood]) -> list[float | None]:
    """Those of options that can be compared; ``None`` for one that can't be said."""
    return [finite(option.logp) for option in options] if telling(options) else []


def record(
    example: Example,
    number: int,
    answer: Answer,
    grade: Grade,
    options: Sequence[Likelihood],
    first_choice: int | None,
    steps: list[StepRecord],
    notes: Sequence[Note],
    drawn: Drawn,
    activations: Sequence[ActivationRecord] = (),
    *,
    oracle: bool,
    told: Told,
) -> Record:
    """The row of one round.

    Args:
        number: of the round, from 1.
        answer: as it was graded.
        options: the likelihood of each of the example's choices, or nothing.
        first_choice: of round 1.
        steps: of this round.
        notes: on this round; equal ones are kept once.
        drawn: beside the answer.
        activations: of concepts, where it was elicited.
        oracle: whether the strategy uses what only the data know.
        told: what feedback of this round tells of answers.
    """
    p = option_p(options)
    notes = [*notes, UNTELLING] if options and not p else notes
    replies = [step for step in steps if step["kind"] != "say"]
    return {
        "example": example.id,
        "cluster": example.cluster,
        "round": number,
        "choices": list(example.choices),
        "text": answer.text,
        "key": answer.key,
        "choice": answer.choice,
        "problem": answer.problem,
        "cut": answer.cut,
        "outcome": None if grade.outcome is None else finite(float(grade.outcome)),
        "target": grade.target,
        "option_logp": _logps(options),
        "option_tokens": [option.tokens for option in options] if p else [],
        "option_p": p,
        "option_mass": min(1.0, fsum(exp(min(o.logp, 0.0)) for o in options)) if p else None,
        "likeliest": max(range(len(p)), key=p.__getitem__) if p else None,
        "confidence": p[answer.choice] if p and answer.choice is not None else None,
        "entropy": -fsum(x * log(x) for x in p if x > 0) if p else None,
        "first_choice_p": p[first_choice] if p and first_choice is not None else None,
        "prompt_tokens": max((step["prompt_tokens"] for step in replies), default=0),
        "encoded": sum(step["encoded"] for step in replies),
        "reused": sum(step["reused"] for step in replies),
        "generated": sum(step["generated"] for step in replies),
        "drafted": sum(step["drafted"] for step in replies),
        "oracle": oracle,
        "leak": told.leak,
        "names_answer": told.names_answer,
        "named": told.named,
        "notes": [{"code": note.code, "text": note.text} for note in dict.fromkeys(notes)],
        "values": _numbers(grade.values),
        "samples": list(drawn.samples),
        "likelihood": _likelihood(drawn.samples),
        "agreement": _agreement(drawn.samples, answer),
        "p_true": finite(drawn.p_true),
        "sampled": drawn.encoded,
        "activations": list(activations),
        "steps": steps,
    }


def _likelihood(samples: Sequence[SampleRecord]) -> float | None:
    """Mean over the samples of the mean log p of their tokens; ``None`` where one isn't known."""
    told = [(finite(s["logp"]), s["tokens"]) for s in samples]
    each = [logp / tokens for logp, tokens in told if logp is not None and tokens]
    return fsum(each) / len(each) if each and len(each) == len(samples) else None


def _agreement(samples: Sequence[SampleRecord], answer: Answer) -> float | None:
    """Share of the samples that say what the answer says; one that couldn't be read doesn't."""
    if not samples or answer.key is None:
        return None
    return sum(s["key"] == answer.key for s in samples) / len(samples)


def _numbers(values: Mapping[str, float | None]) -> list[NamedNumber]:
    return [
        {"name": name, "value": None if value is None else finite(float(value))}
        for name, value in values.items()
    ]
