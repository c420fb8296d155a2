"""What the tests of runs execute share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfcorrect.runs import Run, RunSpec, make_spec, open_run

SIZE = 40


def a_spec(**changes: Any) -> RunSpec:
    return make_spec(
        {
            "model": "planted:chain",
            "task": {"name": "planted", "options": {"n": SIZE, "cluster_size": 2}},
            "rounds": 3,
            "chunk": 16,
        }
        | changes
    )


def contents(out: Path) -> dict[str, bytes]:
    """Every file of records, by its place."""
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.glob("*/records/*"))}


def the_run(out: Path, strategy: str = "intrinsic") -> Run:
    return open_run(next(out.glob(f"planted-{strategy}-*")))


def _copy(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
