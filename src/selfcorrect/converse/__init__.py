"""The loop: a chunk of examples through all rounds of one or several strategies, as records."""

from selfcorrect.converse.arms import Arm, beginning
from selfcorrect.converse.dialogue import NO_SAMPLES, Samples
from selfcorrect.converse.loop import OnRound, Waited, converse
from selfcorrect.converse.record import DONE, ENDED, OWN_NOTES, STOPPED, Note, Record, StepRecord

__all__ = [
    "DONE",
    "ENDED",
    "NO_SAMPLES",
    "OWN_NOTES",
    "STOPPED",
    "Arm",
    "Note",
    "OnRound",
    "Record",
    "Samples",
    "StepRecord",
    "Waited",
    "beginning",
    "converse",
]
