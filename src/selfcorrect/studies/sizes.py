"""The quick size of a study's runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.runs import RunSpec
from selfcorrect.studies.base import Settings


def sized(spec: RunSpec, settings: Settings, quick: Mapping[str, Any]) -> RunSpec:
    """A spec at quick size, where that is asked for; what the spec says itself stays."""
    if not settings["quick"]:
        return spec
    said = spec.model_fields_set
    return spec.model_copy(update={key: value for key, value in quick.items() if key not in said})
