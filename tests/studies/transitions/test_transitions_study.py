"""The study of transitions from spec, or from a run that exists, to its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec
from selfcorrect.studies.execute import execute

CHAIN = "planted:chain?accuracy=.3,cl=.9,cs=.3,stay={}"


def told(tmp_path: Path, stay: float) -> dict[str, Any]:
    spec = RunSpec.model_validate(
        {
            "model": CHAIN.format(stay),
            "task": {"name": "planted", "options": {"n": 240}},
            "rounds": 8,
        }
    )
    with pytest.raises(UserError, match="answers that are right or wrong, and rating"):
        execute("transitions", {}, spec=spec, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
