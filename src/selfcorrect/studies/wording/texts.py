"""The wordings of a request to review, and the arms that they make."""

from __future__ import annotations

#: Different beginnings, verbs and lengths; none says what may be wrong.
WORDINGS = (
    "Go through your answer once more. Keep it if it is good, or else give a better one.",
    "Please take a second look at what you answered, and correct it if that is needed.",
    "Is your answer as good as it could be? If so, repeat it; if not, improve it.",
    "Read your last reply as if somebody else had written it. Then answer again.",
    "Check your answer. Then state the answer that you stand by.",
    "Before we go on: would you still give this answer? Give it again, or change it.",
    "Think again about the question and about your answer to it, and reply anew.",
    "Here is a chance to revise. Answer the question once more, as well as you can.",
)
LEVELS = ("plain", "goal", "specific")


def arm_of(level: str, number: int) -> str:
    """The name of an arm; wordings are numbered from 1."""
    return f"{level} {number}"
