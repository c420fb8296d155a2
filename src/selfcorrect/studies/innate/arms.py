"""The arms of the study, by model."""

from __future__ import annotations

#: The arms that each model goes through.
ARMS = ("intrinsic-feedback-cot", "intrinsic", "repeat", "neutral")
#: The model of the spec, and the other one.
MODELS = ("model", "sibling")


def arm_of(which: str, strategy: str) -> str:
    """The name of a model's arm."""
    return f"{which} {strategy}"
