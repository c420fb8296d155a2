"""How sheets write differences that are claimed together: Holm's p, unread answers, what is shown.

A claim is an estimate with ``p_holm``, and where answers weren't read with ``unread``: the lowest
and the highest value that they allow. Its ``state`` is the analysis's word for what is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import MISSING, p_value, short
from selfcorrect.studies.words import estimate, sized

Claim = Mapping[str, Any]

#: What a table says of a claim, by its state.
STATES = {
    "shown": "shown",
    "scale": "depends on the scale",
    "turns": "depends on the round",
    "hangs": "unread answers decide it",
    "same": "within the margin",
    "few": "clusters are too few",
    "open": "not shown",
}


def direction(state: str, value: float | None) -> int:
    """1 or −1, on which side of 0 a claim is shown to lie; 0 where none is."""
    if state != "shown" or value is None:
        return 0
    return 1 if value > 0 else -1


def seen(e: Claim) -> str:
    """A claim in a finding: ``+.060 [.011, .109], p .034 (Holm), n 120, 40 clusters``."""
    return f"{estimate(e, signed=True)}, {holm(e)}, {sized(e)}"


def holm(e: Claim) -> str:
    """``p .034 (Holm)``, a dash where there is none."""
    return f"p {MISSING if e['p_holm'] is None else p_value(e['p_holm'])} (Holm)"


def allowed(ends: Sequence[float | None] | None) -> str:
    """``−.020 to +.140``: between what answers that weren't read allow a value to lie, an end
    missing where they don't bound it; a dash where all were read."""
    if ends is None:
        return MISSING
    if not any(end is not None for end in ends):
        return "not known"
    return " to ".join(MISSING if end is None else short(end, 3, signed=True) for end in ends)


def beside(e: Claim) -> str:
    """`` (unread answers allow −.020 to +.140)``; empty where all were read."""
    return "" if e.get("unread") is None else f" (unread answers allow {allowed(e['unread'])})"


def counted(missing: Mapping[str, int]) -> str:
    """``intrinsic 3, repeat 1``: of each name that has any, how many; empty where none has."""
    return ", ".join(f"{name} {n:,}" for name, n in missing.items() if n)


def unread(what: str, missing: Mapping[str, int], n: int) -> list[str]:
    """The finding of how many answers aren't known, by arm; none where all are.

    Args:
        what: begins the sentence: which answers these are.
        missing: by arm.
        n: of how many, in each arm.
    """
    if not (of := counted(missing)):
        return []
    return [f"{what}, of {n:,}: {of}. No direction is named that they could turn."]
