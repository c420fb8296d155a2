"""What sentences on a run and on several have in common: the outcome's name, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import MISSING, clusters

#: A summary, or a part of one.
Table = Mapping[str, Any]

#: What would settle a difference that has too few clusters, after its sentence.
MORE_CLUSTERS = "; more clusters, not more examples of these, would decide it"


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


def strategy_of(name: str) -> str:
    """What a strategy is called wherever a run is shown: one of a file by the file's name alone."""
    return name.rsplit("/", 1)[-1].removesuffix(".toml")


def of_others(summary: Table) -> bool:
    """Whether the answers were given, and are only measured."""
    spec: Table = summary.get("spec") or {}
    return bool((spec.get("strategy") or {}).get("name") == "given")


def is_share(summary: Table) -> bool:
    """Whether the outcome is a share of answers, so that it is told in points."""
    return bool(summary["outcome"]["kind"] == "share")


def conclusion(summary: Table) -> list[str]:
    """What a run comes to, a sentence or two each, wherever it is shown: the decision first."""
    decided = (summary.get("decision") or {}).get("said", "")
    return [*filter(None, [decided]), *summary["verdict"].split("\n")]


def nothing_in_both(name: str, other: str) -> str:
    """That two runs have no answers to compare, a sentence."""
    return (
        f"{name} can't be compared with {other}: no example has an answer in both that was read "
        "and graded."
    )


def listed(names: Sequence[str], word: str) -> str:
    """``a, b and c``, with that word."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def places_told(e: Table) -> str:
    """``n 96, 12 clusters``."""
    return f"n {e['n']:,}, {clusters(e)}"


def none_moved(e: Table) -> str:
    """That no outcome differs, as far as is known; then nothing tells how many examples suffice."""
    if "unread" in e:
        return "none of the answers that are known is better or worse"
    if e["n"] == 1:
        return "the one answer is neither better nor worse"
    return f"none of {e['n']:,} answers is better or worse"


def in_a_word(e: Table) -> str:
    """A difference's verdict in a table's cell; of an undecided one what keeps it open."""
    if e.get("hangs"):
        return "undecided: unread answers"
    if e.get("depends"):
        return "undecided: by round"
    if e.get("few") and e["verdict"] == "undecided":
        return "undecided: few clusters"
    return e["verdict"] or MISSING
