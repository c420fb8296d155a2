"""The quick size of a study's runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.runs import RunSpec
from selfcorrect.studies.base import Settings


def at_size(
    spec: RunSpec, settings: Settings, quick: Mapping[str, Any], rounds: int | None = None
) -> RunSpec:
    """A spec at quick size, where that is asked for; else with as many rounds as the study has
    usually, where it says so. What the spec says itself stays."""
    usual = {} if rounds is None else {"rounds": rounds}
    size = quick if settings["quick"] else usual
    said = spec.model_fields_set
    return spec.model_copy(update={key: value for key, value in size.items() if key not in said})
