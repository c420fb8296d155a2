"""Whether a served model thinks before it replies, and how its server is asked to change that.

There is no standard. Each way is tried with one small request, and judged by whether a reply then
begins with a thought.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.messages import message
from selfcorrect.models.endpoint.answers import Said
from selfcorrect.models.endpoint.capabilities import Capabilities
from selfcorrect.models.endpoint.served import Served
from selfcorrect.models.endpoint.wire import Ask
from selfcorrect.models.thought import Thinking, Thought

#: What servers take: vLLM, SGLang and llama.cpp the first two, OpenAI and Ollama the third, clouds
#: the others.
_OFF: tuple[Mapping[str, Any], ...] = (
    {"chat_template_kwargs": {"enable_thinking": False}},
    {"chat_template_kwargs": {"thinking": False}},
    {"reasoning_effort": "none"},
    {"reasoning": {"enabled": False}},
    {"enable_thinking": False},
)
_ON: tuple[Mapping[str, Any], ...] = (
    {"chat_template_kwargs": {"enable_thinking": True}},
    {"chat_template_kwargs": {"thinking": True}},
    {"reasoning_effort": "medium"},
    {"reasoning": {"enabled": True}},
    {"enable_thinking": True},
)
_CLOSED = "<think>\n\n</think>\n\n"
_ASK = Ask((message("user", "Say yes."),), max_tokens=24)


async def settled(served: Served, first: Said, asked: Thinking) -> Capabilities:
    """What the server can do, and what it is told so that its model thinks, or doesn't.

    Args:
        served: a model that is asked nothing of it yet.
        first: a reply of it.
        asked: for what.

    Raises:
        UserError: it can't be had.
    """
    able = served.able
    name = f"{served.name!r} at {served.server.address.place}"
    if asked == "on":
        if first.thought is not None:
            return replace(able, thinks=True)
        told = await _found(served, _ON, thinks=True)
        if told is None:
            raise UserError(
                f"{name} can't be made to think: none of its replies began with a thought, "
                "whatever it was told; leave out --thinking on (model.thinking)."
            )
        return replace(able, thinks=True, told=told)
    if first.thought is None:
        return able
    told = await _found(served, _OFF, thinks=False)
    if told is not None:
        return replace(able, told=told)
    if asked == "auto":
        return replace(able, thinks=True)
    for way in ("continue", "last"):
        wished = replace(served, able=replace(able, prefill=way))
        found = await wished.tried(replace(_ASK, prefill=_CLOSED))
        if found is not None and found.said[0].thought is None and found.said[0].text.strip():
            return replace(able, closed=_CLOSED)
    raise unstoppable(served)


def unstoppable(served: Served) -> UserError:
    """The error of a model that is not to think, and does."""
    return UserError(
        f"{served.name!r} at {served.server.address.place} thinks before it replies, whatever it "
        "is told: leave out --thinking off (model.thinking), or serve it with a template that has "
        "a switch."
    )


async def _found(served: Served, ways: Sequence[Mapping[str, Any]], *, thinks: bool) -> str | None:
    """The first of several ways by which a reply begins with a thought, or with none."""
    for way in ways:
        found = await served.tried(_ASK, way)
        said = None if found is None else found.said[0]
        if said is not None and _thought(said) == thinks and (thinks or said.text.strip()):
            return json.dumps(way)
    return None


def _thought(said: Said) -> bool:
    return said.thought is not None


def sentence(name: str, able: Capabilities, most: int) -> str:
    """What was chosen, for people; "" for a model that doesn't think."""
    if able.thinks:
        return (
            f"{name} thinks before it replies, in up to {most} tokens beside the reply's "
            "(--max-thinking); later rounds don't show its thoughts"
        )
    if able.told:
        return f"{name} doesn't think before it replies: its server is told {able.told}"
    return f"{name} doesn't think: each block is ended at once" if able.closed else ""


def of_reply(said: Said, completion: int) -> Thought | None:
    """The thought before a reply, with its share of the tokens that were generated: as the server
    counts it, or tells each, else by its share of the text."""
    if said.thought is None:
        return None
    if said.reasoned is not None:
        tokens = min(said.reasoned, completion)
    elif said.thoughts or said.tokens:
        tokens = min(len(said.thoughts), completion)
    else:
        characters = len(said.thought) + len(said.text)
        tokens = round(completion * len(said.thought) / characters) if characters else 0
    cut = said.finish == "length" and not said.text.strip()
    logps = [token.logp for token in said.thoughts]
    return Thought(
        said.thought,
        "length" if cut else "stop",
        token_ids=tuple(token.id for token in said.thoughts if token.id is not None),
        token_logps=tuple(logp for logp in logps if logp is not None),
        encoded=tokens,
        generated=tokens,
    )
