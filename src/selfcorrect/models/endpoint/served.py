"""A model of a server, and all that is asked of it: whole answers, read and checked."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import Message, message
from selfcorrect.models.endpoint.answers import Completion, Tokenised, completion, tokenised
from selfcorrect.models.endpoint.budget import Usage
from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.checked import BrokenError
from selfcorrect.models.endpoint.failures import RefusedError, TooLongError, UnableError
from selfcorrect.models.endpoint.limits import largest
from selfcorrect.models.endpoint.negotiating import without
from selfcorrect.models.endpoint.server import Mode, Server
from selfcorrect.models.endpoint.trials import NOTHING, Trials
from selfcorrect.models.endpoint.wire import (
    CHARACTERS,
    CONTINUE,
    GUESSED,
    Ask,
    body,
    estimated,
    most_tokens,
    render,
    route,
)

#: Where a server doesn't say how long a transcript may be: until it refuses one.
UNKNOWN_CONTEXT = 1 << 20
#: More replies than are ever asked for at once.
MANY = 1 << 20
#: So many parameters at most are given up for one request.
_MOST_CHANGES = 6
#: So often an answer with numbers that can't be is asked for again before it is read without.
_BAD = 3
#: So often an empty reply is asked for again before it is taken for the model's own.
_SILENT = 2
#: Tokens of a text are so many times fewer than estimated at the most.
_DENSE = 4
_ALL_THOUGHT = (
    "a reply that is all thought: does the server's reasoning parser fit its model, and --thinking?"
)
#: Refusals in such words are of what is said, not of how much.
_OF_CONTENT = re.compile(
    r"content[ _](filter|management|policy)|moderation|safety|flagged|prohibited|harmful|policy",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d+")


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
        doubts: what something optional met that may have been the moment.
        overflow: refusals that were found to be of a transcript's length, numbers left out.
        of_others: how often others were found not to be.
        trials: what was asked for beside replies, and what came of it.
        thinking: tokens that a thought may have; 0 where there is none.
        cuts: it was seen to cut long prompts off in silence.
        whole: a prompt of so many words was taken whole.
        added: tokens that the server's template adds to a prompt of one message, a system prompt of
            its own among them; ``None`` where it doesn't tell.
    """

    server: Server
    name: str
    able: Capabilities
    draws: int = 20
    most_replies: int = MANY
    context: int = UNKNOWN_CONTEXT
    width: int | None = None
    doubts: list[str] = field(default_factory=list)
    overflow: set[str] = field(default_factory=set)
    of_others: Counter[str] = field(default_factory=Counter)
    trials: Trials = field(default_factory=Trials)
    thinking: int = 0
    cuts: bool = False
    whole: int = 0
    added: int | None = None

    async def ask(self, ask: Ask) -> tuple[Completion, tuple[str, ...]]:
        """The answer, and notes on how it was asked for. Parameters that the server turns out not
        to take are left out from then on.

        Raises:
            TooLongError, LostError, UserError: as :meth:`Server.post`.
        """
        for _ in range(_MOST_CHANGES):
            able = self.able
            try:
                found, notes = await self._ask(ask, {}, able)
            except RefusedError as refused:
                if self.able is not able:  # another request has learned of it
                    continue
                sent, _ = body(self.name, able, ask)
                less = without(able, refused.told, sent)
                if less is None:
                    if ask.n == 1 and await self._is_too_long(ask, refused):
                        raise TooLongError(None, None) from None
                    raise
                self.able = less
            else:
                return found, notes if found.told else (*notes, GUESSED)
        found, notes = await self._ask(ask, {}, self.able)
        return found, notes if found.told else (*notes, GUESSED)

    async def first(self, ask: Ask) -> Completion:
        """The answer to the first thing that is asked of a server. It may refuse it by failing.

        Raises:
            RefusedError, LostError, TooLongError, UserError: as :meth:`Server.post`.
        """
        return (await self._ask(ask, {}, self.able, mode="first"))[0]

    async def tried(self, ask: Ask, more: Mapping[str, Any] | None = None) -> Completion | None:
        """The answer; ``None`` where none comes that can be used, which nobody waits for.

        Args:
            ask: what is asked for.
            more: fields of the request beside that.
        """
        try:
            return (await self._ask(ask, more or {}, self.able, mode="optional"))[0]
        except UnableError as error:
            if error.passing:
                self.doubts.append(str(error))
            return None

    async def _is_too_long(self, ask: Ask, refused: RefusedError) -> bool:
        """Whether a refusal in unknown words is of a transcript's length: a short one is taken, and
        one as long that says nothing isn't."""
        words = _NUMBERS.sub("#", refused.why)
        if words in self.overflow:
            return True
        if refused.status not in (400, 422) or _OF_CONTENT.search(str(refused.told)):
            return False
        if self.of_others[words] >= NOTHING:
            return False
        plain = replace(ask, spoken="", prefill="", n=1, given=False, layers=())
        filler = "word " * (len(render(ask.messages, ask.turn)) // 4)
        for text, fits in (("Say yes.", True), (filler, False)):
            found = await self.tried(replace(plain, messages=(message("user", text),)))
            if (found is not None) != fits:
                self.of_others[words] += 1
                return False
        self.overflow.add(words)
        return True

    async def _ask(
        self, ask: Ask, more: Mapping[str, Any], able: Capabilities, mode: Mode = "chat"
    ) -> tuple[Completion, tuple[str, ...]]:
        sent, notes = body(self.name, able, ask)
        sent |= more
        most = most_tokens(sent, able.length, self.added)
        silent = bad = 0
        seconds = 0.0

        def timed(took: float) -> None:
            nonlocal seconds
            seconds = took

        def read(data: Mapping[str, Any]) -> Completion:
            nonlocal silent, bad
            try:
                found = self._read(data, able, ask, sent, lenient=mode == "first")
            except BrokenError:
                bad += 1
                if mode != "chat" or bad <= _BAD:
                    raise
                found = self._read(data, able, ask, sent, lenient=True)
            if mode == "chat" and not ask.given and ask.max_tokens > 1 and found.empty:
                silent += 1
                if not found.ended or silent <= _SILENT:
                    thoughts = any(each.thought for each in found.said)
                    raise BrokenError(_ALL_THOUGHT if thoughts else "an empty reply")
            return found

        found = await self.server.post(
            route(able),
            sent,
            read,
            most=most,
            cost=lambda found: _cost(found, sent, most),
            mode=mode,
            largest=largest(most, given=ask.given, layers=len(ask.layers)),
            timed=timed,
        )
        if found.told and found.usage.prompt > most[0]:  # of other requests it adds more
            self.added = (self.added or 0) + found.usage.prompt - most[0]
        return replace(found, usage=replace(found.usage, seconds=seconds)), notes

    def _read(
        self,
        data: Mapping[str, Any],
        able: Capabilities,
        ask: Ask,
        sent: Mapping[str, Any],
        *,
        lenient: bool,
    ) -> Completion:
        """As :func:`completion`; hidden states keep their width from answer to answer.

        Raises:
            BrokenError: as there, or these are of another width.
        """
        found = completion(data, able, ask, sent, lenient=lenient)
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
            return await self.server.post(path, sent, tokenised, mode="optional")
        except UnableError as error:
            self.doubts += [str(error)] if error.passing else []
            return None


def _cost(found: Completion, sent: Mapping[str, Any], most: tuple[int, int]) -> Usage:
    """What a budget counts of an answer: what the server says, and no less than its texts must
    have taken; where it doesn't say, all that was asked for."""
    if not found.told:
        return Usage(most[0], 0, most[1])
    told, said = found.usage, sum(len(each.text) for each in found.said)
    return Usage(
        max(told.prompt, estimated(sent) // _DENSE),
        told.cached,
        max(told.completion, said // (CHARACTERS * _DENSE)),
    )
