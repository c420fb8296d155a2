"""The loop: a chunk of examples through all rounds of one or several strategies, as records."""

from selfcorrect.converse.loop import Arm, OnRound, beginning, converse
from selfcorrect.converse.record import ENDED, OWN_NOTES, STOPPED, Note, Record, StepRecord

__all__ = [
    "ENDED",
    "OWN_NOTES",
    "STOPPED",
    "Arm",
    "Note",
    "OnRound",
    "Record",
    "StepRecord",
    "beginning",
    "converse",
]
