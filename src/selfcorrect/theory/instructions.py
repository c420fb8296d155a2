"""Wrong instructions: the drift of the posterior, and the share up to which it favours C+.

C+ against its nearest rival C−. With probability q a whole round's instruction is drawn from C−
instead: the log-odds then drift by m[(1−q) D(+‖−) − q D(−‖+)] a round, which is 0 at
q* = D(+‖−) / (D(+‖−) + D(−‖+)).
"""

from __future__ import annotations

import math

from selfcorrect.errors import UserError
from selfcorrect.theory.posteriors import (
    Concepts,
    kl,
    probability,
)


def drift(concepts: Concepts, wrong: float) -> float:
    """The predicted drift of log p(C+ | h) / p(C− | h), in nats a round.

    Args:
        concepts: C+ and C−.
        wrong: q, the probability of a wrong instruction.

    Raises:
        UserError: q outside [0, 1], or a token that only one of the two allows.
    """
    q = probability(wrong, "the probability of a wrong instruction")
    forth, back = kl(*concepts.p), kl(concepts.p[1], concepts.p[0])
    if not (math.isfinite(forth) and math.isfinite(back)):
        raise UserError(
            "the drift is not finite where only one of two concepts allows a token: give each "
            "token a probability under both"
        )
    return concepts.tokens * ((1 - q) * forth - q * back)


def threshold(concepts: Concepts) -> float | None:
    """q* = D(+‖−) / (D(+‖−) + D(−‖+)), or ``None`` where it is undefined."""
    forth, back = kl(*concepts.p), kl(concepts.p[1], concepts.p[0])
    if not (math.isfinite(forth) and math.isfinite(back)) or forth + back == 0:
        return None
    return forth / (forth + back)


def favoured(concepts: Concepts, wrong: float) -> int:
    """The concept (0 is C+) that the posterior converges to, of any number of them.

    Rounds come from C+ with probability 1 − q and from concept 1 with probability q. By the law of
    large numbers log p(C | h) falls by m · KL(mix‖p_C) a round up to a constant, mix =
    (1 − q) p_+ + q p_1: the concept nearest to the mixture wins. That need be neither of the two.

    Args:
        concepts: C+, the concept of wrong instructions, and others.
        wrong: q.
    """
    q = probability(wrong, "the probability of a wrong instruction")
    mix = (1 - q) * concepts.p[0] + q * concepts.p[1]
    return min(range(len(concepts.p)), key=lambda k: kl(mix, concepts.p[k]))


def held_up_to(concepts: Concepts) -> float:
    """The largest q below which C+ is favoured over all other concepts; at most q*.

    log p_+ − log p_C has the mean (1 − q) D(+‖C) + q (D(1‖C) − D(1‖+)) under a round, which is
    linear in q, so each rival has one crossing.

    Args:
        concepts: C+, the concept of wrong instructions, and others; all give every token a
            probability.
    """
    plus, minus = concepts.p[0], concepts.p[1]
    crossings = []
    for other in concepts.p[1:]:
        forth, back = kl(plus, other), kl(minus, plus) - kl(minus, other)
        if back > 0:
            crossings.append(forth / (forth + back))
    return min(crossings, default=1.0)
