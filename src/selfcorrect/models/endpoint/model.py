"""A model behind an OpenAI-compatible server."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Image, Transcript
from selfcorrect.models.endpoint import probing
from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.checked import window
from selfcorrect.models.endpoint.conversation import EndpointConversation
from selfcorrect.models.endpoint.server import RefusedError, Server, TooLongError
from selfcorrect.models.endpoint.wire import (
    GUESSED,
    Ask,
    Said,
    Token,
    Usage,
    body,
    estimate,
    given,
    most_tokens,
    replies,
    route,
    told_usage,
    usage,
)

#: Where a server doesn't say how long a transcript may be: until it refuses one.
UNKNOWN_CONTEXT = 1 << 20
_NOT_FOUND = 404
#: What a server says of a model and what stays the same when it is started again.
_LASTING = ("id", "root", "owned_by", "max_model_len", "parent")
_LASTING_META = ("n_ctx", "n_params", "size", "ftype", "n_vocab")


@dataclass(repr=False)
class EndpointModel:
    """A model that a server serves: see :class:`selfcorrect.models.base.Model`.

    Attributes:
        name: as the user wrote it, ``openai:NAME``.
        served: what the server calls the model.
        fingerprint: of name, place, and what the server says of the model and can do.
        context: as the server says; learned from its first refusal where it doesn't.
        capabilities: what the server can do.
        server: the client.
        draws: how many replies an estimate by sampling draws.
        in_flight: how many dialogues go on by themselves at a time.
        dtype, device: ``served``, and the server's host and port.
    """

    name: str
    served: str
    fingerprint: str
    context: int
    capabilities: Capabilities
    server: Server
    draws: int
    in_flight: int
    dtype: str = "served"
    device: str = ""
    _found: dict[str, bool] = field(default_factory=dict)
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def __repr__(self) -> str:
        return f"EndpointModel({self.name!r}, {self.device!r})"

    def open(self, dialogues: int) -> EndpointConversation:
        return EndpointConversation(self, [Transcript() for _ in range(dialogues)])

    def count(self, text: str) -> int:
        """As the server counts it, else about: four characters a token."""
        if not self.capabilities.tokenizer:
            return estimate(text)
        counted = self.server.run(probing.count(self.server, self.served, text))
        return estimate(text) if counted is None else counted

    def check_sees(self, images: Sequence[Image]) -> None:
        """Check that the server takes images; it is asked once.

        Raises:
            UserError: it doesn't.
        """
        if not self._once("images", probing.sees):
            raise UserError(
                f"{self.served!r} at {self.device} takes no images, and it is to be shown "
                f"{images[0].name}; serve a model that sees, or leave out examples with images."
            )

    def check_tells_states(self) -> None:
        """Check that the server sends hidden states; it is asked once.

        Raises:
            UserError: it doesn't.
        """
        if not self._once("states", probing.tells_states):
            raise UserError(
                f"hidden states can't be read from {self.served!r} at {self.device}; serve it by "
                "vLLM with the plugin vllm-lens, use a local model, or ask for no states."
            )

    def _once(self, what: str, probe: Callable[..., Coroutine[Any, Any, bool]]) -> bool:
        """What a probe finds out, the first time."""
        with self._asking:
            if what not in self._found:
                work = probe(self.server, self.served, self.capabilities)
                self._found[what] = self.server.run(work)
        return self._found[what]

    def close(self) -> None:
        """Close the connections."""
        self.server.close()

    def cancel(self) -> None:
        """End all requests under way; the model can't be used after that."""
        self.server.cancel()

    def spent(self) -> str:
        """What was used so far, in words; empty before anything was."""
        return self.server.meter.spent()

    @property
    def about(self) -> dict[str, Any]:
        """What the server is and can do, for ``run.toml``."""
        return {
            "served": self.served,
            "url": self.server.address.url,
            "can": self.capabilities.sentences(),
        }

    async def ask(self, ask: Ask) -> tuple[list[Said], tuple[str, ...], Usage]:
        """Replies, notes on how they were asked for, and what they cost.

        Raises:
            TooLongError, UserError: as :meth:`Server.post`.
        """
        sent, notes = body(self.served, self.capabilities, ask)
        data = await self._post(sent, ask)
        said = replies(data, self.capabilities, ask, sent)
        told = told_usage(data, most_tokens(sent, self.capabilities.length)) is not None
        used = usage(data, sent, self.capabilities.length, said)
        return said, notes if told else (*notes, GUESSED), used

    async def ends(self, ask: Ask, messages: Sequence[int]) -> tuple[list[int], int]:
        """At which tokens of a transcript with an open turn some of its messages end, and how many
        tokens it has.

        Raises:
            UserError: the server doesn't tell its tokens.
        """
        able = self.capabilities
        whole = await probing.token_ids(self.server, self.served, able, ask.messages, ask.turn)
        found = []
        for number in messages:
            earlier = ask.messages[: number + 1]
            upto = await probing.token_ids(self.server, self.served, able, earlier, None)
            pairs = zip(upto, whole, strict=False)
            shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
            found.append(max(shared - 1, 0))
        return found, len(whole)

    async def given(self, ask: Ask) -> tuple[list[Token], Usage]:
        """The tokens of a transcript with an open turn, each with its likelihood."""
        sent, _ = body(self.served, self.capabilities, ask)
        way = self.capabilities.prompt
        sent |= {"prompt_logprobs": 1} if way == "prompt_logprobs" else {"echo": True}
        data = await self._post(sent, ask, way)
        return given(data, way), usage(data, sent, self.capabilities.length, ())

    async def _post(self, sent: Mapping[str, Any], ask: Ask, way: str = "") -> dict[str, Any]:
        """The answer.

        Args:
            sent: the request.
            ask: what it asks for.
            way: how likelihoods of what is given are reported, where they are wanted.
        """
        able = self.capabilities
        prompt, completion = most_tokens(sent, able.length)

        def check(data: dict[str, Any]) -> None:
            usage(data, sent, able.length, replies(data, able, ask, sent))
            if way:
                given(data, way)

        return await self.server.post(
            route(able),
            sent,
            prompt=prompt,
            completion=completion,
            check=check,
        )


def connect(name: str, server: Server, draws: int) -> EndpointModel:
    """Ask a server for what it serves and can do.

    Raises:
        UserError: there is no such model, or the server can't be asked.
    """
    return server.run(_connect(name, server, draws))


async def _connect(name: str, server: Server, draws: int) -> EndpointModel:
    wanted = name.removeprefix("openai:")
    listed = await _listed(server)
    place = server.address.place
    try:
        able, answer = await probing.probe(server, wanted)
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
    served = str(answer.get("model") or wanted)
    facts = listed.get(wanted) or listed.get(served) or {}
    told = facts.get("meta")
    meta: dict[str, Any] = told if isinstance(told, dict) else {}
    stated = {
        "name": wanted,
        "url": server.address.url,
        "served": served,
        "model": {key: facts[key] for key in _LASTING if key in facts},
        "meta": {key: meta[key] for key in _LASTING_META if key in meta},
        "able": able.decisive,
        # the record depends on it where likelihoods are estimated
        "draws": None if able.prompt or able.top else draws,
    }
    digest = hashlib.blake2b(json.dumps(stated, sort_keys=True).encode(), digest_size=8)
    context = window(facts.get("max_model_len")) or window(meta.get("n_ctx"))
    return EndpointModel(
        name=name,
        served=wanted,
        fingerprint=digest.hexdigest(),
        context=context or UNKNOWN_CONTEXT,
        capabilities=able,
        server=server,
        draws=draws,
        in_flight=server.in_flight,
        device=place,
    )


async def _listed(server: Server) -> dict[str, dict[str, Any]]:
    """What the server says of its models, by name; nothing where it doesn't."""
    try:
        told = (await server.get("/models")).get("data")
    except RefusedError:
        return {}
    models = told if isinstance(told, list) else []
    return {str(m.get("id")): m for m in models if isinstance(m, dict)}
