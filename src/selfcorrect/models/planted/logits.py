"""``planted:logits``: a model without concepts, whose logits move by a rule from round to round.

It answers the task ``planted`` without a network. It is what a study of concepts must not mistake
for concepts: it sharpens its own first distribution, drifts, or copies what stands in the
transcript.

**Round 1.** p+ and p− are those of :mod:`selfcorrect.models.planted.two_concept`: p+ gives the
right option the probability ``plus``, p− gives the question's lure ``minus``. With which of them a
dialogue begins depends on its first user message alone, by the words that begin with ``correct``
less those that begin with ``incorrect``: p− where that is below 0, p+ where it is above 1, else the
mixture with the share e of p−, log(e/(1 − e)) = log(start/(1 − start)) + spread · z_c, with one
standard normal z_c for each cluster. So ``negation`` begins with p−, ``anchor`` with p+, and both
stay there.

**Later rounds.** With z_1 the logarithms of round 1's distribution, in a dialogue that began
between p+ and p−, an option o has in round t the logit

    sharpen^(t − 1) · z_1o + (t − 1) · drift · 1[o is right] + copy · (how often o was answered).

With ``sharpen`` 1, ``drift`` 0 and ``copy`` 0 nothing changes. Nothing that is said after the first
user message matters. Noise of standard deviation ``noise``, independent in every record and option,
is added to the logits; that of round 1 belongs to z_1.

**Answers, what it reads, and chance.** As in :mod:`selfcorrect.models.planted.two_concept`: the
answer is drawn from the distribution, and every draw is a hash of what it belongs to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

import numpy as np
from scipy.special import expit, log_softmax, logit

from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.models.planted.conversation import OptionTurn
from selfcorrect.models.planted.questions import Dialogue, normal, read, uniform
from selfcorrect.models.planted.two_concept import Floats, TwoConcept, count_mentions

_SHARPEST = 14.0  # log of an exponent beyond which nothing gets sharper
_MOST = 100.0  # of a logit's change a round: far beyond what a real one could be


@dataclass(frozen=True)
class Logits:
    """What ``planted:logits`` does; the module says what each number means.

    Raises:
        UserError: if a number is out of its range.
    """

    KIND: ClassVar[str] = "planted:logits"
    VERSION: ClassVar[int] = 1

    sharpen: float = 1.0
    drift: float = 0.0
    copy: float = 0.0
    plus: float = 0.85
    minus: float = 0.7
    start: float = 0.85
    spread: float = 0.0
    noise: float = 0.1
    mass: float = 0.98
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("start", "mass"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"{self.KIND}: {name} is between 0 and 1, neither of them included")
        if not 0 <= self.sharpen <= 10:
            raise UserError(f"{self.KIND}: sharpen is a factor from 0 to 10")
        for name in ("drift", "copy"):
            if not -_MOST <= getattr(self, name) <= _MOST:
                raise UserError(f"{self.KIND}: {name} is added to a logit, at most {_MOST:g}")
        for name in ("spread", "noise"):
            if not 0 <= getattr(self, name) <= _MOST:
                raise UserError(f"{self.KIND}: {name} is a standard deviation, from 0 to {_MOST:g}")
        self.ends()

    def ends(self) -> TwoConcept:
        """Who states p+, p− and the lure.

        Raises:
            UserError: they can't be as stated.
        """
        return TwoConcept(plus=self.plus, minus=self.minus, seed=self.seed)

    def turns(
        self, dialogues: Sequence[Sequence[Message]], samples: Sequence[int | None]
    ) -> list[OptionTurn]:
        """See :class:`selfcorrect.models.planted.conversation.PlantedLaw`."""
        ends = self.ends()
        return [_turn(self, ends, m, sample) for m, sample in zip(dialogues, samples, strict=True)]


def _turn(
    law: Logits, ends: TwoConcept, messages: Sequence[Message], sample: int | None
) -> OptionTurn:
    dialogue = read(law.KIND, messages)
    z = _logits(law, ends, dialogue)
    p = tuple(np.exp(z).tolist())
    event, choice, *_ = dialogue.draws(
        law.seed, law.KIND, "round", dialogue.round, "greedy" if sample is None else sample
    )
    given = dialogue.begun
    if given is None:
        given = next((n for n, up_to in enumerate(accumulate(p)) if event < up_to), len(p) - 1)
    return OptionTurn(dialogue.question, given, p, law.mass, choice)


def _logits(law: Logits, ends: TwoConcept, dialogue: Dialogue) -> Floats:
    """log p_t of every option [K]."""
    question, past = dialogue.question, dialogue.past
    options = len(question.labels)
    plus, minus = ends.concepts(options, question.truth, ends.lure(question))
    mentions = count_mentions(dialogue.users[0])
    share = 0.0 if mentions > 1 else 1.0
    moves = mentions in (0, 1)
    if moves:
        between = uniform(law.seed, law.KIND, "cluster", question.terms[0])
        share = float(expit(logit(law.start) + law.spread * normal(*between[:2])))
    first = log_softmax(np.log((1 - share) * plus + share * minus) + _noise(law, dialogue, 1))
    if dialogue.round == 1:
        return np.asarray(first)
    z = np.array(first)
    if moves:
        log_power = len(past) * math.log(law.sharpen) if law.sharpen else -math.inf
        z = math.exp(min(log_power, _SHARPEST)) * z
        z[question.truth] += law.drift * len(past)
        z += law.copy * np.bincount(past, minlength=options)
    z = log_softmax(z + _noise(law, dialogue, dialogue.round))
    return np.asarray(log_softmax(np.maximum(z, math.log(1e-6))))


def _noise(law: Logits, dialogue: Dialogue, round: int) -> Floats:
    """Of every option in a round [K]."""
    key = (law.seed, law.KIND, "noise", round, dialogue.users[0])
    options = range(len(dialogue.question.labels))
    return law.noise * np.array([normal(*uniform(*key, option)[:2]) for option in options])
