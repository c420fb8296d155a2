"""What a server can do, as a probe found it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do.

    Attributes:
        chat: it takes messages; else it completes text.
        system: it takes a system message.
        length: the name of the field that limits a reply.
        temperature: it takes one; else it draws at its own.
        settings: the names of the sampling settings it takes, which are set so that nothing but
            the temperature shapes the distribution.
        logprobs: it reports the likelihood of each token it generates.
        top: of how many of the likeliest tokens at each place.
        prompt: how it reports the likelihood of tokens that it is given; "" if it doesn't.
        n: it draws several replies for one request.
        prefill: how a reply is begun for it: by asking to ``continue`` the last message, by its
            being the ``last`` message, as ``text``; "" if it can't be.
        echoes: its reply repeats the beginning that it was given.
        seeds: the same seed draws the same reply, and another one another.
        tokenizer: it counts tokens.
        thinks: the model is to think before it replies.
        told: what it is sent with every request so that it does, or doesn't, as JSON.
        closed: how a reply begins so that no thought does.
    """

    chat: bool
    system: bool = True
    length: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True
    settings: tuple[str, ...] = ()
    logprobs: bool = False
    top: int = 0
    prompt: Literal["", "prompt_logprobs", "echo"] = ""
    n: bool = False
    prefill: Literal["", "continue", "last", "text"] = ""
    echoes: bool = False
    seeds: bool = False
    tokenizer: bool = False
    thinks: bool = False
    told: str = ""
    closed: str = ""

    def sentences(self) -> list[str]:
        """In words: what it can and what follows from what it can't."""
        said = ["It is a chat server." if self.chat else "It completes text."]
        said.append(
            {
                "continue": "It continues an assistant's message that it is given, when asked to.",
                "last": "It continues an assistant's message that stands last.",
                "text": "A reply can be begun for it.",
                "": "A reply can't be begun for it: the beginning is asked for as an instruction.",
            }[self.prefill]
        )
        if self.prompt:
            said.append("It reports the likelihood of given text: options are read from it.")
        elif self.top:
            said.append(
                f"It reports its {self.top} likeliest tokens: options are read from the first "
                "token, where they are among them."
            )
        else:
            said.append("It reports no likelihoods of options: they are estimated by sampling.")
        if not self.logprobs:
            said.append("It reports no likelihood of the tokens it generates.")
        if not self.temperature:
            said.append("It takes no temperature.")
        if not self.settings:
            said.append("It takes no sampling settings: its own top-p and top-k apply.")
        if not self.system:
            said.append("It takes no system message: it is folded into the user's.")
        said.append(
            "The same seed draws the same reply."
            if self.seeds
            else "It keeps no seeds: samples can't be drawn again."
        )
        return said

    def __str__(self) -> str:
        return " ".join(self.sentences())

    @property
    def decisive(self) -> str:
        """What decides how records come about, for the fingerprint."""
        thinking = f" {self.told}{self.closed}" if self.told or self.closed else ""
        return (
            f"{self.chat} {self.system} {self.prefill} {self.prompt} {self.top} {self.settings}"
            f"{thinking}"
        )
