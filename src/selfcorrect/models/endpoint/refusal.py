"""What servers say with an error, in whatever form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from selfcorrect.models.endpoint.checked import text, window

_DEEPEST = 4
_NAMES = ("message", "detail", "error", "msg", "title", "error_description")
_KINDS = ("code", "type", "status", "error_type")
_LONGEST, _MOST = 2000, 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a server says with an error.

    Attributes:
        why: in its words; "" if it has none.
        kinds: its ``code``, ``type`` and ``status``.
        fields: the fields of the request that it names apart from its words.
        tokens, limit: of a transcript that is too long: its tokens, and the context window.
        more: all of it, to look for words in; never shown.
    """

    why: str = ""
    kinds: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    tokens: int | None = None
    limit: int | None = None
    more: str = ""


NOTHING = Refusal()


def refusal(body: object) -> Refusal:
    """Read the body of an error, whatever it is: OpenAI's, FastAPI's, Mistral's, Gemini's list, or
    a bare text."""
    tables = list(_tables(body, 0))
    plain = (table.get(name) for table in tables for name in _KINDS)
    numbers = {
        name: next(filter(None, (window(table.get(name)) for table in tables)), None)
        for name in ("n_prompt_tokens", "n_ctx")
    }
    return Refusal(
        why=_words(body, 0)[:_LONGEST],
        kinds=frozenset(str(kind) for kind in plain if isinstance(kind, str | int)),
        fields=frozenset(_fields(tables)),
        tokens=numbers["n_prompt_tokens"],
        limit=numbers["n_ctx"],
        more=_whole(body),
    )


def _tables(body: object, depth: int) -> Iterator[dict[str, Any]]:
    """The objects that an error is made of."""
    if depth > _DEEPEST:
        return
    if isinstance(body, list):
        for each in body[:8]:
            yield from _tables(each, depth + 1)
    elif isinstance(body, dict):
        yield body
        for name in _NAMES:
            yield from _tables(body.get(name), depth + 1)


def _words(value: object, depth: int) -> str:
    """Its message: a text, or what stands for one further in."""
    if isinstance(value, str):
        return text(value, "")
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_words(each, depth + 1) for each in value[:8])))
    if isinstance(value, dict):
        return next(filter(None, (_words(value.get(name), depth + 1) for name in _NAMES)), "")
    return ""


def _fields(tables: list[dict[str, Any]]) -> Iterator[str]:
    """OpenAI's ``param``, and the last part of FastAPI's ``loc``."""
    for table in tables:
        if isinstance(table.get("param"), str):
            yield table["param"]
        where = table.get("loc")
        if isinstance(where, list):
            yield from (part for part in where if isinstance(part, str) and part != "body")


def _whole(body: object) -> str:
    """Its names and words, as far as a few hundred values go."""
    found: list[str] = []
    waiting = [body]
    for _ in range(_MOST):
        if not waiting:
            break
        value = waiting.pop(0)
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            found += map(str, value)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return " ".join(found)[:_LONGEST]
