"""Numbers of models on their way into a record: those that aren't finite tell nothing.

NaN is no measure of anything, and taken for a likelihood it looks like certainty.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

from selfcorrect.models.base import Likelihood

#: Sums of larger ones may overflow.
_LARGEST = 1e100


def finite(value: float | None) -> float | None:
    """A number, or ``None``: also for one that is too large to be added to others."""
    return value if value is not None and abs(value) <= _LARGEST else None


def all_finite(values: Sequence[float]) -> list[float]:
    """Numbers that belong together: all of them, or none."""
    return list(values) if all(abs(value) <= _LARGEST for value in values) else []


def telling(options: Sequence[Likelihood]) -> bool:
    """Whether likelihoods can be compared: each is a number or impossible (-inf), one is possible,
    and what they share is."""
    each = [option.logp for option in options]
    shared = all(isfinite(option.logp_shared) for option in options)
    return shared and all(logp < inf for logp in each) and any(map(isfinite, each))


def likeliest(options: Sequence[Likelihood]) -> int:
    """The number of the likeliest; one whose likelihood is no number comes last."""
    return max(range(len(options)), key=lambda k: (isfinite(options[k].logp), options[k].logp))
