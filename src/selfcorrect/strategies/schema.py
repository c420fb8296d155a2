"""The closed set of keys of a strategy's file, and what each may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.strategies.base import KINDS, ROLES
from selfcorrect.toml_lines import Place, line_of


@dataclass(frozen=True, slots=True)
class File:
    """A strategy's file, for errors: its path, and where its keys stand."""

    path: str
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        return line_of(self.lines, place)

    def error(self, place: Place, sentence: str) -> UserError:
        return UserError(f"{self.path}:{self.line(place)}: {sentence}")


_MOST = 1_000_000  # rounds, tokens, samples: more is a slip of the pen
_LARGEST = 1e300  # no infinity, and no whole number that no float holds


# --- what a key may hold: the words for it, and the test ---------------------------------------


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MOST


def is_rounds(value: Any, least: int) -> bool:
    """Whether this is a list of whole numbers, none under ``least``."""
    return isinstance(value, list | tuple) and all(_whole(r, least) for r in value)


def _text_of_some_length(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _temperature(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100


def _choices(value: Any) -> bool:
    return (
        isinstance(value, list)
        and all(_text_of_some_length(c) for c in value)
        and len(set(value)) == len(value) >= 2
    )


def is_name(value: Any) -> bool:
    """Whether this can be the name of a concept."""
    return (
        isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value) is not None
    )


def _number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and abs(value) <= _LARGEST


def _layers(value: Any) -> bool:
    if isinstance(value, str):
        return value in ("chosen", "all")
    return bool(value) and is_rounds(value, 0) and len(set(value)) == len(value)


def _part(value: Any) -> bool:
    kind, _, rest = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind == "random":
        return re.fullmatch(r"\d{1,9}", rest, re.ASCII) is not None
    return value == "whole" or (kind == "orthogonal" and is_name(rest))


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


#: what is expected, in words, and whether a value is that
Check = tuple[str, Callable[[Any], bool]]
_TEXT: Check = ("a text that is not empty", _text_of_some_length)
_BOOL: Check = ("true or false", lambda v: isinstance(v, bool))
_COUNT: Check = ("a whole number from 1 to 1,000,000", lambda v: _whole(v, 1))
_LATER: Check = (
    "a list of whole numbers from 2 (round 1 is what [[first]] says)",
    lambda v: is_rounds(v, 2),
)

TOP: Mapping[str, Check] = {
    "about": _TEXT,
    "group": _TEXT,
    "source": _TEXT,
    "oracle": _BOOL,
    "max_rounds": _COUNT,
    "models": ('a table such as { feedback = "own" }', lambda v: isinstance(v, dict)),
    "parameters": ("a table", lambda v: isinstance(v, dict)),
    "first": ("steps, each a [[first]] table", lambda v: _tables(v)),
    "again": ("steps, each an [[again]] table", lambda v: _tables(v)),
    "stop": ("a table", lambda v: isinstance(v, dict)),
}
_ANY_STEP: Mapping[str, Check] = {
    "rounds": _LATER,
    "except_rounds": _LATER,
    "when": ('a table of texts such as { critique = "no" }', lambda v: bool(v) and _texts(v)),
    "from": _TEXT,
    "if": (
        "a table of parameters with the values for which the step is there, such as "
        '{ form = ["verdict", "number"] }',
        lambda v: isinstance(v, dict) and bool(v),
    ),
}
#: What pictures a message shows: the example's, none, or those of the other one of its pair.
_IMAGE: Check = ('true, false or "other"', lambda v: isinstance(v, bool) or v == "other")
SAY: Mapping[str, Check] = {
    "say": _TEXT,
    "image": _IMAGE,
    "role": (f"one of {', '.join(ROLES)}", lambda v: isinstance(v, str) and v in ROLES),
    "begin": _BOOL,
    **_ANY_STEP,
}
ELICIT: Mapping[str, Check] = {
    "elicit": (f"one of {', '.join(KINDS)}", lambda v: isinstance(v, str) and v in KINDS),
    "prefill": (
        "a text that doesn't end in a space (it would merge with the next token)",
        lambda v: isinstance(v, str) and not v.endswith((" ", "\t")),
    ),
    "choices": ("a list of at least two different texts", _choices),
    "max_tokens": _COUNT,
    "temperature": ("a number from 0 to 100", _temperature),
    "samples": _COUNT,
    "take": ("first or majority", lambda v: v in ("first", "majority")),
    "steer": (
        'a table such as { concept = "kindness", alpha = 4.0 }',
        lambda v: isinstance(v, dict),
    ),
    "replaced": (
        'a table such as { right = "yes", wrong = "no", falsehood = 0.5 }',
        lambda v: isinstance(v, dict),
    ),
    **_ANY_STEP,
}
GIVEN: Mapping[str, Check] = {
    "given": ("true", lambda v: v is True),
    "rounds": _LATER,
    "except_rounds": _LATER,
}
#: the keys of which a step has exactly one: what it then does, and what else it may hold
FORMS: Mapping[str, tuple[str, Mapping[str, Check]]] = {
    "say": ("says something", SAY),
    "elicit": ("elicits something", ELICIT),
    "given": ("takes a round as it is given", GIVEN),
}
STOP: Mapping[str, Check] = {"unchanged": _COUNT, "when": _ANY_STEP["when"]}
_SHARE: Check = ("a number from 0 to 1", lambda v: _number(v) and 0 <= v <= 1)
#: What `replaced` may hold; "right" and "wrong" are needed.
REPLACED: Mapping[str, Check] = {
    "right": _TEXT,
    "wrong": _TEXT,
    "truth": _SHARE,
    "falsehood": _SHARE,
}
#: What a steer may hold, in a step and in a spec; "concept" and "alpha" are needed.
STEER: Mapping[str, Check] = {
    "concept": ("the name of a concept: letters, digits, _, . and -", is_name),
    "alpha": ("a number", _number),
    "layers": ('"chosen", "all" or a list of layer numbers from 0', _layers),
    "at": ("transcript or reply", lambda v: v in ("transcript", "reply")),
    "part": ("whole, orthogonal:CONCEPT or random:SEED", _part),
}

#: Keys for which no parameter stands: texts, and what the checks of the flow rest on.
NO_REFERENCE = {"about", "group", "source", "say", "prefill", "elicit", "given", "choices"} | {
    *("when", "steer", "if", "replaced", "right", "wrong")
}


def _tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def shown(value: Any) -> str:
    """A value as an error quotes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table" if value else "an empty table"
    try:
        text = repr(list(value) if isinstance(value, tuple) else value)
    except ValueError:  # Python prints no number of more than 4,300 digits
        return "a very long number"
    return text if len(text) <= 60 else f"{text[:57]}..."
