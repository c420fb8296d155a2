"""The loop: a chunk of examples through all rounds of one or several strategies, as records."""

from selfcorrect.converse.loop import Arm, OnRound, beginning, converse
from selfcorrect.converse.record import OWN_NOTES, Note, Record, StepRecord

__all__ = [
    "OWN_NOTES",
    "Arm",
    "Note",
    "OnRound",
    "Record",
    "StepRecord",
    "beginning",
    "converse",
]
