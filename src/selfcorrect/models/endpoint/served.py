"""A model of a server, and all that is asked of it: whole answers, read and checked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Message
from selfcorrect.models.endpoint.answers import Completion, Tokenised, completion, tokenised
from selfcorrect.models.endpoint.budget import Usage
from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.checked import BrokenError
from selfcorrect.models.endpoint.server import RefusedError, Server, TooLongError
from selfcorrect.models.endpoint.wire import (
    CONTINUE,
    GUESSED,
    Ask,
    body,
    most_tokens,
    render,
    route,
)

#: Where a server doesn't say how long a transcript may be: until it refuses one.
UNKNOWN_CONTEXT = 1 << 20
#: More replies than are ever asked for at once.
MANY = 1 << 20
#: A probe whose answers can't be read so often asks for what the server can't do.
_ATTEMPTS = 3


@dataclass
class Served:
    """A model of a server.

    Attributes:
        server: the client.
        name: what the server calls the model.
        able: what the server can do.
        draws: how many replies an estimate by sampling draws.
        most_replies: to one request, as far as it was seen to refuse more.
        context: as the server says; learned from its first refusal where it doesn't.
        width: of its hidden states, once some were sent.
        thinking: tokens that a thought may have; 0 where there is none.
    """

    server: Server
    name: str
    able: Capabilities
    draws: int = 20
    most_replies: int = MANY
    context: int = UNKNOWN_CONTEXT
    width: int | None = None
    thinking: int = 0

    async def ask(self, ask: Ask) -> tuple[Completion, tuple[str, ...]]:
        """The answer, and notes on how it was asked for.

        Raises:
            TooLongError, UserError: as :meth:`Server.post`.
        """
        found, notes = await self._ask(ask, {})
        return found, notes if found.told else (*notes, GUESSED)

    async def first(self, ask: Ask) -> Completion:
        """The answer to the first thing that is asked of a server. It may refuse it by failing.

        Raises:
            RefusedError, TooLongError, UserError: as :meth:`Server.post`.
        """
        return (await self._ask(ask, {}, probe=True))[0]

    async def tried(self, ask: Ask, more: Mapping[str, Any] | None = None) -> Completion | None:
        """The answer; ``None`` where the server refuses, or its answers stay broken.

        Args:
            ask: what is asked for.
            more: fields of the request beside that.
        """
        try:
            return (await self._ask(ask, more or {}, probe=True, attempts=_ATTEMPTS))[0]
        except (RefusedError, TooLongError, BrokenError):
            return None

    async def _ask(
        self, ask: Ask, more: Mapping[str, Any], **how: Any
    ) -> tuple[Completion, tuple[str, ...]]:
        sent, notes = body(self.name, self.able, ask)
        sent |= more
        most = most_tokens(sent, self.able.length)
        found = await self.server.post(
            route(self.able),
            sent,
            lambda data: self._read(data, ask, sent),
            most=most,
            cost=lambda found: found.usage if found.told else Usage(most[0], 0, most[1]),
            **how,
        )
        return found, notes

    def _read(self, data: Mapping[str, Any], ask: Ask, sent: Mapping[str, Any]) -> Completion:
        """As :func:`completion`; hidden states keep their width from answer to answer.

        Raises:
            BrokenError: as there, or these are of another width.
        """
        found = completion(data, self.able, ask, sent)
        if found.stream is not None and len(found.stream):
            width = found.stream.shape[2]
            if self.width not in (None, width):
                raise BrokenError(f"hidden states of {width} dimensions, not {self.width}")
            self.width = width
        return found

    async def count(self, text: str) -> int | None:
        """How many tokens the server counts; ``None`` where it doesn't."""
        told = await self._tokenise({"prompt": text, "content": text})
        return None if told is None else told.count

    async def ends(self, ask: Ask, messages: Sequence[int]) -> tuple[list[int], int]:
        """At which tokens of a transcript with an open turn some of its messages end, and how many
        tokens it has.

        Raises:
            UserError: the server doesn't tell its tokens.
        """
        whole = await self._token_ids(ask.messages, ask.turn)
        found = []
        for number in messages:
            upto = await self._token_ids(ask.messages[: number + 1], None)
            pairs = zip(upto, whole, strict=False)
            shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
            found.append(max(shared - 1, 0))
        return found, len(whole)

    async def _token_ids(self, messages: Sequence[Message], turn: str | None) -> tuple[int, ...]:
        """The tokens of a transcript; without ``turn`` no turn of the assistant's is open.

        Raises:
            UserError: the server doesn't tell them.
        """
        wish: dict[str, Any] = {}
        if not self.able.chat:
            wish["prompt"] = render(messages, turn)
        else:
            sent, _ = body(self.name, self.able, Ask(tuple(messages), prefill=turn or ""))
            wish |= {name: sent[name] for name in ("messages", *CONTINUE) if name in sent}
            wish |= {"add_generation_prompt": False} if turn is None else {}
        told = await self._tokenise(wish)
        if told is None or told.ids is None:
            raise UserError(
                f"the server at {self.server.address.place} doesn't tell the tokens of a "
                "transcript, so where a message ends isn't known; read hidden states at "
                "before_answer or first_answer."
            )
        return told.ids

    async def _tokenise(self, wish: Mapping[str, Any]) -> Tokenised | None:
        """What ``/tokenize`` says (vLLM's and llama.cpp's); ``None`` where there is none."""
        path = f"{self.server.address.root}/tokenize"
        sent = {"model": self.name, **wish}
        try:
            return await self.server.post(path, sent, tokenised, probe=True, attempts=_ATTEMPTS)
        except (RefusedError, TooLongError, BrokenError):
            return None
