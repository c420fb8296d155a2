"""Words beside a run's charts, and the answers in a line to the questions under which they lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.definitions import definer
from selfcorrect.report.estimates import points, wholes
from selfcorrect.report.numbers import count, written, written_interval

_Summary = Mapping[str, Any]
_CONTROLS = {
    "repeat": "Dashed: the control that is asked again without being told to review.",
    "baseline": "Long dashes: the control that is asked once.",
    "chance": "Dotted: what guessing would give.",
}


def curved(summary: _Summary) -> str:
    """What the first chart shows, in words."""
    name = summary["outcome"]["name"]
    shown = [n for n in (name, "confidence") if points(summary["rounds"], n)]
    return " and ".join(definer(summary)(n).label for n in shown)


def caption(chart: Mapping[str, Any] | None) -> str:
    """What the lines of the first chart are, of those that are drawn."""
    if not chart:
        return ""
    traces = chart["views"][0]["data"]
    names = {trace.get("name") for trace in traces}
    bars = any(v is not None for t in traces for v in t.get("error_y", {}).get("array", []))
    return " ".join(
        [
            *(["Bars: the 95 % interval of each round."] if bars else []),
            *(
                ["Shaded: 95 % for all rounds together."]
                if any("fill" in t for t in traces)
                else []
            ),
            *(text for name, text in _CONTROLS.items() if name in names),
        ]
    )


def hints(summary: _Summary) -> dict[str, str]:
    """For each question that is folded, what its answer is about, in a few words."""
    rounds = summary["rounds"]
    gaps = points(rounds, "calibration_gap")
    calibration = ""
    if gaps:
        at, e = gaps[-1]
        value = written(e["value"], "share", signed=True)
        said = f"{value} {written_interval(e, 'share', signed=True)}"
        calibration = f"confidence − accuracy in round {at}: {said}"
    since = summary.get("converged_at")
    settling = f"converged from round {since}" if since else "not shown to have converged"
    parts = len(wholes(rounds))
    where = f"{count(parts, 'measure')} part by part" if parts else "hidden states, layer by layer"
    return {"calibration": calibration, "settling": settling, "where": where}
