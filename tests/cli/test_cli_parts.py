"""How much is left of a long analysis, where there is no terminal to draw a bar on."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from selfcorrect.cli import parts


def test_each_kind_of_parts_is_timed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(parts.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(parts, "BETWEEN_LINES", 5.0)
    out = io.StringIO()
    with parts.counted(console=Console(file=out)) as tell:
        for now in range(1, 101):  # 100 texts, a second each
            clock[0] += 1
            tell(now, 100)
        for now in (1, 2, 3):  # then 4 tunings, 100 seconds each
            clock[0] += 100
            tell(now, 4)
    said = out.getvalue().splitlines()
    assert "55/100 finished · about 45 s left" in said
    assert said[-2:] == ["2/4 finished · about 3 min left", "3/4 finished · about 2 min left"]
