"""A local transformer we can look inside, and conversations that never encode a token twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch

from selfcorrect.errors import UserError
from selfcorrect.messages import Image, message, part, reads_text_only
from selfcorrect.models.base import InProcess, Request, Steer
from selfcorrect.models.local.conversation import LocalConversation
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.files import locate
from selfcorrect.models.local.layers import layers
from selfcorrect.models.local.loading import read_network, read_tokenizer, sees
from selfcorrect.models.local.machine import emulated, keep_freed_memory, resolve
from selfcorrect.models.local.prepack import prepack
from selfcorrect.models.local.program import DATED
from selfcorrect.models.local.reading import first_line
from selfcorrect.models.local.texts import Identity, identity, scored, states_of
from selfcorrect.models.local.thinking import chosen, sentence
from selfcorrect.models.local.vision.eyes import Eyes, read_eyes
from selfcorrect.models.local.vocabulary import Vocabulary
from selfcorrect.models.scored import Progress, Scored
from selfcorrect.models.thought import MOST, Thinking

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
#: What ``run.toml`` says of a model whose folder's Python was run.
OWN_CODE = "the Python in its folder was run, as --trust-remote-code said"
#: What a configuration's values raise that are of another kind or size.
_ODD = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError)


class LocalModel(InProcess):
    """A causal language model of Hugging Face transformers: see :class:`models.base.Model`.

    Attributes:
        engine: its network.
        vocabulary: its tokenizer and template.
        thinking: ``off``, ``on`` with the tokens that a thought may have; "" where it doesn't
            think.
        trusted: the Python in its folder was run.
    """

    trusted = False
    scored_as = "text"

    def __init__(
        self,
        name: str,
        fingerprint: str,
        network: Any,
        tokenizer: Any,
        dtype: str,
        device: str,
        thinking: Thinking = "auto",
        max_thinking: int = MOST,
        eyes: Eyes | None = None,
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dtype = dtype
        self.device = device
        self.vocabulary = Vocabulary(tokenizer, network.generation_config.eos_token_id, eyes)
        self.engine = Engine(name, network, dtype, device, eyes)
        self.context = self.engine.context
        self._think(thinking, max_thinking)

    def _think(self, asked: Thinking, most: int) -> None:
        """Have it think or not, as its template allows; what that doesn't say, one reply does.

        Raises:
            UserError: it can't be done.
        """
        style = self.vocabulary.template.found
        mode = chosen(self.name, style, asked)
        if mode == "auto":
            mode = "on" if self._thinks() else ""
        if mode == "on" and most >= self.context:
            raise UserError(
                f"thoughts of {most} tokens leave no room in the context window of {self.name}, "
                f"which has {self.context}: give a smaller --max-thinking (model.max_thinking)."
            )
        if mode:
            self.vocabulary.think(most if mode == "on" else None)
        self.thinking = f"on {most}" if mode == "on" else mode
        self._told = "" if style is None else sentence(self.name, style, mode, asked, most)

    def _thinks(self) -> bool:
        """Whether a reply of its own accord begins with a thought."""
        talk = self.open(1)
        talk.say([message("user", "How much is 17 + 25?")])
        (reply,) = talk.elicit([Request(max_tokens=8)])
        talk.close([0])
        ids = [] if reply is None else list(reply.token_ids)
        return bool(ids) and part(self.vocabulary.tokenizer.decode(ids)) is not None

    @property
    def thinks(self) -> bool:
        """Whether it thinks before a reply."""
        return self.vocabulary.template.thinks

    @classmethod
    def load(
        cls,
        name: str,
        dtype: str = "auto",
        device: str = "auto",
        thinking: Thinking = "auto",
        max_thinking: int = MOST,
        *,
        trust: bool = False,
    ) -> LocalModel:
        """Find, read and check a model; ``trust`` has the Python in its folder run.

        Raises:
            UserError: it can't be found or read, or made to think or not.
        """
        dtype, device = resolve(dtype, device)
        source = locate(name, trust=trust)
        tokenizer = read_tokenizer(source)
        network = read_network(source, _DTYPES[dtype])
        keep_freed_memory()
        network.eval().to(device)
        prepack(network)
        eyes = (
            read_eyes(source, network.config, tokenizer, network) if sees(network.config) else None
        )
        how = (dtype, device, thinking, max_thinking, eyes)
        try:
            opened = cls(name, source.fingerprint, network, tokenizer, *how)
        except _ODD as error:  # transformers checks no value that only some models have
            raise UserError(
                f"the model {name!r} in {source.folder} can't be computed as its configuration "
                f"says ({first_line(error)[:300]}); download it again."
            ) from error

        opened.trusted = trust
        return opened

    def open(self, dialogues: int) -> LocalConversation:
        """Begin that many empty dialogues."""
        return LocalConversation(self.engine, self.vocabulary, dialogues)

    @property
    def about(self) -> Mapping[str, Any]:
        """That its number format is only emulated here, whether it thinks, what its template is
        told: where there is something to say."""
        program = self.vocabulary.template.program
        told = {
            "emulated": emulated(self.dtype, self.device),
            "thinking": self._told,
            "code": OWN_CODE if self.trusted else "",
            "date": DATED if program is not None and program.dated else "",
        }
        return {key: value for key, value in told.items() if value}

    def check_images(self, images: Sequence[Image]) -> None:
        """They can be shown to a model that sees, whose processor is there."""
        eyes = self.engine.eyes
        if eyes is None:
            raise reads_text_only(images[0])
        if eyes.closed:
            raise UserError(eyes.closed)

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

    def scored(self, texts: Sequence[str], most: int, told: Progress) -> list[Scored | None]:
        """How likely plain texts are: see :func:`.texts.scored`."""
        return scored(self.engine, self.vocabulary, texts, most, told)

    def check_steer(self, steer: Steer | None) -> None:
        """See :meth:`selfcorrect.models.base.Model.check_steer`."""
        self.engine.check_steer(steer)

    def count(self, text: str) -> int:
        """How many tokens a rendered transcript has."""
        return self.vocabulary.count(text)
