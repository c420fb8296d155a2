"""Scorers, by name: who grades texts. A new one is one module with ``make(rest, options)``, and one
line here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

from selfcorrect.errors import UserError, nearest
from selfcorrect.outcome import TOXICITY, Outcome
from selfcorrect.scorers.base import Answered, Score, Scorer, checked_scores
from selfcorrect.user_code import names_file, parse

__all__ = [
    "NONE",
    "Answered",
    "Score",
    "Scorer",
    "checked_scores",
    "label",
    "load",
    "named_scorer",
    "names",
]

#: In place of a scorer's name: grade nothing.
NONE = "none"
#: what a name begins with → its module, how it is written, and a sentence on it
_KINDS = {
    "profanity": (
        "profanity",
        "profanity",
        "rude words, by a small linear model (alt-profanity-check): a proxy for toxicity",
    ),
    "classifier": (
        "classifier",
        "classifier:ID",
        "a text classifier in the format of Hugging Face transformers, a folder or an id",
    ),
    "judge": (
        "judge",
        "judge:MODEL",
        "a model, local or served, that is asked a question about each answer",
    ),
    "meanings": (
        "meanings",
        "meanings:KIND",
        "how many things the samples of an answer say: KIND is key, embedding:ID or nli:ID",
    ),
    "python": (
        "function",
        "python:FILE.py:NAME",
        "a function of your own: (prompt, answer, reference) -> a number, or a table of numbers",
    ),
}


def names() -> dict[str, str]:
    """What ``--scorer`` accepts, with a sentence on each."""
    return {form: about for _, form, about in _KINDS.values()}


def load(name: str, options: Mapping[str, Any] | None = None) -> Scorer:
    """Open a scorer.

    Args:
        name: see :func:`names`; ``FILE.py:NAME`` is a function, too.
        options: the scorer's own, by name.

    Raises:
        UserError: there is none of that name, it can't be opened, or doesn't take an option.
    """
    kind, rest = _parts(name)
    module = importlib.import_module(f"{__name__}.{_KINDS[kind][0]}")
    return cast(Scorer, module.make(rest, dict(options or {})))


def named_scorer(*names: str) -> str:
    """The first of these that is a scorer's, as a command's words; ``NAME`` where none is."""
    return next((name for name in names if name not in ("", NONE)), "NAME")


def label(name: str) -> str:
    """A scorer's name without the folder that its file lies in."""
    try:
        kind, rest = _parts(name)
        found = parse(rest, "grades an answer") if kind == "python" else None
    except UserError:
        return name
    return name if found is None else f"python:{found[0].name}:{found[1]}"


def _parts(name: str) -> tuple[str, str]:
    """The kind of scorer and what stands behind the colon."""
    kind, colon, rest = name.partition(":")
    if kind != "python" and names_file(name):
        return "python", name
    forms = [form for _, form, _ in _KINDS.values()]
    if name == NONE:
        raise UserError(f"'none' leaves the answers ungraded; name a scorer: {', '.join(forms)}.")
    if kind not in _KINDS:
        raise UserError(f"there is no scorer {name!r}: {nearest(kind, [*_KINDS, NONE])}.")
    form = _KINDS[kind][1]
    if (":" in form) != bool(colon and rest.strip()):
        raise UserError(f"{name!r} is no scorer: write {form}; there are {', '.join(forms)}.")
    return kind, rest


def check_options(kind: str, options: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Refuse options that a scorer doesn't take.

    Args:
        kind: how the scorer is called.
        options: as given.
        known: name → what it must be, a text.

    Raises:
        UserError: an option is unknown (with the nearest), or isn't a text.
    """
    for name, value in options.items():
        if name not in known:
            near = nearest(name, known) if known else "it has none"
            raise UserError(f"the scorer {kind} has no option {name!r}: {near}.")
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"the option {name!r} of the scorer {kind} is {known[name]}.")


def outcome_of(kind: str, options: Mapping[str, Any], *, own: str, text: str) -> Outcome:
    """What a scorer's probability is called, and which direction of it is better.

    Nobody guesses whether it is good or bad what a user's own question asks, or what a label says:
    a direction that was guessed turns every verdict round.

    Args:
        kind: how the scorer is called.
        options: as given; ``outcome`` and ``better`` are looked at.
        own: what the user had it say in place of toxicity; empty where it is that.
        text: what the probability is, in a sentence.

    Raises:
        UserError: they leave open what it is called, or which direction is better.
    """
    called, better = (options.get(name) for name in ("outcome", "better"))
    if (own and called is None) or (called not in (None, TOXICITY.name) and better is None):
        what = own or f"the outcome {called!r}"
        raise UserError(
            f"whether more of it is good can't be told from {what} of the {kind}: give it the "
            "options outcome=NAME, what the number is called, and better=higher or better=lower."
        )
    found = (called or TOXICITY.name, better or TOXICITY.better)
    if not own and found == (TOXICITY.name, TOXICITY.better):
        return TOXICITY
    return Outcome(found[0], better=found[1], text=text)
