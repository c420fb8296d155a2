"""Parameters that a server doesn't take: told from its refusal, and left out from then on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.refusal import Refusal
from selfcorrect.models.endpoint.wire import NEUTRAL

#: The two names of the field that limits a reply.
LENGTHS = ("max_tokens", "max_completion_tokens")
#: Instead of 0, for servers that take only what is above: all but greedy.
COLDEST = 1e-3

_ABOVE_0 = re.compile(r"positive|greater than|above|larger than|> ?0|exclusive", re.IGNORECASE)
_MOST = re.compile(
    r"(?:less than or equal to|at most|<=|between 0 and|\b0 to|maximum(?: value)?(?: of| is)?)"
    r" (\d+)",
    re.IGNORECASE,
)
#: What is asked, and of whom: no parameter.
_ASKED = {"model", "messages", "prompt"}
#: Words that are parts of sentences, too: only what is quoted, or named apart, is a field.
_COMMON = {"n", "stop", "echo", "seed", "temperature"}


def named(told: Refusal, sent: Mapping[str, Any]) -> set[str]:
    """The fields of a request that its refusal names."""
    found = set()
    for name in sent.keys() - _ASKED:
        written = re.escape(name)
        if name in _COMMON:
            written = rf"""['"`\[.]{written}['"`\]]|(?:parameter|argument|field)s?:? {written}\b"""
            written += rf"|\b{re.escape(name)} (?:is|isn't|does|must|should|cannot|can't)\b"
        if any(name == part.rpartition(".")[2] for part in told.fields) or re.search(
            rf"(?<![\w-])(?:{written})(?![\w-])", told.why
        ):
            found.add(name)
    return found


def without(able: Capabilities, told: Refusal, sent: Mapping[str, Any]) -> Capabilities | None:
    """What a server can do, less what it has just refused; ``None`` where that was no parameter
    that a request can do without.

    Args:
        able: as the request took it to be.
        told: what the server said.
        sent: the request.
    """
    fields = named(told, sent)
    if able.length in fields:
        [other] = set(LENGTHS) - {able.length}
        return replace(able, length=other)  # type: ignore[arg-type]
    if "temperature" in fields:
        if sent["temperature"] == 0 and _ABOVE_0.search(told.why):
            return replace(able, coldest=COLDEST)
        return replace(able, temperature=False)
    if "seed" in fields:
        return replace(able, seed=False, seeds=False)
    if "top_logprobs" in fields:
        most = _MOST.search(told.why)
        top = int(most[1]) if most and len(most[1]) < 4 else 0
        return replace(able, top=top if top < able.top else 0)
    if "logprobs" in fields:
        return replace(able, logprobs=False, top=0)
    if gone := fields & set(NEUTRAL):
        return replace(able, settings=tuple(n for n in able.settings if n not in gone))
    return None
