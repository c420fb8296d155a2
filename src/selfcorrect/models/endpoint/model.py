"""A model behind an OpenAI-compatible server."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Image, Transcript
from selfcorrect.models.base import Steer
from selfcorrect.models.endpoint import answers, probing, repeating
from selfcorrect.models.endpoint.capabilities import Capabilities, Row
from selfcorrect.models.endpoint.conversation import EndpointConversation
from selfcorrect.models.endpoint.extras import Extras
from selfcorrect.models.endpoint.failures import RefusedError, TooLongError, UnableError
from selfcorrect.models.endpoint.scored import scored
from selfcorrect.models.endpoint.served import UNKNOWN_CONTEXT, Served
from selfcorrect.models.endpoint.server import Server
from selfcorrect.models.endpoint.thinking import sentence
from selfcorrect.models.endpoint.trials import Trials
from selfcorrect.models.endpoint.wire import estimate
from selfcorrect.models.kinds import SERVED
from selfcorrect.models.scored import Progress, Scored
from selfcorrect.models.thought import MOST, Thinking
from selfcorrect.models.unsteerable import unsteerable
from selfcorrect.models.used import Used

_LOG = logging.getLogger("selfcorrect")
_NOT_FOUND = 404


@dataclass(repr=False)
class EndpointModel:
    """A model that a server serves: see :class:`selfcorrect.models.base.Model`.

    Attributes:
        name: as the user wrote it, ``openai:NAME``.
        fingerprint: of name, place, and what the server says of the model and can do.
        served: how it is asked.
        in_flight: how many dialogues go on by themselves at a time.
        dtype, device: ``served``, and the server's host and port.
        thinking: as :func:`selfcorrect.models.thinking` has it.
        trusted: no code of its folder is run here.
    """

    name: str
    fingerprint: str
    served: Served
    in_flight: int
    dtype: str = "served"
    device: str = ""
    thinking: str = ""
    trusted: bool = False
    _extras: Extras = field(init=False)

    def __post_init__(self) -> None:
        self._extras = Extras(self.served)

    def __repr__(self) -> str:
        return f"EndpointModel({self.name!r}, {self.device!r})"

    def open(self, dialogues: int) -> EndpointConversation:
        return EndpointConversation(
            self.served, self._extras, [Transcript() for _ in range(dialogues)]
        )

    @property
    def context(self) -> int:
        """As the server says; learned from its first refusal where it doesn't."""
        return self.served.context

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do."""
        return self.served.able

    def count(self, text: str) -> int:
        """As the server counts it, else about: four characters a token."""
        if not self.served.able.tokenizer:
            return estimate(text)
        counted = self.served.server.run(self.served.count(text))
        return estimate(text) if counted is None else counted

    def check_images(self, images: Sequence[Image]) -> None:
        self._extras.check_images(images)

    def check_states(self) -> None:
        self._extras.check_states()

    def check_steer(self, steer: Steer | None) -> None:  # noqa: ARG002 - none will do
        raise unsteerable(self.name)

    @property
    def scored_as(self) -> str:
        return "reply"

    def scored(self, texts: Sequence[str], most: int, told: Progress) -> list[Scored | None]:
        """How likely texts are as replies: see :func:`.scored.scored`."""
        return scored(self.served, texts, most, told)

    def close(self) -> None:
        """Close the connections."""
        self.served.server.close()

    def cancel(self) -> None:
        """End all requests under way; the model can't be used after that."""
        self.served.server.cancel()

    def spent(self) -> str:
        """What was used so far, in words; empty before anything was."""
        return self.served.server.meter.spent()

    @property
    def used(self) -> Used:
        """The same in numbers."""
        meter = self.served.server.meter
        money = meter.money if meter.budget.paid else None
        return Used(meter.requests, meter.prompt, meter.cached, meter.completion, money)

    def rows(self) -> list[Row]:
        """What the server can and can't, each with what is done then. Whether the same seed draws
        the same reply is told from more draws than a run has, in the time that is left."""
        extras = list(self._extras.rows())
        self.served.able = self.served.server.run(repeating.again(self.served))
        known = self.context < UNKNOWN_CONTEXT
        window = Row(
            "the context window",
            f"{self.context:,} tokens" if known else "not told",
            "longer dialogues end there" if known else "learned from its first refusal",
        )
        return [*self.served.able.rows(), window, *extras]

    @property
    def about(self) -> dict[str, Any]:
        """What the server is and can do, for ``run.toml``."""
        said = sentence(self.name, self.served.able, self.served.thinking)
        return {
            "served": self.served.name,
            "url": self.served.server.address.shown,
            "can": self.served.able.sentences(),
            **({"thinking": said} if said else {}),
        }


def connect(
    name: str, server: Server, draws: int, thinking: Thinking = "auto", most: int = MOST
) -> EndpointModel:
    """Ask a server for what it serves and can do.

    Raises:
        UserError: there is no such model, or the server can't be asked.
    """
    return server.run(_connect(name, server, draws, thinking, most))


async def _connect(
    name: str, server: Server, draws: int, thinking: Thinking, most: int
) -> EndpointModel:
    wanted = name.removeprefix(SERVED)
    listed = await _listed(server)
    place = server.address.place
    try:
        probed, named = await probing.probe(server, wanted, thinking)
    except TooLongError:
        raise UserError(
            f"the context window of {wanted!r} at {place} has no room for a word; serve it with a "
            "longer one."
        ) from None
    except RefusedError as refusal:
        if refusal.status == _NOT_FOUND and wanted not in listed:
            known = f": {nearest(wanted, listed)}" if listed else ""
            raise UserError(
                f"the server at {place} has no model {wanted!r}, or no such address{known}; give "
                "a model that it serves, and a base URL that ends as its documents say (/v1)."
            ) from None
        raise
    able = probed.able
    if able.doubts:
        _LOG.warning("selfcorrect: of the server at %s: %s", place, able.doubted)
    served = named or wanted
    facts = listed.get(wanted) or listed.get(served) or {}
    stated = {
        "name": wanted,
        "url": server.address.shown,
        "served": served,
        "model": {key: told for key, told in facts.items() if key != "meta"},
        "meta": facts.get("meta", {}),
        "able": able.decisive,
        # the record depends on it where likelihoods are estimated
        "draws": None if able.prompt or able.top else draws,
    }
    digest = hashlib.blake2b(json.dumps(stated, sort_keys=True).encode(), digest_size=8)
    context = answers.context(facts) or UNKNOWN_CONTEXT
    trials = Trials(lambda said: _LOG.warning("selfcorrect: of the server at %s: %s", place, said))
    thoughts = most if able.thinks else 0
    return EndpointModel(
        name=name,
        fingerprint=digest.hexdigest(),
        served=replace(
            probed, draws=draws, context=context, thinking=thoughts, trials=trials, doubts=[]
        ),
        in_flight=server.in_flight,
        device=place,
        thinking=f"on {most}" if able.thinks else "off" if able.told or able.closed else "",
    )


async def _listed(server: Server) -> Mapping[str, Mapping[str, Any]]:
    """What the server says of its models, by name; nothing where it doesn't."""
    try:
        return await server.get("/models", answers.listed)
    except UnableError:
        return {}
