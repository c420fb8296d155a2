"""``planted:two-concept``: a model that is unsure which of two concepts governs a dialogue.

It answers the task ``planted`` without a network, with a mixture that Bayes' rule moves. As all of
it is stated, a fit of the two-concept model has right values to be compared with.

**Answers.** Of K options, in round t, with ε_t = P(C− | the transcript so far),

    p_t = (1 − ε_t) p+ + ε_t p−.

C+ is the wanted concept: p+ gives the right option the probability ``plus``, and the others
share 1 − plus equally. C− is the other one: p− gives one wrong option, the question's *lure*,
the probability ``minus``, and the others, the right one among them, share 1 − minus equally. The
lure is drawn once per question, uniformly. The answer is drawn from p_t, and the likelihoods of the
options are mass · p_t exactly; confidence is p_t of the answer. So the option answered need not be
the likeliest. Where plus = minus = 1/K, and with two options where plus + minus = 1, p+ and p− are
the same, and no answer tells which concept governs.

**Concepts.** The odds o_t = ε_t / (1 − ε_t) are

    log o_t = log o_0 + m_t log ρ + answers · Σ_s log (p−(y_s) / p+(y_s)) + noise · z_t.

- log o_0 = log(prior / (1 − prior)) + spread · z_c: one standard normal z_c for each cluster,
  the questions with the same first term. ``prior`` is P(C−) before anything is said.
- m_t counts, over all user messages of the transcript, words that begin with ``correct`` minus
  words that begin with ``incorrect``, in upper or lower case. Nothing else that is said matters.
  ``rho`` is what one mention multiplies the odds by.
- y_s are the answers that earlier assistant messages name, whoever wrote them. With ``answers`` 0
  they are no evidence. With 1 they are, as Bayes has it; without instructions ε_t then is a
  martingale, E[ε_{t+1} | ε_t] = ε_t, and noise is the only thing that can bend it.
- z_t is standard normal, independent in every record: it doesn't accumulate.

So with the strategy ``intrinsic``, whose goal and review have one mention each, m_t = t and the
odds change by the factor ρ a round. In ``negation`` m_t = −t, and in ``repeat`` m_t = 1.

**What it reads, and chance.** As in :mod:`selfcorrect.models.planted.chain`: the latest question in
a user message; within one assistant turn the answer doesn't change; texts that aren't options
get .9 for one drawn uniformly. Every draw is a hash of (seed, first user message, latest user
message, round), an answer's also of the request's seed if its temperature isn't 0; but the lure is
one of (seed, the sum and its wrong numbers), z_c of (seed, first term). Nothing depends on the
batch, the chunk or the limit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.models.planted.conversation import OptionTurn
from selfcorrect.models.planted.questions import Dialogue, Question, normal, read, uniform

_MENTION = re.compile(r"\b(in)?correct\w*", re.IGNORECASE)
_LEAST = 1e-6  # so that every option keeps a likelihood
_WIDEST = 100.0  # a standard deviation of log odds: far beyond what a real one could be

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TwoConcept:
    """What ``planted:two-concept`` does; the module says what each number means.

    Raises:
        UserError: if a number is out of its range.
    """

    KIND: ClassVar[str] = "planted:two-concept"
    VERSION: ClassVar[int] = 1

    plus: float = 0.85
    minus: float = 0.7
    prior: float = 0.9
    rho: float = 0.6
    answers: int = 0
    spread: float = 0.0
    noise: float = 0.1
    mass: float = 0.98
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("plus", "minus"):
            if not _LEAST <= getattr(self, name) <= 1 - _LEAST:
                raise UserError(
                    f"{self.KIND}: {name} is a probability between 0 and 1, no nearer to either "
                    f"than {_LEAST:g}"
                )
        for name in ("prior", "mass"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"{self.KIND}: {name} is between 0 and 1, neither of them included")
        if not 0 < self.rho < math.inf:
            raise UserError(f"{self.KIND}: rho is a ratio of odds, a number above 0")
        if self.answers not in (0, 1):
            raise UserError(f"{self.KIND}: answers is 0 (no evidence) or 1 (evidence)")
        for name in ("spread", "noise"):
            if not 0 <= getattr(self, name) <= _WIDEST:
                raise UserError(
                    f"{self.KIND}: {name} is a standard deviation of log odds, from 0 to "
                    f"{_WIDEST:g}"
                )

    def log_odds(self, mentions: int, evidence: float = 0.0) -> float:
        """log o_t at the centre of clusters and noise (z_c = z_t = 0), in nats.

        Args:
            mentions: m_t, see :func:`count_mentions`.
            evidence: Σ_s log (p−(y_s) / p+(y_s)) of the answers that count.
        """
        prior = math.log(self.prior) - math.log1p(-self.prior)
        return prior + mentions * math.log(self.rho) + evidence

    def epsilon(self, mentions: int, evidence: float = 0.0) -> float:
        """ε_t at the centre of clusters and noise; arguments as :meth:`log_odds`."""
        return float(expit(self.log_odds(mentions, evidence)))

    def mean_epsilon(self, mentions: int) -> float:
        """E[ε_t] over clusters and noise, to be expected of a mean over records.

        Raises:
            UserError: with ``answers`` 1, as ε_t then depends on what was answered.
        """
        if self.answers:
            raise UserError(
                f"{self.KIND}: with answers=1 the mean of ε depends on what was answered; set "
                "answers=0, or give the evidence to epsilon"
            )
        width = math.hypot(self.spread, self.noise)
        # The trapezoidal rule errs by exp(−2π² / (width · step)): nothing, at this step.
        z = np.linspace(-9, 9, 20_001)
        density = np.exp(-(z**2) / 2)
        return float(density @ expit(self.log_odds(mentions) + width * z) / density.sum())

    def concepts(self, options: int, truth: int, lure: int) -> tuple[Floats, Floats]:
        """p+ and p− of a question with so many options [K] each."""
        plus = np.full(options, (1 - self.plus) / (options - 1))
        minus = np.full(options, (1 - self.minus) / (options - 1))
        plus[truth], minus[lure] = self.plus, self.minus
        return plus, minus

    def total_variation(self, options: int) -> float:
        """½ Σ_o |p+_o − p−_o|, the same for every question with so many options."""
        plus, minus = self.concepts(options, 0, 1)
        return float(np.abs(plus - minus).sum() / 2)

    def p_right(self, mentions: int, options: int) -> float:
        """E of the probability of the right option: the accuracy to be expected.

        Raises:
            UserError: as :meth:`mean_epsilon`.
        """
        epsilon = self.mean_epsilon(mentions)
        return (1 - epsilon) * self.plus + epsilon * (1 - self.minus) / (options - 1)

    def lure(self, question: Question) -> int:
        """The wrong option that C− prefers: the same number in whatever order they are shown."""
        wrong = sorted(question.wrong, key=lambda option: int(question.numbers[option]))
        numbers = [question.numbers[option] for option in wrong]
        drawn = uniform(self.seed, self.KIND, "lure", *question.terms, *numbers)[0]
        return wrong[int(drawn * len(wrong))]

    def turns(
        self, dialogues: Sequence[Sequence[Message]], samples: Sequence[int | None]
    ) -> list[OptionTurn]:
        """See :class:`selfcorrect.models.planted.conversation.PlantedLaw`."""
        return [_turn(self, m, sample) for m, sample in zip(dialogues, samples, strict=True)]


@lru_cache(maxsize=4096)  # a review is the same text in every round of every dialogue
def count_mentions(text: str) -> int:
    """How many words begin with ``correct``, less those that begin with ``incorrect``."""
    return sum(-1 if prefix else 1 for prefix in _MENTION.findall(text))


def _turn(law: TwoConcept, messages: Sequence[Message], sample: int | None) -> OptionTurn:
    dialogue = read(law.KIND, messages)
    question = dialogue.question
    plus, minus = law.concepts(len(question.labels), question.truth, law.lure(question))
    epsilon = expit(_log_odds(law, dialogue, plus, minus))
    p = tuple(((1 - epsilon) * plus + epsilon * minus).tolist())
    event, choice, *_ = dialogue.draws(
        law.seed, law.KIND, "round", dialogue.round, "greedy" if sample is None else sample
    )
    given = dialogue.begun
    if given is None:
        given = next((n for n, up_to in enumerate(accumulate(p)) if event < up_to), len(p) - 1)
    return OptionTurn(question, given, p, law.mass, choice)


def _log_odds(law: TwoConcept, dialogue: Dialogue, plus: Floats, minus: Floats) -> float:
    past = list(dialogue.past)
    evidence = float(np.log(minus[past] / plus[past]).sum()) if law.answers else 0.0
    between = uniform(law.seed, law.KIND, "cluster", dialogue.question.terms[0])
    within = dialogue.draws(law.seed, law.KIND, "noise", dialogue.round)
    return (
        law.log_odds(sum(map(count_mentions, dialogue.users)), evidence)
        + law.spread * normal(*between[:2])
        + law.noise * normal(*within[:2])
    )
