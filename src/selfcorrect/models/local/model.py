"""A local transformer we can look inside, and conversations that never encode a token twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from selfcorrect.errors import UserError
from selfcorrect.models.base import InProcess, Steer
from selfcorrect.models.local.conversation import LocalConversation
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.files import locate
from selfcorrect.models.local.layers import layers
from selfcorrect.models.local.loading import read_network, read_tokenizer
from selfcorrect.models.local.machine import emulated, keep_freed_memory, resolve
from selfcorrect.models.local.prepack import prepack
from selfcorrect.models.local.texts import Identity, identity, states_of
from selfcorrect.models.local.vocabulary import Vocabulary

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class LocalModel(InProcess):
    """A causal language model of Hugging Face transformers: see :class:`models.base.Model`.

    Attributes:
        engine: its network.
        vocabulary: its tokenizer and template.
    """

    def __init__(
        self, name: str, fingerprint: str, network: Any, tokenizer: Any, dtype: str, device: str
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dtype = dtype
        self.device = device
        self.vocabulary = Vocabulary(tokenizer, network.generation_config.eos_token_id)
        self.engine = Engine(name, network, dtype, device)
        self.context = self.engine.context

    @classmethod
    def load(cls, name: str, dtype: str = "auto", device: str = "auto") -> LocalModel:
        """Find, read and check a model.

        Raises:
            UserError: it can't be found or read.
        """
        dtype, device = resolve(dtype, device)
        source = locate(name)
        tokenizer = read_tokenizer(source)
        network = read_network(source, _DTYPES[dtype])
        keep_freed_memory()
        network.eval().to(device)
        prepack(network)
        return cls(name, source.fingerprint, network, tokenizer, dtype, device)

    def open(self, dialogues: int) -> LocalConversation:
        """Begin that many empty dialogues."""
        return LocalConversation(self.engine, self.vocabulary, dialogues)

    @property
    def about(self) -> Mapping[str, Any]:
        """That its number format is only emulated here, where it is."""
        told = emulated(self.dtype, self.device)
        return {} if told is None else {"emulated": told}

    def check_states(self) -> None:
        """They can be read from every one whose layers are found."""
        if layers(self.engine.decoder) is None:
            raise UserError(
                f"hidden states of {self.name} can't be read: its layers were not found."
            )

    @property
    def identity(self) -> Identity:
        """What a concept's file binds itself to."""
        return identity(self.engine, self.vocabulary)

    def states_of(
        self, texts: Sequence[str], kind: Literal["residual", "attention", "mlp"], most: int
    ) -> torch.Tensor:
        """States of plain texts at their last token: see :func:`.texts.states_of`."""
        return states_of(self.engine, self.vocabulary, texts, kind, most)

    def check_steer(self, steer: Steer | None) -> None:
        """See :meth:`selfcorrect.models.base.Model.check_steer`."""
        self.engine.check_steer(steer)

    def count(self, text: str) -> int:
        """How many tokens a rendered transcript has."""
        return self.vocabulary.count(text)
