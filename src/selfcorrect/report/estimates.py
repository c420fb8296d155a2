"""The estimates of a summary's rounds, by name: which there are, and where they have a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.measures.catalogue import MEASURES
from selfcorrect.measures.measure import ANSWERS, GROUPS

Estimate = Mapping[str, Any]
Round = Mapping[str, Any]
Rounds = Sequence[Round]

#: The outcome, and its gain, where no feedback told the answer.
LEAK_FREE = ("leak_free", "leak_free_gain")
#: Estimates that need more than one round, and so stand beside the measures of one.
BETWEEN = (*(m.name for m in MEASURES if m.kind == "way"), "gain", *LEAK_FREE)
_COMMON = {*(m.name for m in MEASURES), *BETWEEN}


def grouped(outcome: str) -> dict[str, list[str]]:
    """The measures that every run has, by the heading under which they are shown."""
    groups: dict[str, list[str]] = {title: [] for title in GROUPS}
    groups[ANSWERS].append(outcome)
    for measure in MEASURES:
        groups.setdefault(measure.group, []).append(measure.name)
    groups[ANSWERS] += ["gain", *LEAK_FREE]
    return groups


def estimates(row: Round) -> dict[str, Estimate]:
    """Every estimate of a round, those that need another round among them."""
    return {**row["measures"], **{name: row[name] for name in BETWEEN if row.get(name)}}


def ends(rounds: Rounds) -> list[Round]:
    """The first round and the last; of one round, that one."""
    return [*rounds[:1], *rounds[1:][-1:]]


def points(rounds: Rounds, name: str) -> list[tuple[int, Estimate]]:
    """The rounds in which an estimate has a value, each with the estimate."""
    found = ((row["round"], estimates(row).get(name)) for row in rounds)
    return [(at, e) for at, e in found if e and e["value"] is not None]


def known(rounds: Rounds) -> list[str]:
    """Names of the estimates that have a value in some round, in the order of the first."""
    found: dict[str, None] = {}
    for row in rounds:
        found |= {n: None for n, e in estimates(row).items() if e["value"] is not None}
    return list(found)


def parts(rounds: Rounds, whole: str) -> list[str]:
    """Names of a measure's parts (``bias_ambiguous/Age``), those with a value."""
    return [name for name in known(rounds) if name.startswith(f"{whole}/")]


def wholes(rounds: Rounds) -> list[str]:
    """Names of the measures that have such parts."""
    return list(dict.fromkeys(n.partition("/")[0] for n in known(rounds) if "/" in n))


def own(rounds: Rounds, outcome: str) -> list[str]:
    """Names of the task's own measures besides its outcome, with a value or without; parts are not
    among them."""
    names = dict.fromkeys(name for row in rounds for name in row["measures"])
    known = {*_COMMON, outcome}
    return [name for name in names if name not in known and "/" not in name]
