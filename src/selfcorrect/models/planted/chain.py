"""``planted:chain``: a model whose accuracy, transitions and calibration are stated.

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
of the request's seed if its temperature isn't 0, in which case the reply is drawn again from the
same law. Nothing depends on the batch, the chunk or the limit. Arms that share a transcript share
their answers; where their instructions part, they are independent given the earlier answers.

Tokens are words between white space, counted as if a prefix cache were kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.models.planted.conversation import OptionTurn, Planted
from selfcorrect.models.planted.questions import Question, read, uniform

_NEAREST_TO_CERTAIN = 1e-6
_NO_SPREAD = 1e-6  # sharpness that can't be told from 0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """What ``planted:chain`` does; the module says what each number means.

    Raises:
        UserError: if a number is out of its range, or ``gap`` leaves no room for the accuracy of
            some round.
    """

    KIND: ClassVar[str] = "planted:chain"
    VERSION: ClassVar[int] = 1

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

    def turns(
        self, dialogues: Sequence[Sequence[Message]], samples: Sequence[int | None]
    ) -> list[OptionTurn]:
        """See :class:`selfcorrect.models.planted.conversation.PlantedLaw`."""
        drawn = [_draw(self, m, sample) for m, sample in zip(dialogues, samples, strict=True)]
        confidences = self.confidences(
            [draw.round for draw in drawn],
            [draw.given == draw.question.truth for draw in drawn],
            np.array([draw.branch for draw in drawn]),
            np.array([draw.level for draw in drawn]),
        ).tolist()
        return [_turn(draw, c, self.mass) for draw, c in zip(drawn, confidences, strict=True)]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The answer to come, with the draws that decide its confidence."""

    question: Question
    round: int
    given: int
    branch: float
    level: float
    choice: float


def _draw(law: Law, messages: Sequence[Message], sample: int | None) -> _Drawn:
    dialogue = read(law.KIND, messages)
    question, past, given = dialogue.question, dialogue.past, dialogue.begun
    event, where, wanders, branch, level, choice = dialogue.draws(
        law.seed, "round", dialogue.round, "greedy" if sample is None else sample
    )
    wrong = question.wrong
    if given is None:
        if not past:
            right = event < law.accuracy
            given = question.truth if right else wrong[int(where * len(wrong))]
        elif uniform(law.seed, "dialogue", dialogue.users[0])[0] < law.stay:
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
    return _Drawn(question, dialogue.round, given, branch, level, choice)


def _turn(drawn: _Drawn, confidence: float, mass: float) -> OptionTurn:
    options = range(len(drawn.question.labels))
    others = (1 - confidence) / (len(options) - 1)
    p = tuple(confidence if option == drawn.given else others for option in options)
    return OptionTurn(drawn.question, drawn.given, p, mass, drawn.choice)


Chain = Planted[Law]
