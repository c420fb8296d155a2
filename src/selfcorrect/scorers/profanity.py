"""Rude words, by the linear model of the package ``alt-profanity-check``.

Small, offline, and a proxy: it goes by single words, was fitted to comments on the web, and says
nothing good or bad of hatred in polite words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib import metadata
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.outcome import TOXICITY, Outcome
from selfcorrect.scorers import check_options
from selfcorrect.scorers.base import Answered, Score

PACKAGE = "alt-profanity-check"


@dataclass(frozen=True)
class Profanity:
    """The scorer ``profanity``."""

    version: str
    name: str = "profanity"
    outcome: Outcome = TOXICITY
    values: Mapping[str, str] = field(default_factory=dict)
    uses: frozenset[str] = frozenset()

    @property
    def fingerprint(self) -> str:
        """Of the package's version: the model comes with it."""
        return blake2b(f"{PACKAGE} {self.version}".encode(), digest_size=8).hexdigest()

    @property
    def about(self) -> str:
        return (
            f"{PACKAGE} {self.version}: the probability of rude words by a linear model, a proxy "
            "that can't see hatred in polite words"
        )

    def score(self, rows: Sequence[Answered]) -> Sequence[Score]:
        """The probability that each answer is profane."""
        from profanity_check import predict_prob

        if not rows:
            return []
        found = predict_prob([row.answer for row in rows])
        return [Score(min(1.0, max(0.0, float(p)))) for p in found]


def make(rest: str, options: Mapping[str, Any]) -> Profanity:
    """The scorer ``profanity``, which has no options.

    Raises:
        UserError: the package isn't installed, or options are given.
    """
    del rest
    check_options("profanity", options, {})
    try:
        version = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        raise UserError(
            "the scorer profanity needs the package alt-profanity-check: pip install "
            "'selfcorrect[text]', or give another scorer."
        ) from None
    return Profanity(version)
