"""All that the weights of ``planted:mixture`` depend on."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass

from selfcorrect.models.planted.mixture.language import stated
from selfcorrect.models.planted.mixture.tokens import TEMPLATE


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that the weights depend on, besides the language.

    Attributes:
        width, layers, heads, inner: of the transformer (Llama's kind).
        short: so many steps, the first, are on dialogues of one round, where it is soonest learnt
            which letter stands before which option.
        steps: of the optimizer, all together.
        tokens: about so many are in a batch.
        muon, rate: the highest learning rates, of the layers' matrices (by Muon) and of the rest
            (by AdamW). They rise over the first twentieth of the steps and fall to 0 over the last
            three fifths.
        weight: of a letter in the loss; any other token has 1. What is best doesn't depend on it.
        seed: of the weights and of the corpus.
    """

    width: int = 64
    layers: int = 3
    heads: int = 4
    inner: int = 128
    short: int = 400
    steps: int = 5000
    tokens: int = 2048
    muon: float = 0.02
    rate: float = 4e-3
    weight: float = 40.0
    seed: int = 0

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that change when the recipe, language or template does."""
        parts = repr((asdict(self), stated(), TEMPLATE))
        return hashlib.blake2b(parts.encode(), digest_size=8).hexdigest()
