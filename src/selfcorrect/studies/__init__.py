"""Studies by name. A new one is a folder here that holds ``STUDY``, and a line in this file."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from selfcorrect.errors import UserError, nearest
from selfcorrect.studies.base import Study

#: Each is the name of a folder beside this file, with ``_`` for ``-``.
_STUDIES = [
    "anchoring",
    "attribution",
    "blind-spot",
    "bridge",
    "checking",
    "concept-drives-uncertainty",
    "concepts",
    "construct",
    "convergence",
    "debias",
    "factorial",
    "injection",
    "innate",
    "jailbreak-defence",
    "joint",
    "mechanism",
    "role",
    "self-distinguish",
    "steering",
    "train",
    "transitions",
    "weak-evidence",
    "wording",
]


def names() -> dict[str, str]:
    """Every study's name and one sentence on it."""
    return {name: load(name).about for name in _STUDIES}


def load(name: str) -> Study:
    """A study by its name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in _STUDIES:
        raise UserError(f"there is no study {name!r}: {nearest(name, _STUDIES)}.")
    return cast(Study, import_module(f"{__name__}.{name.replace('-', '_')}").STUDY)
