"""The tables of a bridge, and how its estimates are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.numbers import MISSING, count, interval, short
from selfcorrect.report.sheet import Table

Result = Mapping[str, Any]
Estimate = Mapping[str, Any]

METHODS = {
    "two_concept": "two concepts",
    "two_concept_steps": "two concepts, steps only",
    "exponential": "free exponential",
    "chain": "transition chain",
}
QUANTITIES = {
    "probability": "probability of the right option",
    "accuracy": "accuracy",
    "distribution": "each record's distribution",
}
#: How a forecast is drawn: colour, dash.
LINES = {
    "two_concept": ("@outcome", "solid"),
    "two_concept_steps": ("@outcome", "dot"),
    "exponential": ("@confidence", "dashdot"),
    "chain": ("@other", "longdash"),
    "persistence": ("@baseline", "dash"),
}


def estimate(e: Estimate, places: int = 2, *, signed: bool = False) -> str:
    """``.60 [.55, .66]``, or a dash."""
    if e["value"] is None:
        return MISSING
    return f"{short(e['value'], places, signed=signed)} {interval(e, places)}"


def beyond(e: Estimate, most: float) -> bool:
    """Whether a figure is shown to be farther from 0; without an interval, whether it is."""
    low, high = (e["value"] if e[end] is None else e[end] for end in ("low", "high"))
    return low is not None and bool(low > most or high < -most)


def measured(result: Result) -> Table:
    """What was measured, and what the model needs of it."""
    settings = result["settings"]
    least, most, step = (settings[key] for key in ("least_tv", "most_residual", "most_last_step"))
    inside = {e["round"]: "between 0 and 1" for e in result["epsilon"][:3]}
    rows = [
        (
            "total variation of p₊ and p₋",
            result["tv"],
            _need(f"at least {short(least)}", _within(result["tv"], least, 1)),
        ),
        (
            "unexplained in rounds 1-3",
            result["residual"],
            _need(f"at most {short(most)}", _within(result["residual"], 0, most)),
        ),
        *(
            (
                f"ε in round {e['round']}",
                e,
                _need(inside[e["round"]], _within(e, 0, 1)) if e["round"] in inside else "",
            )
            for e in result["epsilon"]
        ),
        *(
            (
                f"step of ε, last round of {name}",
                e,
                _need(f"within ±{short(step)}", not beyond(e, step)),
            )
            for name, e in (result["last_steps"] or {}).items()
        ),
        ("ρ of the mean, rounds 1-3", result["rho"], ""),
        ("log(ρ₃/ρ₂)", result["bend"], "0 if evidence is equal"),
        ("spread of ε, round 3", result["spread"][2], ""),
    ]
    return Table(
        title="Measured",
        columns=["", "value [95 %]", "what the model needs"],
        rows=[[name, estimate(e, 3), wanted] for name, e, wanted in rows],
        note=(
            f"n {result['n']:,}, {count(result['clusters'], 'cluster')}; intervals are over "
            "clusters. ε is 0 at p₊ and 1 at p₋. Unexplained: the squared distance of the records "
            "from the line of their own anchors, divided by that from the mean of the records "
            "whose anchors like the same options, each per direction in which they could differ. "
            "It is 0 for a mixture, and always with two options. It doesn't say why records move."
        ),
    )


def _need(text: str, met: bool) -> str:
    return text if met else f"{text} (not met)"


def _within(e: Estimate, low: float, high: float) -> bool:
    return e["value"] is None or bool(low <= e["value"] <= high)


def tournament(result: Result) -> Table:
    """Every mechanism, the best first."""
    rows = [
        [
            row["label"],
            str(len(row["parameters"])),
            estimate(row["score"], 4),
            MISSING if row["behind"] is None else estimate(row["behind"], 4, signed=True),
            f"{row['score']['n']:,} ({row['score']['clusters']:,})",
        ]
        for row in result["tournament"]["rows"].values()
    ]
    least = short(result["settings"]["least_lead"], 4)
    return Table(
        title="The tournament: log score on held-out clusters, nats a round",
        columns=[
            "mechanism",
            "free parameters",
            "log score [95 %]",
            "two concepts − this [95 %]",
            "n (clusters)",
        ],
        rows=rows,
        note=(
            "The log score of a forecast is Σ p log p̂ over the options, the mean over rounds from "
            "the second on; nearer to 0 is better. Each mechanism is fitted to the clusters of the "
            "other folds; beside its free parameters all but the chain take ε of round 1, the mean "
            "over those clusters. Differences are within dialogues, intervals over clusters. A "
            f"mechanism is named if every difference is shown to be more than {least}. (All of "
            "them must hold, so more rivals make an error less likely, and nothing is corrected.) "
            "A mechanism that can do the same as the named one must be shown not to be better by "
            "that much. Mechanisms that aren't in this table may do better than all that are."
        ),
    )


def skill(result: Result) -> Table:
    """The skill of each method over persistence, by what is predicted."""
    skill = result["skill"]
    rows = [
        [label, *(estimate(skill[method].get(name, _NONE)) for name in QUANTITIES)]
        for method, label in METHODS.items()
    ]
    whys: dict[str, list[str]] = {}
    for name, label in QUANTITIES.items():
        if (e := skill["two_concept"][name])["value"] is None:
            whys.setdefault(e["why"], []).append(label)
    note = "".join(f"No skill for {', '.join(labels)}: {why}. " for why, labels in whys.items())
    return Table(
        title="Skill over persistence, held-out clusters",
        columns=["", *QUANTITIES.values()],
        rows=rows,
        note=(
            f"{note}1 is perfect, 0 is persistence. n {result['n']:,}, "
            f"{count(result['clusters'], 'cluster')}; intervals leave out predicted clusters, "
            "with the fits unchanged. The noise of the measured means counts as error."
        ),
    )


def rounds(result: Result) -> Table:
    """The means of the later rounds, measured and predicted."""
    rows = []
    for row in result["predictions"]:
        for name in ("probability", "accuracy"):
            found = row[name]
            guesses = (found.get(method) for method in LINES)
            rows.append(
                [
                    f"{row['round']} {name}",
                    estimate(found["actual"], 3),
                    *(MISSING if g is None else short(g, 3) for g in guesses),
                ]
            )
    return Table(
        title="Means, measured and predicted",
        columns=["round", "measured [95 %]", *METHODS.values(), "persistence"],
        rows=rows,
        terminal=False,
    )


_NONE: Estimate = {"value": None, "low": None, "high": None}
