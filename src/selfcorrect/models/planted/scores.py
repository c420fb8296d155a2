"""``planted:scores``: a model whose free text states a number, and the number obeys a law.

It answers the task ``planted-scores`` (``What do you say of plan 17 of group 3?``). In round t the
number is

    X = clip(m_t + cluster · A + spread · B + noise · E, 0, 1),
    m_t = limit + (start − limit) · rate^(t − 1),

with independent standard normal A of the group, B of the plan in its group, and E of the plan, the
round and what it is asked with. So over groups its mean in round t is, with
σ² = cluster² + spread² + noise², a = −m_t/σ and b = (1 − m_t)/σ,

    E X = m_t (Φ(b) − Φ(a)) + σ (φ(a) − φ(b)) + 1 − Φ(b),

which is m_t itself, clipped, where σ is 0. ``start`` equal to ``limit`` is a model that doesn't
change. Numbers are written with six decimals.

**What it reads.** The question is the latest one in a user message. Earlier assistant messages
that state a number are earlier rounds. Within one assistant turn the number doesn't change.
Whatever is elicited, the reply is the answer, except where likelihoods of texts are asked for
(``yes``, ``no``): one of them, drawn uniformly, gets .9 and is the reply.

**Chance.** Every draw is a hash of the seed and of what it belongs to, as said above; E also of the
request's seed if its temperature isn't 0. So arms are paired: they share A and B, and E as long as
they are asked with the same words. Nothing depends on the batch, the chunk or the limit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, exp, pi, sqrt
from typing import ClassVar

from scipy.special import ndtri

from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.models.planted.conversation import TextTurn
from selfcorrect.models.planted.questions import uniform

_QUESTION = re.compile(r"What do you say of plan (\d{1,18}) of group (\d{1,18})\?")
_STATED = re.compile(r"I give it (\d\.\d{6})\.")


@dataclass(frozen=True)
class Scores:
    """What ``planted:scores`` does; the module says what each number means.

    Raises:
        UserError: if a number is out of its range.
    """

    KIND: ClassVar[str] = "planted:scores"
    VERSION: ClassVar[int] = 1

    start: float = 0.4
    limit: float = 0.6
    rate: float = 0.5
    cluster: float = 0.05
    spread: float = 0.1
    noise: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (("start", 0), ("limit", 0), ("rate", -1)):
            if not low <= getattr(self, name) <= 1:
                raise UserError(f"planted:scores: {name} is from {low} to 1")
        for name in ("cluster", "spread", "noise"):
            if not 0 <= getattr(self, name) <= 10:
                raise UserError(f"planted:scores: {name} is a standard deviation, from 0 to 10")

    def middle(self, round: int) -> float:
        """m_t of a round, from 1: the mean before it is clipped."""
        return self.limit + (self.start - self.limit) * self.rate ** (round - 1)

    def mean(self, round: int) -> float:
        """E X of a round, from 1."""
        m = self.middle(round)
        sigma = sqrt(self.cluster**2 + self.spread**2 + self.noise**2)
        if sigma == 0:
            return min(1.0, max(0.0, m))
        a, b = -m / sigma, (1 - m) / sigma
        return m * (_cdf(b) - _cdf(a)) + sigma * (_density(a) - _density(b)) + 1 - _cdf(b)

    def number(self, plan: str, group: str, round: int, asked: str, sample: object) -> float:
        """X of a plan in a round, asked with these words."""
        shared = _normal(self.seed, "group", group)
        level = _normal(self.seed, "plan", group, plan)
        error = _normal(self.seed, "round", group, plan, round, sample, asked)
        parts = self.cluster * shared + self.spread * level + self.noise * error
        return min(1.0, max(0.0, self.middle(round) + parts))

    def turns(
        self, dialogues: Sequence[Sequence[Message]], samples: Sequence[int | None]
    ) -> list[TextTurn]:
        """See :class:`selfcorrect.models.planted.conversation.PlantedLaw`."""
        return [self._turn(m, sample) for m, sample in zip(dialogues, samples, strict=True)]

    def _turn(self, messages: Sequence[Message], sample: int | None) -> TextTurn:
        users = [m.text for m in messages if m.role == "user"]
        found = next((f for text in reversed(users) if (f := _QUESTION.findall(text))), None)
        if found is None:
            raise UserError(
                f"{self.KIND} answers the task 'planted-scores' only: questions such as "
                "'What do you say of plan 1 of group 1?'"
            )
        plan, group = found[-1]
        open_turn = messages[-1].text if messages[-1].role == "assistant" else ""
        earlier = messages[:-1] if open_turn else messages
        past = [m for m in earlier if m.role == "assistant" and _STATED.search(m.text)]
        stated = _STATED.findall(open_turn)
        number = len(past) + 1
        asked = users[-1]
        drawn = "greedy" if sample is None else sample
        value = stated[-1] if stated else f"{self.number(plan, group, number, asked, drawn):.6f}"
        choice, *_ = uniform(self.seed, "choice", group, plan, number, drawn, asked)
        return TextTurn(f"I have looked at plan {plan}. I give it {value}.", choice)


def _normal(*key: object) -> float:
    """A standard normal draw that belongs to this key."""
    draw = uniform("planted:scores", *key)[0]
    return float(ndtri(draw + 2.0**-54))  # never 0


def _cdf(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2


def _density(x: float) -> float:
    return exp(-(x**2) / 2) / sqrt(2 * pi)
