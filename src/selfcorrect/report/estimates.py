"""The estimates of a summary's rounds, by name: which there are, and where they have a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Estimate = Mapping[str, Any]
Round = Mapping[str, Any]
Rounds = Sequence[Round]

#: The measures that every run has, as they are shown together; others are the task's own.
GROUPS: Mapping[str, Sequence[str]] = {
    "Answers": ("accuracy", "parse_rate", "changed", "cl", "cs", "settled", "gain"),
    "How sure": ("confidence", "entropy", "option_mass", "first_choice_p", "likeliest_differs"),
    "Calibration": (
        "calibration_gap",
        "brier",
        "ece",
        "ece_expected",
        "ece_excess",
        "ece_debiased",
        "auroc",
        "calibration_gap_all",
        "brier_all",
        "ece_all",
    ),
    "Uncertainty and quality": (
        "rce",
        "rce_shuffled",
        "rce_isotonic",
        "spearman",
        "risk_coverage",
    ),
    "Cost": ("tokens", "encoded", "generated", "reused"),
}
_COMMON = {name for names in GROUPS.values() for name in names}
#: Estimates that need more than one round, and so stand beside the measures of one.
_BETWEEN = ("changed", "cl", "cs", "settled", "gain")


def estimates(row: Round) -> dict[str, Estimate]:
    """Every estimate of a round, those that need another round among them."""
    return {**row["measures"], **{name: row[name] for name in _BETWEEN if row[name]}}


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


def own(rounds: Rounds) -> list[str]:
    """Names of the task's own measures, with a value or without; parts are not among them."""
    names = dict.fromkeys(name for row in rounds for name in row["measures"])
    return [name for name in names if name not in _COMMON and "/" not in name]
