"""Models with known answers, on which every measure can be tested: ``planted:chain``.

``planted:chain`` answers the task ``planted`` (``What is A + B?`` and lettered options) without
a network. What it does is a stated law, so that a measure has a right value to be compared with.

**Answers.** Each dialogue is a *stayer* with probability ``stay``, else a *mover*; this is
independent of everything else. The answer of round 1 is right with probability ``accuracy``. A
stayer keeps it for good. In each later round a mover that is right stays right with probability
``cl``; one that is wrong becomes right with probability ``cs``, or else goes to another wrong
option with probability ``wander``. A wrong option is drawn uniformly. So with
a_1 = accuracy, a_{t+1} = a_t cl + (1 − a_t) cs the share of right answers in round t is

    A_t = stay · accuracy + (1 − stay) · a_t

and over all dialogues, stayers included, the transitions from round t to t + 1 are

    CL_t = (stay · accuracy + (1 − stay) · a_t · cl) / A_t
    CS_t = (1 − stay) (1 − a_t) cs / (1 − A_t).

**Confidence.** In round t the probability c that the model gives to the option it answers obeys

    P(right | c) = c − gap,

for every c: ``gap`` 0 is perfect calibration, and mean confidence − accuracy is ``gap`` in every
round. q = c − gap is drawn from a beta distribution stretched over
[max(0, −gap), min(1, 1 − gap)] = [l, h], with mean A_t and precision κ = 1/sharpness − 1:

    q = l + (h − l) B,   B ~ Beta(κμ, κ(1 − μ)),   μ = (A_t − l)/(h − l),

so Var q = sharpness · (A_t − l)(h − A_t): ``sharpness`` 0 says A_t every time, near 1 nearly
always l or h. Right answers come from the chain, so B is drawn by Bayes' rule *given* that the
answer is right, or wrong:

    right: Beta(κμ + 1, κ(1 − μ)) with probability (A_t − l)/A_t,       else Beta(κμ, κ(1 − μ))
    wrong: Beta(κμ, κ(1 − μ) + 1) with probability (h − A_t)/(1 − A_t), else Beta(κμ, κ(1 − μ)).

Given whether the answer is right, c depends on nothing else, neither on the stayers nor on other
rounds; so with gap 0 the mean confidence of right answers is ``sharpness`` above that of wrong
ones. The other options share 1 − c equally, and as wrong options are exchangeable the whole
distribution over the options is calibrated too. The option answered need not be the likeliest,
as with answers that are drawn. All of them together have the probability ``mass`` (the
``option_mass`` of every round). A probability never comes closer than 1e-6 to 0 or 1.

**What it reads.** The question is the latest one in a user message. Earlier assistant messages
that name an option, ``(b)``, are earlier rounds; the last of them is the answer that stays or
changes, whoever wrote it. Within one assistant turn the answer doesn't change. Whatever is
elicited, the reply is the answer, except where likelihoods are asked for texts that aren't
options (``yes``, ``no``): one of them, drawn uniformly, gets .9 and is the reply.

**Chance.** Every draw is a hash of (seed, first user message, latest user message, round), and
of the request's seed if its temperature isn't 0, in which case the reply is drawn anew from the
same law. Nothing depends on the batch, the chunk or the limit. Arms that share a transcript share
their answers; where their instructions part, they are independent given the earlier answers.

Tokens are words between white space, counted as if a prefix cache were kept.
"""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from selfcorrect.errors import UserError, nearest
from selfcorrect.models.base import Message, Reply, Request, TextScore, message

_LAW_VERSION = 1  # part of the fingerprint: bumped when the law or its draws change
_NEAREST_TO_CERTAIN = 1e-6
_NO_SPREAD = 1e-6  # sharpness that can't be told from 0
_DRAWN_CHOICE = 0.9
_QUESTION = re.compile(
    r"What is (-?\d{1,18}) \+ (-?\d{1,18})\?((?:\s*\n[ \t]*\([a-z]\) -?\d{1,19}(?!\S))+)"
)
_OPTION = re.compile(r"\(([a-z])\) (-?\d+)")
_ANSWER = re.compile(r"\(([a-z])\)")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """What ``planted:chain`` does; the module says what each number means.

    Raises:
        UserError: if a number is out of its range, or ``gap`` leaves no room for the accuracy of
            some round.
    """

    accuracy: float = 0.6
    cl: float = 0.95
    cs: float = 0.1
    stay: float = 0.3
    wander: float = 0.1
    sharpness: float = 0.3
    gap: float = 0.0
    mass: float = 0.98
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("accuracy", "cl", "cs", "stay", "wander"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"planted:chain: {name} is a probability, from 0 to 1")
        if not 0 <= self.sharpness < 1:
            raise UserError("planted:chain: sharpness is from 0 up to, but not, 1")
        if not 0 < self.mass < 1:
            raise UserError("planted:chain: mass is between 0 and 1, neither of them included")
        if not -1 < self.gap < 1:
            raise UserError("planted:chain: gap is between -1 and 1")
        low, high = self.range
        # a_t moves towards its limit, from one side or alternating, so rounds 1 and 2 are extreme
        for round in (1, 2, 1_000_000):
            if not low <= self.accuracy_at(round) <= high:
                raise UserError(
                    f"planted:chain: gap={self.gap:g} is impossible where a round's accuracy is "
                    f"{self.accuracy_at(round):.3g}: a confidence would not be between 0 and 1"
                )

    @property
    def range(self) -> tuple[float, float]:
        """Between what P(right | c) lies: [l, h]."""
        return max(0.0, -self.gap), min(1.0, 1.0 - self.gap)

    def movers_accuracy_at(self, round: int) -> float:
        """a_t: the share of right answers among the movers, rounds counted from 1."""
        memory = self.cl - self.cs
        if memory == 1:  # nothing moves
            return self.accuracy
        limit = self.cs / (1 - memory)
        return limit + memory ** (round - 1) * (self.accuracy - limit)

    def accuracy_at(self, round: int) -> float:
        """A_t: the share of right answers, rounds counted from 1."""
        movers = self.movers_accuracy_at(round)
        return min(1.0, max(0.0, self.stay * self.accuracy + (1 - self.stay) * movers))

    def transitions(self, round: int) -> tuple[float, float]:
        """(CL_t, CS_t) over all dialogues, from this round to the next; NaN where undefined."""
        movers, all_right = self.movers_accuracy_at(round), self.accuracy_at(round)
        kept = self.stay * self.accuracy + (1 - self.stay) * movers * self.cl
        gained = (1 - self.stay) * (1 - movers) * self.cs
        return (
            kept / all_right if all_right > 0 else math.nan,
            gained / (1 - all_right) if all_right < 1 else math.nan,
        )

    def confidences(
        self, rounds: Sequence[int], right: Sequence[bool], branch: Floats, level: Floats
    ) -> Floats:
        """The confidence of each answer, in [1e-6, 1 − 1e-6].

        Args:
            rounds, right: of each answer, its round and whether it is right; n of each.
            branch, level: uniform draws [n]: which of the two beta distributions, and where in it.
        """
        low, high = self.range
        truth = np.asarray(right, dtype=bool)
        of_round = {t: self.accuracy_at(t) for t in set(rounds)}
        accuracy = np.array([of_round[t] for t in rounds])
        mean = np.clip((accuracy - low) / (high - low), 0, 1)
        spread = (self.sharpness > _NO_SPREAD) & (mean > 0) & (mean < 1)
        precision = 1 / max(self.sharpness, _NO_SPREAD) - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(
                truth, (accuracy - low) / accuracy, (high - accuracy) / (1 - accuracy)
            )
        tilted = branch < weight
        a = np.where(spread, precision * mean + (truth & tilted), 1.0)
        b = np.where(spread, precision * (1 - mean) + (~truth & tilted), 1.0)
        share = np.where(spread, betaincinv(a, b, level), mean)
        confidence: Floats = np.clip(
            low + (high - low) * share + self.gap, _NEAREST_TO_CERTAIN, 1 - _NEAREST_TO_CERTAIN
        )
        return confidence


@dataclass
class Chain:
    """The model ``planted:chain``: see the module, and :class:`selfcorrect.models.base.Model`."""

    name: str
    law: Law
    context: int = 1_000_000
    dtype: str = "float64"
    device: str = "cpu"
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        stated = f"planted:chain {_LAW_VERSION} {sorted(asdict(self.law).items())}"
        self.fingerprint = hashlib.blake2b(stated.encode(), digest_size=16).hexdigest()

    def open(self, dialogues: int) -> ChainConversation:
        return ChainConversation(self, [[] for _ in range(dialogues)], [()] * dialogues)

    def count(self, text: str) -> int:
        return len(text.split())


def load(name: str) -> Chain:
    """Open ``planted:chain``, or ``planted:chain?accuracy=0.5,gap=0.1``; see :class:`Law`.

    Raises:
        UserError: an unknown model or setting (with the nearest names), or a value that isn't a
            number or is out of its range.
    """
    kind, _, stated = name.partition("?")
    if kind != "planted:chain":
        raise UserError(f"unknown planted model {kind!r}: {nearest(kind, ['planted:chain'])}")
    known: Mapping[str, type[int] | type[float]] = {
        f.name: int if f.name == "seed" else float for f in fields(Law)
    }
    settings: dict[str, Any] = {}
    for setting in stated.split(",") if stated else ():
        key, equals, value = (part.strip() for part in setting.partition("="))
        if not equals:
            raise UserError(f"{name}: a setting is name=number, not {setting!r}")
        if key not in known:
            raise UserError(f"{name}: unknown setting {key!r}: {nearest(key, known)}")
        if key in settings:
            raise UserError(f"{name}: {key} is set twice")
        try:
            settings[key] = known[key](value)
        except ValueError:
            wanted = "a whole number" if known[key] is int else "a number"
            raise UserError(f"{name}: {key} must be {wanted}, not {value!r}") from None
    return Chain(name, Law(**settings))


@dataclass(frozen=True, slots=True)
class _Question:
    """The options' labels and numbers, which of them is right, and the ways to write each."""

    labels: str
    numbers: tuple[str, ...]
    truth: int
    written: Mapping[str, int]

    def answer(self, text: str) -> int | None:
        """The option that a message names last."""
        named = [self.labels.find(label) for label in _ANSWER.findall(text)]
        return next((option for option in reversed(named) if option >= 0), None)

    def option(self, text: str) -> int | None:
        """The option that a text is: ``b``, ``b)``, ``(b)``, ``b) 703``, ``(b) 703`` or ``703``."""
        return self.written.get(text.strip())


@dataclass(frozen=True, slots=True)
class _Turn:
    """What the model is about to answer, with the draws that belong to it."""

    question: _Question
    round: int
    given: int
    branch: float
    level: float
    choice: float

    @property
    def right(self) -> bool:
        return self.given == self.question.truth


class ChainConversation:
    """See :class:`selfcorrect.models.base.Conversation`."""

    def __init__(
        self, model: Chain, messages: list[list[Message]], cached: list[tuple[str, ...]]
    ) -> None:
        self.model = model
        self.messages = messages
        self._cached = cached  # words of each dialogue that a model would hold in its cache

    def say(self, messages: Sequence[Message | None]) -> None:
        for mine, new in zip(self.messages, messages, strict=True):
            if new is not None:
                _append(mine, new)

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        for row, new in enumerate(messages):
            if new is not None:
                self.messages[row] = []
                for each in new:
                    _append(self.messages[row], each)

    def branch(self, copies: int = 1) -> ChainConversation:
        rows = [row for row in range(len(self.messages)) for _ in range(copies)]
        return ChainConversation(
            self.model,
            [list(self.messages[row]) for row in rows],
            [self._cached[row] for row in rows],
        )

    def close(self, which: Sequence[int]) -> None:
        for row in which:
            self.messages[row], self._cached[row] = [], ()

    def render(self, index: int, turn: str | None = None) -> str:
        begun = [] if turn is None else [message("assistant", turn)]
        return _render([*self.messages[index], *begun])

    def elicit(self, requests: Sequence[Request | None]) -> Sequence[Reply | None]:
        rows = [row for row, request in enumerate(requests) if request is not None]
        asked = [request for request in requests if request is not None]
        turns = [
            _turn(self.model.law, self.messages[row], request.seed if request.temperature else None)
            for row, request in zip(rows, asked, strict=True)
        ]
        replies: list[Reply | None] = [None] * len(requests)
        confidences = self._confidences(turns)
        for row, request, turn, confidence in zip(rows, asked, turns, confidences, strict=True):
            replies[row] = self._reply(row, request, turn, confidence)
        return replies

    def score(self, texts: Sequence[Sequence[str] | None]) -> Sequence[Sequence[TextScore] | None]:
        rows = [row for row, mine in enumerate(texts) if mine]
        turns = [_turn(self.model.law, self.messages[row], None) for row in rows]
        scores: list[Sequence[TextScore] | None] = [None if t is None else [] for t in texts]
        for row, turn, confidence in zip(rows, turns, self._confidences(turns), strict=True):
            mine = texts[row] or ()
            logps = _likelihoods(turn, confidence, mine, self.model.law.mass)
            scores[row] = [
                TextScore(logp, max(1, len(text.split())))
                for logp, text in zip(logps, mine, strict=True)
            ]
        return scores

    def _confidences(self, turns: Sequence[_Turn]) -> list[float]:
        drawn: list[float] = self.model.law.confidences(
            [turn.round for turn in turns],
            [turn.right for turn in turns],
            np.array([turn.branch for turn in turns]),
            np.array([turn.level for turn in turns]),
        ).tolist()
        return drawn

    def _reply(self, row: int, request: Request, turn: _Turn, confidence: float) -> Reply:
        messages = self.messages[row]
        earlier, opened = messages, request.prefill
        if messages and messages[-1].role == "assistant":
            earlier, opened = messages[:-1], f"{messages[-1].text}\n\n{request.prefill}"
        start = _render([*earlier, message("assistant", opened)])
        prompt = start.split()
        if len(prompt) + request.max_tokens > self.model.context:
            notes = ("the transcript is longer than the model's context window",)
            return Reply("", "context", prompt_tokens=len(prompt), notes=notes)
        logps = _likelihoods(turn, confidence, request.options, self.model.law.mass)
        words = _words(turn, request.options, logps)
        text = " ".join(words[: request.max_tokens])
        if opened.endswith("("):
            text = text.removeprefix("(")
        elif text and opened and not opened[-1].isspace():
            text = f" {text}"
        messages[:] = [*earlier, message("assistant", opened + text)]
        reused = min(_common(self._cached[row], prompt), len(prompt) - 1)
        self._cached[row] = tuple((start + text).split())
        generated = min(len(words) + 1, request.max_tokens)  # one for the end of the reply
        return Reply(
            text=text,
            finish="stop" if len(words) < request.max_tokens else "length",
            options=tuple(TextScore(logp, 1) for logp in logps),
            prompt_tokens=len(prompt),
            encoded=len(prompt) - reused + generated,
            reused=reused,
            generated=generated,
        )


def _turn(law: Law, messages: Sequence[Message], sample: int | None) -> _Turn:
    """What comes next in a dialogue: a function of its transcript (and of a sample's seed)."""
    users = [m.text for m in messages if m.role == "user"]
    question = _question(users)
    open_turn = messages[-1].text if messages[-1].role == "assistant" else ""
    earlier = messages[:-1] if open_turn else messages
    answers = [question.answer(m.text) for m in earlier if m.role == "assistant"]
    past = [answer for answer in answers if answer is not None]
    round = len(past) + 1
    event, where, wanders, branch, level, choice = _uniform(
        law.seed, "round", round, "greedy" if sample is None else sample, users[0], users[-1]
    )
    wrong = [option for option in range(len(question.labels)) if option != question.truth]
    given = question.answer(open_turn)
    if given is None:
        if not past:
            right = event < law.accuracy
            given = question.truth if right else wrong[int(where * len(wrong))]
        elif _uniform(law.seed, "dialogue", users[0])[0] < law.stay:
            given = past[-1]
        elif past[-1] == question.truth:
            given = question.truth if event < law.cl else wrong[int(where * len(wrong))]
        else:
            others = [option for option in wrong if option != past[-1]]
            given = past[-1]
            if event < law.cs:
                given = question.truth
            elif others and wanders < law.wander:
                given = others[int(where * len(others))]
    return _Turn(question, round, given, branch, level, choice)


def _question(users: Sequence[str]) -> _Question:
    """The latest question that the user's messages hold."""
    for text in reversed(users):
        if question := _read_question(text):
            return question
    raise UserError(
        "planted:chain answers the task 'planted' only: questions such as 'What is 3 + 4?' with "
        "lettered numbers to choose from, one of them right"
    )


@lru_cache(maxsize=1024)  # a chunk's questions are read once, not once a round
def _read_question(text: str) -> _Question | None:
    found = list(_QUESTION.finditer(text))
    if not found:
        return None
    options = _OPTION.findall(found[-1][3])
    labels = "".join(label for label, _ in options)
    numbers = tuple(number for _, number in options)
    total = str(int(found[-1][1]) + int(found[-1][2]))
    if not len(set(labels)) == len(labels) >= 2 or numbers.count(total) != 1:
        return None
    written = {
        way: n
        for n, (a, x) in enumerate(options)
        for way in (x, a, f"{a})", f"({a})", f"{a}) {x}", f"({a}) {x}")
    }
    return _Question(labels, numbers, numbers.index(total), written)


def _uniform(*key: object) -> tuple[float, ...]:
    """Six uniform draws in [0, 1) that belong to this key."""
    text = "\0".join(map(str, key)).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=48).digest()
    return tuple((bits >> 11) * 2.0**-53 for bits in struct.unpack("<6Q", digest))


def _likelihoods(turn: _Turn, confidence: float, texts: Sequence[str], mass: float) -> list[float]:
    """log p of each text as the reply, in nats."""
    options = [turn.question.option(text) for text in texts]
    if not any(option is not None for option in options):
        drawn = int(turn.choice * len(texts))
        rest = (1 - _DRAWN_CHOICE) / max(1, len(texts) - 1)
        return [math.log(_DRAWN_CHOICE if n == drawn else rest) for n in range(len(texts))]
    others = (1 - confidence) / (len(turn.question.labels) - 1)
    return [
        math.log((1 - mass) / len(texts))
        if option is None
        else math.log(mass * (confidence if option == turn.given else others))
        for option in options
    ]


def _words(turn: _Turn, texts: Sequence[str], logps: Sequence[float]) -> list[str]:
    """The whole reply in words: the answer, or the drawn one of texts that aren't options."""
    if texts and all(turn.question.option(text) is None for text in texts):
        return texts[max(range(len(texts)), key=logps.__getitem__)].split()
    return [f"({turn.question.labels[turn.given]})", turn.question.numbers[turn.given]]


def _append(messages: list[Message], new: Message) -> None:
    if messages and messages[-1].role == new.role:
        new = message(new.role, f"{messages.pop().text}\n\n{new.text}")
    messages.append(new)


def _render(messages: Sequence[Message]) -> str:
    return "\n\n".join(f"{m.role.capitalize()}: {m.text}" for m in messages)


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common prefix."""
    if tuple(b[: len(a)]) == tuple(a):  # the usual case, and quick
        return len(a)
    pairs = zip(a, b, strict=False)
    return next((n for n, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))
