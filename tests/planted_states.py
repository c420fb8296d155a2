"""A model whose states of texts are known: what a word adds to them, and noise of the text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from selfcorrect.models.base import InProcess

LAYERS, HIDDEN = 4, 12


class PlantedStates(InProcess):
    """Layer 2 holds what is planted; the others hold noise.

    Attributes:
        meant: text → how far its state lies along the planted direction, where a test says so.
        by_word: word → the same, for every text that holds it.
    """

    name, fingerprint, dtype, device, context = "planted-states", "f" * 16, "float32", "cpu", 4096

    def __init__(
        self,
        meant: Mapping[str, float] | None = None,
        by_word: Mapping[str, float] | None = None,
        noise: float = 1.0,
    ) -> None:
        self.meant, self.by_word, self.noise = meant or {}, by_word or {}, noise
        self.identity = SimpleNamespace(
            layers=LAYERS, hidden=HIDDEN, tokenizer="t" * 16, template="m" * 16, bos=False
        )
        self.asked: list[str] = []
        rng = np.random.default_rng(7)
        self.direction = rng.standard_normal(HIDDEN)
        self.direction /= np.linalg.norm(self.direction)

    def check_states(self) -> None:
        pass

    def open(self, dialogues: int) -> Any:
        raise NotImplementedError

    def count(self, text: str) -> int:
        return len(text.split())

    def states_of(self, texts: Sequence[str], kind: str, most: int) -> torch.Tensor:  # noqa: ARG002
        self.asked += texts
        found = []
        for text in texts:
            digest = hashlib.blake2b(f"{kind}:{text}".encode(), digest_size=8).digest()
            rng = np.random.default_rng(int.from_bytes(digest))
            state = 5 + self.noise * rng.standard_normal((LAYERS, HIDDEN))
            along = self.meant.get(text, 0.0)
            along += sum(size for word, size in self.by_word.items() if word in text.split())
            state[2] += along * self.direction
            found.append(state)
        return torch.tensor(np.array(found), dtype=torch.float32)
