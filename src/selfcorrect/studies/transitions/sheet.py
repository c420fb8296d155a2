"""How answers move and what that forecasts, in words, tables and a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import said, scatter
from selfcorrect.report.numbers import MISSING, count, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.words import estimate, sheet_of, sized

QUESTION = "Can later rounds be forecast from how answers moved in the first ones?"
TITLE = "Transitions"

Result = Mapping[str, Any]

_ASKED = (
    "In each round a right answer stays right with probability CL, and a wrong one is mended with "
    "CS. If both are the same for every dialogue and in every round, the accuracy goes towards "
    "Upp = CS / (1 − CL + CS), by a factor α = CL − CS a round (arXiv 2508.16456). The first "
    "rounds are fitted, and the later ones forecast.",
    "Beside it: movers and stayers, of which the latter never change; and persistence, by which "
    "nothing moves after the rounds that were fitted.",
)
_NOT = (
    "A forecast is for these questions and this model, and for rounds that go on as these did.",
    "Movers and stayers are two kinds of dialogues. Where there are more kinds, or rates drift, "
    "both may fail; what is shown to fail stands in the findings, what isn't shown may yet be so.",
    "What one more round would bring takes the last round's rates to go on, or to fade as they "
    "did so far. That they break off after the last round nobody can see coming. And it is the "
    "gain of a round, not of the instruction: a question that is merely repeated may do the same.",
)
_NAMES = {
    "cl": "CL, P(right | right before)",
    "cs": "CS, P(right | wrong before)",
    "alpha": "α = CL − CS",
    "upp": "Upp, where the chain leads",
    "stay": "stayers, of all dialogues",
    "movers_cl": "CL of movers",
    "movers_cs": "CS of movers",
}
_AGAINST = {
    "unchanged": "it expects another share of dialogues that stay right, or wrong, in all rounds",
    "memory": "it matters what the answer was two rounds before",
    "alike": (
        "its rates aren't the same in all rounds, as where they drift or dialogues have rates of "
        "their own"
    ),
}
_LINES = {
    "chain": ("@outcome", "solid"),
    "movers and stayers": ("@confidence", "dash"),
    "persistence": ("@baseline", "dot"),
}


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section("How answers move", [], [_rates(result), _tests(result)]),
        Section("Forecasts", [], [_forecasts(result), _chart(result)]),
    ]


def findings(result: Result) -> Iterator[str]:
    """Whether the chain holds, what its forecast was worth, and what another round would bring."""
    if result.get("oracle"):
        yield (
            "The run uses the truth (oracle): its rates and forecasts are those of a model that is "
            "told, and no method's."
        )
    if (e := result.get("alternating")) is not None:
        yield (
            f"{estimate(e)} of the dialogues go back and forth between two answers, so what a "
            "round shows depends on where one stops: all rates here are those of single steps."
        )
    yield _holds(result)
    yield from (_forecast(result, method) for method in _LINES)
    yield _oscillates(result)
    yield _next(result)
    if result["unread"]:
        yield (
            f"{count(result['unread'], 'dialogue')} of {result['n']:,} have an answer that wasn't "
            f"read or graded, and are left out of all figures; what is claimed holds as well where "
            "such answers count as wrong, as right, or as the answer before."
        )


def _next(result: Result) -> str:
    """What one more round would bring."""
    last, e = result["rounds"][-1], result["next"]
    within = f"±{short(result['margin'], 3)}"
    words = {
        "more": f"A round after round {last} brings more right answers, by more than {within}",
        "less": f"A round after round {last} costs right answers, by more than {within}",
        "same": f"A round after round {last} brings and costs no more right answers than {within}",
        "few": f"What a round after round {last} would bring can't be told, clusters are too few",
        "unread": f"Whether a round after round {last} brings or costs right answers hangs on "
        "answers that weren't read or graded",
        "open": f"A round after round {last} isn't shown to bring or cost right answers",
    }
    if e["value"] is None:
        return f"What a round after round {last} would bring can't be told ({e['why']})."
    if e["low"] is None:
        return f"{words['open']}: {short(e['value'], 3, signed=True)} ({e['why']})."
    return (
        f"{words[e['state']]}: with the rates of the last round {estimate(e, signed=True)}, with "
        f"rates that fade as they did so far {estimate(e['fading'], signed=True)}; {sized(e)}."
    )


def _holds(result: Result) -> str:
    wrong = [name for name, p in result["against"].items() if p < 0.05]
    if wrong:
        what = "; ".join(
            f"{_AGAINST[name]} (p {p_value(result['against'][name])}, Holm)" for name in wrong
        )
        return f"These answers aren't a simple chain: {what}."
    if result["hangs"]:
        what = "; ".join(_AGAINST[name] for name in result["hangs"])
        return (
            "Whether these answers are a simple chain can't be told, as answers that weren't read "
            f"or graded decide whether {what}."
        )
    if not result["against"]:
        return "Whether these answers are a simple chain can't be told: clusters are too few."
    return (
        "Nothing is shown to speak against a simple chain ("
        + ", ".join(f"{name} p {p_value(p)}" for name, p in result["against"].items())
        + "; Holm)."
    )


def _forecast(result: Result, method: str) -> str:
    number, e = list(result["forecasts"][method].items())[-1]
    off = e["off"]
    name = {"chain": "The simple chain", "movers and stayers": "Movers and stayers"}.get(
        method, "Persistence"
    )
    verb = "forecast" if method == "movers and stayers" else "forecasts"
    if off["value"] is None or off["low"] is None:
        return f"{name}: round {number} can't be compared ({off['why']})."
    side = "minus observed:"
    if off["sure"]:
        side = "too much, by" if off["value"] > 0 else "too little, by"
    skill = result["skill"].get(method)
    beside = "" if skill is None else f"; skill over persistence {estimate(skill, signed=True)}"
    return (
        f"{name} {verb} {estimate(e['said'])} for round {number}, {side} "
        f"{estimate(off, signed=True)}{beside}; {sized(off)}."
    )


def _oscillates(result: Result) -> str:
    alpha, upp = result["rates"]["alpha"], result["rates"]["upp"]
    if alpha["sure"] and alpha["high"] < 0:
        return (
            f"α is below 0, {estimate(alpha, signed=True)}: answers swing, and Upp, "
            f"{estimate(upp)}, is where they settle on average, not a bound."
        )
    rates = result["rates"]
    return (
        f"In rounds {result['rounds'][0]}-{result['rounds'][result['fit'] - 1]} right answers stay "
        f"right with {estimate(rates['cl'])} and wrong ones are mended with "
        f"{estimate(rates['cs'])}; Upp {estimate(upp)}."
    )


def _rates(result: Result) -> Table:
    rows = [
        [_NAMES[name], estimate(e), _allowed(e), sized(e)] for name, e in result["rates"].items()
    ]
    rows += [
        [
            f"never change, {name}",
            estimate(e["said"]),
            "",
            f"minus observed {estimate(e['off'], signed=True)}",
        ]
        for name, e in result["unchanged"].items()
    ]
    left = result["n"] - result["whole"]
    note = f"Of the first {count(result['fit'], 'round')}."
    if left:
        note += (
            f" {count(left, 'dialogue')} without a known outcome in some round left out. Unread "
            "allow: the lowest and highest value where answers that aren't known count as wrong, "
            "as right, or as the answer before."
        )
    return Table("Rates", ["", "estimate", "unread allow", ""], rows, note)


def _allowed(e: Mapping[str, Any]) -> str:
    """Between what a rate lies as answers that aren't known are counted."""
    return " to ".join(short(end, 3) for end in e["allow"]) if "allow" in e else ""


def _tests(result: Result) -> Table:
    rows = [
        [f"one step of memory is enough, {name}", estimate(e, signed=True), p_value(e["p_holm"])]
        for name, e in result["memory"].items()
    ]
    rows += [
        [f"{name.upper()} is the same in every round", MISSING, p_value(p)]
        for name, p in result["alike"].items()
    ]
    note = (
        "Memory: P(right) where the answer two rounds before was right, minus where it was wrong; "
        "0 of a chain; p is Holm's. Rates: a permutation of each cluster's rounds."
    )
    return Table("What a simple chain takes for granted", ["", "difference", "p"], rows, note)


def _forecasts(result: Result) -> Table:
    observed = dict(zip(map(str, result["rounds"]), result["observed"], strict=True))
    rows = [
        [f"round {number}", method, estimate(e["said"]), estimate(observed[number]),
         estimate(e["off"], signed=True)]
        for method, of in result["forecasts"].items()
        for number, e in of.items()
    ]  # fmt: skip
    e = result["checked"]
    at = result["rounds"][result["fit"] - 1]
    note = (
        f"After round {at} the chain expected one more round to bring "
        f"{estimate(e['said'], signed=True)}, and it brought {estimate(e['came'], signed=True)}. "
        f"Skill is 1 − mean absolute error / persistence's, over the rounds forecast."
    )
    heads = ["", "method", "forecast", "observed", "forecast − observed"]
    return Table("Forecasts of later rounds", heads, rows, note)


def _chart(result: Result) -> Chart:
    rounds, name = result["rounds"], result["outcome"]
    traces: list[dict[str, Any]] = [scatter("observed", rounds, result["observed"], "@ink")]
    for method, of in result["forecasts"].items():
        colour, dash = _LINES[method]
        known = [(int(t), e["said"]) for t, e in of.items() if e["said"]["value"] is not None]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": method,
                "x": [t for t, _ in known],
                "y": [e["value"] for _, e in known],
                "line": {"color": colour, "dash": dash, "width": 2},
                "marker": {"color": colour, "size": 5},
                "hovertext": [said(e, "share") for _, e in known],
                "hoverinfo": "text+name",
            }
        )
    return Chart(
        name="forecasts",
        title=f"{name.capitalize()} by round, and what was forecast",
        alt=f"{name} by round with intervals, and the forecasts of {', '.join(_LINES)}.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "round"}, "dtick": 1, "tickformat": "d"},
            "yaxis": {"title": {"text": name}},
        },
        caption=f"Bars are 95 % intervals over clusters. Forecasts begin after round "
        f"{rounds[result['fit'] - 1]}; {count(result['whole'], 'dialogue')}.",
    )
