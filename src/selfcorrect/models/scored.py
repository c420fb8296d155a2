"""How likely a model finds the tokens of texts by themselves, for whoever compares texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Protocol, runtime_checkable

from selfcorrect.errors import UserError
from selfcorrect.models.base import Model

#: Called with how many texts are scored, and of how many.
Progress = Callable[[int, int], object]


def untold(now: int, every: int) -> None:
    """Progress that nobody wants to know of."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A text's tokens, each with its log p given all before it.

    Attributes:
        keys: what tells tokens apart: their ids, or their texts where a server gives no ids.
        logps: in nats [tokens].
    """

    keys: tuple[int | str, ...]
    logps: tuple[float, ...]

    @property
    def total(self) -> float:
        """Σ log p, in nats."""
        return fsum(self.logps)


@runtime_checkable
class ScoresTexts(Protocol):
    """A model that tells how likely texts are.

    Attributes:
        scored_as: how a text is shown to it, for a result: ``text``, by itself after the token
            that begins one; ``reply``, as the reply to a request that says nothing else.
    """

    scored_as: str

    def scored(self, texts: Sequence[str], most: int, told: Progress) -> list[Scored | None]:
        """The texts' tokens; ``None`` for one of more than ``most`` tokens, or than the context
        window has room for."""
        ...


def scores_texts(model: Model) -> ScoresTexts:
    """The model, which tells how likely texts are.

    Raises:
        UserError: it doesn't.
    """
    if isinstance(model, ScoresTexts):
        return model
    raise UserError(
        f"the model {model.name!r} doesn't tell how likely texts are: use a local transformer, or "
        "one behind a server that reports prompt logprobs."
    )
