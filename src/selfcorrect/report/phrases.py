"""What several sentences on a run have in common: its outcome's name, counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.numbers import clusters

#: A summary, or a part of one.
Table = Mapping[str, Any]


def outcome_of(summary: Table) -> str:
    """The outcome's name."""
    name: str = summary["outcome"]["name"]
    return name


def said_of(summary: Table) -> str:
    """The outcome as a text calls it."""
    return outcome_of(summary).replace("_", " ")


def capital_of(summary: Table) -> str:
    """The same, at the beginning of a sentence."""
    said = said_of(summary)
    return said[:1].upper() + said[1:]


def is_share(summary: Table) -> bool:
    """Whether the outcome is a share of answers, so that it is told in points."""
    return bool(summary["outcome"]["kind"] == "share")


def places_told(e: Table) -> str:
    """``n 96, 12 clusters``."""
    return f"n {e['n']:,}, {clusters(e)}"
