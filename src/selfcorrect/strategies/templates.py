"""Templates: text with ``{name}`` placeholders, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache

from selfcorrect.errors import UserError, nearest

_BRACES = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")


@lru_cache(maxsize=512)
def _pieces(template: str) -> tuple[tuple[str, bool], ...]:
    """The template cut into (text, is it a placeholder's name)."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for found in _BRACES.finditer(template):
        if found.start() > end:
            pieces.append((template[end : found.start()], False))
        end = found.end()
        if found[1]:
            pieces.append((found[1], True))
        elif len(found[0]) == 2:
            pieces.append((found[0][0], False))
        else:
            around = template[max(0, found.start() - 15) : found.end() + 15]
            raise UserError(
                f"a lone {found[0]!r} in a template, near {around!r}: a placeholder is "
                f"{{name}}, and a brace that is meant is doubled, {found[0] * 2}"
            )
    if end < len(template):
        pieces.append((template[end:], False))
    return tuple(pieces)


def placeholders(template: str) -> set[str]:
    """The names a template uses.

    Raises:
        UserError: if it has a brace that is neither part of ``{name}`` nor doubled.
    """
    return {text for text, named in _pieces(template) if named}


def misspelt(parameter: str, templates: Iterable[tuple[str | None, int]]) -> str:
    """Which placeholder is most likely meant for a parameter that no template uses.

    Args:
        parameter: its name.
        templates: each with its line.

    Returns:
        What to add to an error; empty where no name is near.
    """
    at = {name: line for text, line in templates for name in placeholders(text or "")}
    close = get_close_matches(parameter, at, n=1, cutoff=0.7)
    return f"; is it what {{{close[0]}}} in the step of line {at[close[0]]} means?" if close else ""


def render(template: str, values: Mapping[str, object]) -> str:
    """Put values into a template.

    A value is inserted as it is and never read as a template, whatever braces it has; ``{{`` and
    ``}}`` in the template stand for a brace.

    Raises:
        UserError: if a placeholder has no value, or a brace is neither part of one nor doubled.
    """
    return "".join(
        str(_value(text, values)) if named else text for text, named in _pieces(template)
    )


def _value(name: str, values: Mapping[str, object]) -> object:
    if name not in values:
        raise UserError(f"nothing has the name {{{name}}} here: {nearest(name, values)}")
    return values[name]


def escape(text: str) -> str:
    """The template that renders as this text."""
    return text.replace("{", "{{").replace("}", "}}")


def fill(template: str, values: Mapping[str, object], names: Iterable[str]) -> str:
    """The template with some of its placeholders replaced by their values; still a template."""
    chosen = set(names)
    return "".join(
        escape(text)
        if not named
        else escape(str(values[text]))
        if text in chosen
        else f"{{{text}}}"
        for text, named in _pieces(template)
    )
