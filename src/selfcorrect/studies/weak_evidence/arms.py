"""The arms, the evidence, and what is compared."""

from __future__ import annotations

#: Strategies; the one that the study is about first.
ARMS = ("intrinsic", "repeat", "baseline", "cot", "neutral")
#: Whose effects are claimed; the others are their controls.
METHODS = ("baseline", "intrinsic", "cot")
#: Each is compared with an arm that has all but what the method adds.
CONTROLS = {"intrinsic": "repeat", "cot": "neutral"}
#: Of the task's option.
NEITHER, STEREOTYPED, OTHER = EVIDENCE = ("neither", "stereotyped", "other")


def name(arm: str, evidence: str) -> str:
    """Of the run of an arm with some evidence."""
    return f"{arm}, {evidence}"
