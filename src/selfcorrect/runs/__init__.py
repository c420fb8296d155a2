"""Runs: one model × task × strategy × seed, in a folder that explains itself."""

from selfcorrect.runs.execute import CONTROLS, Interrupted, Prepared, Where, prepare, run
from selfcorrect.runs.folder import Run, find_run, open_run
from selfcorrect.runs.given import given_spec
from selfcorrect.runs.progress import Progress
from selfcorrect.runs.spec import ModelSpec, RunSpec, StrategySpec, TaskSpec, make_spec, read_spec

__all__ = [
    "CONTROLS",
    "Interrupted",
    "ModelSpec",
    "Prepared",
    "Progress",
    "Run",
    "RunSpec",
    "StrategySpec",
    "TaskSpec",
    "Where",
    "find_run",
    "given_spec",
    "make_spec",
    "open_run",
    "prepare",
    "read_spec",
    "run",
]
