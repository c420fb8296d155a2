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
