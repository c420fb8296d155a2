"""The bridge as a sheet: what was measured of the two-concept model, and what it foretold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import Trace, rounds_axis, scatter
from selfcorrect.report.numbers import MISSING, count, interval, percent, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table

Result = Mapping[str, Any]
Estimate = Mapping[str, Any]

_METHODS = {
    "two_concept": "two concepts",
    "two_concept_steps": "two concepts, steps only",
    "exponential": "free exponential",
    "chain": "transition chain",
}
_QUANTITIES = {
    "probability": "probability of the right option",
    "accuracy": "accuracy",
    "distribution": "each record's distribution",
}
#: How a forecast is drawn: colour, dash.
_LINES = {
    "two_concept": ("@outcome", "solid"),
    "two_concept_steps": ("@outcome", "dot"),
    "exponential": ("@confidence", "dashdot"),
    "chain": ("@other", "longdash"),
    "persistence": ("@baseline", "dash"),
}

_MODEL = (
    "Suppose the model answers according to which of two concepts it takes the dialogue to be "
    "about, the wanted one or another, and isn't sure which. Its distribution over the options is "
    "then a mixture, p_t = (1 − ε_t) p₊ + ε_t p₋, where ε_t is the probability it gives the other "
    "concept after round t. By Bayes' rule every round multiplies the odds ε/(1 − ε) by a "
    "likelihood ratio. If every round says the same, that is one number ρ, and logit ε_t = a + b t "
    "with ρ = e^b: below 1 each round makes the wanted concept likelier, at 1 nothing moves.",
    "Both ends are measured, not fitted: p₋ for each example in the last round of a run with the "
    "goal reversed, p₊ in that of a run whose goal is stated at length. What is left to fit is "
    "ε_t, one number a round, by least squares over all records, and a line through three of them.",
    "A forecast that merely knows the last value is hard to beat, so skill is counted from there: "
    "1 − error / error of persistence, which says that nothing changes after round 3. 1 is "
    "perfect, 0 no better than persistence, below 0 worse. The error is the distance of the "
    "predicted from the measured mean, over all later rounds. A free exponential (three numbers "
    "through rounds 1-3, no theory) and the transition chain (the chances that a right answer "
    "stays right and a wrong one becomes so) are given the same. Every forecast is of clusters "
    "that its fit has not seen.",
)
_WRONG = (
    "The anchors needn't be pure. If the negation run holds some of the wanted concept, or the "
    "anchor run some of the other, ε is measured on a scale that is shifted and stretched, and its "
    "logit is no line; ρ comes out farther from 1 than it is. So it is where the anchors' own runs "
    "have too few rounds to come to their ends. Noise in the anchors pulls every ε towards ½, and "
    "ρ towards 1.",
    "Answers are evidence, too. Where the model's own answers are drawn from its mixture, they "
    "leave the probability of either concept unchanged on average; greedy answers don't, and then "
    "a round's ρ isn't the instruction's alone.",
    "Records differ. Each record's logit may be a line while the mean of their ε is none: the more "
    "they differ, the flatter the mean, and ρ lies nearer 1 than any record's. The spread of ε "
    "between records is shown for that reason; noise adds to it.",
    "And there may be no two concepts at all. A run that grows surer of its own first answer moves "
    "in a direction that neither anchor knows. The unexplained share, and the skill for each "
    "record's distribution, show that; the means needn't.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what :func:`selfcorrect.studies.bridge.bridge` returns."""
    settings = result["settings"]
    folders = result.get("folders", {})
    return Sheet(
        title="The bridge",
        question="Do three rounds and two anchors foretell the rest?",
        findings=_findings(result),
        sections=[
            Section("The model, and what it must beat", _MODEL),
            Section("Between the anchors", _between(result), [_measured(result), _epsilon(result)]),
            *([_forecast(result)] if result["identified"] else []),
            Section("What would make it wrong", _WRONG),
        ],
        settings={
            **folders,
            "examples": f"{result['n']:,}",
            "clusters": f"{result['clusters']:,}",
            "folds": str(settings["folds"]),
            "seed": str(settings["seed"]),
        },
    )


# --- in words ------------------------------------------------------------------------------------


def _findings(result: Result) -> list[str]:
    if not result["identified"]:
        return [
            f"Not identified here: {result['why']}",
            "So nothing is predicted.",
            *_aimless(result),
            *_unsettled(result),
            *_used(result),
        ]
    return [
        _headline(result),
        *_rivals(result),
        _odds(result),
        *_aimless(result),
        *_unsettled(result),
        *_doubts(result),
        *_used(result),
    ]


def _headline(result: Result) -> str:
    """Of the one figure that was chosen beforehand: the mean probability of the right option."""
    e = result["skill"]["two_concept"]["probability"]
    later = f"rounds {result['predictions'][0]['round']}-{result['rounds']}"
    if result["rounds"] == result["predictions"][0]["round"]:
        later = f"round {result['rounds']}"
    if e["value"] is None:
        return (
            f"No skill is claimed for the probability of the right option in {later}: {e['why']}."
        )
    said = f"skill {_said(e)} (n {e['n']:,}, {count(e['clusters'], 'cluster')})"
    what = f"the mean probability of the right option in {later}"
    if e["low"] is None:
        return f"How well the two-concept model foretells {what} is {said}: {e.get('why')}."
    if e["low"] > 0:
        return f"The two-concept model foretells {what} better than persistence: {said}."
    if e["high"] < 0:
        return f"The two-concept model foretells {what} worse than persistence: {said}."
    return f"Whether two concepts foretell {what} better than persistence is undecided: {said}."


def _rivals(result: Result) -> list[str]:
    e = result["lead"]["exponential"]["probability"]
    if e["value"] is None or e["low"] is None:
        return []
    said = f"the difference in skill is {_said(e, signed=True)}"
    if e["low"] > 0:
        return [f"It does better than a free exponential, which knows no theory: {said}."]
    if e["high"] < 0:
        return [f"A free exponential, which knows no theory, does better: {said}."]
    return [f"It isn't shown to do better than a free exponential, which knows no theory: {said}."]


def _odds(result: Result) -> str:
    e = result["rho"]
    said = f"ρ = {_said(e, 3)}"
    if e["low"] is None:
        return f"Over rounds 1-3 {said}; it has no interval: {e.get('why')}."
    if e["low"] <= 1 <= e["high"]:
        return f"Over rounds 1-3 the odds of the other concept aren't shown to change: {said}."
    way = "shrinks" if e["value"] < 1 else "raises"
    return f"Over rounds 1-3 each round {way} the odds of the other concept: {said}."


def _aimless(result: Result) -> list[str]:
    """Of anchors that differ, but not in how likely the right option is."""
    e = result["anchors"]["difference"]
    if e["low"] is None or e["low"] > 0:
        return []
    less = e["high"] < 0
    how = "is less likely" if less else "isn't shown to be likelier"
    then = "the anchors don't" if less else "nothing shows that the anchors"
    return [
        f"The right option {how} under p₊ than under p₋: {_said(e, 3, signed=True)}; so {then} "
        "differ in what the goal asks for."
    ]


def _unsettled(result: Result) -> list[str]:
    """Of anchors that were still on their way in their last round."""
    most = result["settings"]["most_last_step"]
    moved = [
        f"by {_said(e, 3, signed=True)} in the {name} run"
        for name, e in (result["last_steps"] or {}).items()
        if _beyond(e, most)
    ]
    if not moved:
        return []
    farther = "If they were on their way still, ρ is nearer to 1 than it seems. "
    farther = farther if result["identified"] else ""
    return [
        f"The anchors haven't settled: in their last round ε still changed {' and '.join(moved)}. "
        f"{farther}Run negation and anchor again for more rounds (a larger --rounds); the longer "
        "runs are then taken."
    ]


def _beyond(e: Estimate, most: float) -> bool:
    """Whether a figure is shown to be farther from 0; if it has no interval, whether it is."""
    low, high = (e["value"] if e[end] is None else e[end] for end in ("low", "high"))
    return low is not None and bool(low > most or high < -most)


def _doubts(result: Result) -> list[str]:
    lines = []
    bend = result["bend"]
    if bend["low"] is not None and (bend["low"] > 0 or bend["high"] < 0):
        lines.append(
            "Rounds 2 and 3 don't bring the same evidence, so one ρ is no description: "
            f"log(ρ₃/ρ₂) = {_said(bend, signed=True)}."
        )
    spread, epsilon = result["spread"][2], result["epsilon"][2]
    most = (epsilon["value"] * (1 - epsilon["value"])) ** 0.5
    if spread["value"] > most / 2:
        lines.append(
            f"Records differ much: their ε in round 3 have the standard deviation {_said(spread)}, "
            f"and {short(most)} is the most for probabilities of this mean. The mean of ε needn't "
            "be logistic then, and ρ is nearer 1 than the records' own."
        )
    worst = {name: n for name, n in result["fallbacks"].items() if n}
    if worst:
        folds = result["settings"]["folds"]
        names = ", ".join(f"{_fallback(name)} in {n} of {folds}" for name, n in worst.items())
        lines.append(
            f"Where a method could foretell nothing it stands as persistence: {names} folds."
        )
    return lines


def _fallback(name: str) -> str:
    method, _, quantity = name.partition("_")
    if method == "exponential":
        return f"free exponential ({quantity})"
    return _METHODS[name]


def _used(result: Result) -> list[str]:
    left = result.get("left_out", 0)
    if not left:
        return []
    return [f"{count(left, 'example')} of the run were left out: one of the three runs lacks them."]


def _between(result: Result) -> list[str]:
    anchors = result["anchors"]
    return [
        "The mean probability of the right option is "
        f"{_said(anchors['anchor'])} under p₊ and {_said(anchors['negation'])} under p₋."
    ]


def _said(e: Estimate, places: int = 2, *, signed: bool = False) -> str:
    """``.60 [.55, .66]``, or a dash."""
    if e["value"] is None:
        return MISSING
    return f"{short(e['value'], places, signed=signed)} {interval(e, places)}"


# --- tables --------------------------------------------------------------------------------------


def _measured(result: Result) -> Table:
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
                _need(f"within ±{short(step)}", not _beyond(e, step)),
            )
            for name, e in (result["last_steps"] or {}).items()
        ),
        ("ρ, rounds 1-3", result["rho"], ""),
        ("log(ρ₃/ρ₂)", result["bend"], "0 if rounds say the same"),
        ("spread of ε, round 3", result["spread"][2], ""),
    ]
    return Table(
        title="Measured",
        columns=["", "value [95 %]", "what the model needs"],
        rows=[[name, _said(e, 3), wanted] for name, e, wanted in rows],
        note=(
            f"n {result['n']:,}, {count(result['clusters'], 'cluster')}; intervals are over "
            "clusters. On ε's scale p₊ is 0 and p₋ is 1. Unexplained is the records' squared "
            "distance from the nearest mixtures of their anchors over that from the round's mean: "
            "0 is a mixture, 1 no better than the mean."
        ),
    )


def _need(text: str, met: bool) -> str:
    return text if met else f"{text} (not met)"


def _within(e: Estimate, low: float, high: float) -> bool:
    return e["value"] is None or bool(low <= e["value"] <= high)


def _forecast(result: Result) -> Section:
    answers = result["answers"]
    share = f"{percent(answers['likeliest'])} % of the answers are the likeliest option"
    way = (
        "so a forecast's accuracy is that of its likeliest option"
        if answers["taken_as"] == "greedy"
        else "so they count as drawn, and a forecast's accuracy is its probability of the right one"
    )
    return Section(
        "What was foretold",
        [
            f"In this run {share}, {way}.",
            "Two concepts puts every record between its own anchors, where the line through rounds "
            "1-3 says. Steps only adds the line's further steps to the record's own round 3: an "
            "anchor that is off by as much in every round then does no harm. For each record's "
            "distribution that is the stricter test: persistence repeats the noise of round 3, and "
            "a forecast that doesn't gains by that alone.",
        ],
        [
            _skill(result),
            _rounds(result),
            *(_later(result, name) for name in ("probability", "accuracy")),
        ],
    )


def _skill(result: Result) -> Table:
    skill = result["skill"]
    rows = [
        [label, *(_said(skill[method].get(name, _NONE)) for name in _QUANTITIES)]
        for method, label in _METHODS.items()
    ]
    whys: dict[str, list[str]] = {}
    for name, label in _QUANTITIES.items():
        if (e := skill["two_concept"][name])["value"] is None:
            whys.setdefault(e["why"], []).append(label)
    note = "".join(f"No skill for {', '.join(labels)}: {why}. " for why, labels in whys.items())
    return Table(
        title="Skill over persistence, held-out clusters",
        columns=["", *_QUANTITIES.values()],
        rows=rows,
        note=(
            f"{note}1 is perfect, 0 is persistence. n {result['n']:,}, "
            f"{count(result['clusters'], 'cluster')}; intervals resample the clusters predicted, "
            "with the fits as they are. The noise of the measured means counts as error."
        ),
    )


def _rounds(result: Result) -> Table:
    rows = []
    for row in result["predictions"]:
        for name in ("probability", "accuracy"):
            found = row[name]
            guesses = (found.get(method) for method in _LINES)
            rows.append(
                [
                    f"{row['round']} {name}",
                    _said(found["actual"], 3),
                    *(MISSING if g is None else short(g, 3) for g in guesses),
                ]
            )
    return Table(
        title="Means, measured and foretold",
        columns=["round", "measured [95 %]", *_METHODS.values(), "persistence"],
        rows=rows,
        terminal=False,
    )


_NONE: Estimate = {"value": None, "low": None, "high": None}


# --- charts --------------------------------------------------------------------------------------


def _epsilon(result: Result) -> Chart:
    rows = result["epsilon"]
    ends = [rows[0], rows[-1]]
    traces = [
        _line("p₋, ε = 1", _x(ends), [1, 1], "@baseline", "dash"),
        _line("p₊, ε = 0", _x(ends), [0, 0], "@baseline", "dot"),
    ]
    theory = "No line is fitted, as the model isn't identified. "
    if result["identified"]:
        theory = "Theory: a logistic line through rounds 1-3, dashed where it is a forecast. "
        fitted, beyond = rows[:3], rows[2:]
        traces += [
            _line("line through rounds 1-3", _x(fitted), [r["line"] for r in fitted], "@outcome"),
            _line("the same, gone on", _x(beyond), [r["line"] for r in beyond], "@outcome", "dash"),
        ]
    traces.append(_markers("measured ε", [(r["round"], r) for r in rows]))
    return Chart(
        name="epsilon",
        title="How much of the other concept is in each round",
        alt="ε by round, measured with intervals, between the anchors at 0 and 1"
        + (", beside the line fitted to rounds 1-3." if result["identified"] else "."),
        data=traces,
        layout={"xaxis": rounds_axis(result["actual"]), "yaxis": {"title": {"text": "ε"}}},
        caption=(
            f"{theory}Measured: ε by least squares over all records, bars are 95 % intervals over "
            "clusters."
        ),
    )


def _later(result: Result, name: str) -> Chart:
    rows = result["predictions"]
    start = result["actual"][2]
    traces = [
        _line(
            _METHODS.get(method, method),
            [start["round"], *_x(rows)] if method != "two_concept" else _x(rows),
            ([start[name]["value"]] if method != "two_concept" else [])
            + [row[name][method] for row in rows],
            *how,
        )
        for method, how in _LINES.items()
        if method in rows[0][name]
    ]
    traces.append(_markers("measured", [(row["round"], row[name]) for row in result["actual"]]))
    return Chart(
        name=f"later-{name}",
        title=f"The later rounds: {_QUANTITIES[name]}",
        alt=f"{_QUANTITIES[name]} by round, measured with intervals, beside every forecast.",
        data=traces,
        layout={"xaxis": rounds_axis(result["actual"]), "yaxis": {"tickformat": ".2~f"}},
        caption=(
            "Lines are forecasts for held-out clusters from rounds 1-3 of the others; markers are "
            "measured, bars are 95 % intervals over clusters."
        ),
    )


def _x(rows: Sequence[Result]) -> list[float]:
    return [row["round"] for row in rows]


def _line(
    name: str, x: Sequence[float], y: Sequence[float], colour: str, dash: str = "solid"
) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "dash": dash, "width": 2},
    }


def _markers(name: str, found: Sequence[tuple[float, Estimate]]) -> Trace:
    there = [(x, e) for x, e in found if e["value"] is not None]
    drawn = scatter(name, [x for x, _ in there], [e for _, e in there], "@ink")
    return {**drawn, "mode": "markers"}
