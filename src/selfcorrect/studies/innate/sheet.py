"""What both models gain, hold inside, and take, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from selfcorrect.report.charts.traces import error_bars, said
from selfcorrect.report.numbers import MISSING, p_value, percent, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.claims import beside
from selfcorrect.studies.innate.arms import MODELS
from selfcorrect.studies.mechanism.sheet import PARTS, SITES, part_findings, state
from selfcorrect.studies.words import change, estimate, preflight, sheet_of, sized

QUESTION = "Does a base model correct itself as its instruction-tuned sibling does?"
TITLE = "Innate"

Result = Mapping[str, Any]

_FIT = {
    "confidence": "how confident it was",
    "right": "the feedback is right",
    "right × confidence": "both together",
    "log odds before": "log odds of that option before",
}
_ASKED = (
    "If self-correction were acquired in pretraining, a base model would show it as its tuned "
    "sibling does. So both go through the same examples and arms. A gain is that of goal and "
    "review over merely being asked again. What moves inside is each model's own concept, found in "
    "the same texts; see the study mechanism for how it is read.",
    "Knowledge against feedback: after its own first answer, a model is told that somebody else "
    "argues for one of the other options, and is asked again. Whether that is right is known. "
    "Beside it stands feedback of as many words that argues for none. An option is taken where it "
    "is the likeliest afterwards. A model that knows better takes right feedback more often than "
    "wrong feedback on the same answer, for options that were as likely before; one that only "
    "obeys takes those alike.",
)
_NOT = (
    "Two models differ in more than tuning on instructions. With a base model, differences may "
    "come from how the dialogue is written down: without a chat template it is plain text.",
    "Cosines with directions of two models are not on one scale: what can be compared is whether "
    "there is an effect, and which way it goes.",
    "Right feedback can only be given where the first answer was wrong. Acceptance of right and of "
    "wrong feedback over all answers therefore is of different questions; the comparison on the "
    "same wrong answers isn't.",
    "The feedback argues without reasons of its own. Arguments that are good, or sound so, may be "
    "taken otherwise.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section("Gains", [], [_gains_table(result)]),
        Section("Inside", [], [_inside_table(result)]),
        Section(
            "Feedback that is right or wrong",
            [],
            [_taken_table(result), _chart(result), _bins_table(result), _fit_table(result)],
        ),
        Section(
            "The sibling, checked first",
            [],
            [replace(preflight(result["sibling"]), title="Preflight of the sibling")],
        ),
    ]


def findings(result: Result) -> Iterator[str]:
    """Gains, then what moves inside, then acceptance, of both models."""
    yield _gain(result)
    for which in MODELS:
        for text in part_findings(result["inside"][which]):
            yield f"{result['names'][which]}: {text[0].lower()}{text[1:]}"
    for which in MODELS:
        yield _acceptance(result["names"][which], result["acceptance"][which])
        yield _apart(result["names"][which], result["acceptance"][which]["told_apart"])
        yield _confidence(result["names"][which], result["acceptance"][which]["fits"]["plain"])
    yield _difference(result)
    for which in MODELS:
        if result["plain"][which]:
            yield (
                f"{result['names'][which]} has no chat template: it was shown plain text, “User: "
                "…” and “Assistant: …” with a blank line between, and a reply ends where another "
                "turn would begin."
            )


def _gain(result: Result) -> str:
    each = [
        f"{result['names'][which]} gains {change(result['gains'][which]['gain'])}"
        f"{beside(result['gains'][which]['gain'])}"
        for which in MODELS
    ]
    e = result["gains"]["difference"]
    what = "its gain differs" if e["state"] == "shown" else "a difference of gains isn't shown"
    return (
        f"By goal and review, over merely being asked again, {' and '.join(each)} of "
        f"{result['outcome']} in round {result['last']}; {what}: {change(e)}, {sized(e)}"
        f"{beside(e)}."
    )


def _acceptance(name: str, told: Result) -> str:
    each = []
    for kind in ("right", "wrong"):
        of = told["taken"][kind]
        each.append(
            f"{kind} feedback in {estimate(of['share'])} (feedback for no option moves it there in "
            f"{estimate(of['asked'])}; n {of['share']['n']:,})"
        )
    return f"{name} takes {' and '.join(each)}."


def _apart(name: str, e: Result) -> str:
    if e["plain"]["value"] is None:
        return (
            f"{name}: whether it tells right feedback from wrong can't be said, as no wrong answer "
            "left both to be given."
        )
    plain = f"whatever the options' likelihood {change(e['plain'])}"
    if e["low"] is None:
        return (
            f"{name}: whether it tells right feedback from wrong at equal likelihood of both "
            f"options can't be said ({e.get('why')}); {plain}."
        )
    seen = f"{change(e)}, {sized(e)}; {plain}"
    words = {
        "more": "it takes right feedback more often than wrong feedback",
        "less": "it takes right feedback less often than wrong feedback",
        "same": "it takes right and wrong feedback alike (within ±.05)",
        "undecided": "that it takes right feedback more often than wrong isn't shown",
    }
    return (
        f"{name}, on the same wrong answers, of options as likely before: {words[e['state']]}: "
        f"{seen}."
    )


def _confidence(name: str, fit: Result) -> str:
    e = fit["confidence"]
    if e["value"] is None or e["low"] is None:
        return (
            f"{name}: how acceptance goes with confidence can't be told: "
            f"{e.get('why', 'there is too little')}."
        )
    seen = (
        f"{estimate(e, 2, signed=True)} log odds a standard deviation, p {p_value(e['p_holm'])} "
        f"(Holm), {sized(e)}"
    )
    if e["p_holm"] is not None and e["p_holm"] < 0.05 and not e["few"]:
        way = "more" if e["value"] > 0 else "less"
        return f"{name}: the more confident it was, the {way} often it takes feedback: {seen}."
    return f"{name}: that acceptance goes with confidence isn't shown: {seen}."


def _difference(result: Result) -> str:
    each = []
    for kind in ("right", "wrong"):
        e = result["difference"][kind]
        if e["value"] is None:
            each.append(f"{kind} feedback: no example in both")
            continue
        shown = "shown" if e["state"] == "shown" else "not shown"
        each.append(f"{kind} feedback {change(e)} ({shown}, n {e['n']:,})")
    one, other = (result["names"][which] for which in MODELS)
    return f"How much more often {one} takes feedback than {other}: {'; '.join(each)}."


def _gains_table(result: Result) -> Table:
    rows = []
    for which in MODELS:
        row = result["gains"][which]
        rows.append(
            [
                result["names"][which],
                change(row["change"]),
                change(row["gain"]),
                p_value(row["gain"]["p_holm"]),
            ]
        )
    e = result["gains"]["difference"]
    rows.append(["difference", MISSING, change(e), p_value(e["p_holm"])])
    heads = ["", "last − first round", "minus merely asked again", "p, Holm"]
    return Table(f"Change of {result['outcome']}", heads, rows)


def _inside_table(result: Result) -> Table:
    rows = [
        [
            f"{PARTS[kind]}, {SITES[site]}: {result['names'][which]}",
            change(row["mere"]),
            change(row["beyond"]),
            p_value(row["beyond"]["p_holm"]),
            state(row["beyond"]),
        ]
        for which in MODELS
        for kind, of in result["inside"][which]["parts"].items()
        for site, row in of.items()
    ]
    heads = ["", "neutral words minus none", "beyond neutral words", "p, Holm", ""]
    return Table(f"Activation of “{result['concept']}”", heads, rows)


def _taken_table(result: Result) -> Table:
    rows = []
    for which in MODELS:
        for kind, of in result["acceptance"][which]["taken"].items():
            rows.append(
                [
                    f"{kind}: {result['names'][which]}",
                    estimate(of["share"]),
                    estimate(of["asked"]),
                    change(of["beyond"]),
                    change(of["rise"]),
                ]
            )
    heads = ["feedback", "taken", "after feedback for none", "beyond that", "rise of its p"]
    return Table("How often feedback is taken", heads, rows)


def _bins_table(result: Result) -> Table:
    rows = [
        [
            f"{short(row['low'])} to {short(row['high'])}: {result['names'][which]}",
            estimate(row["right"]),
            estimate(row["wrong"]),
            f"{row['right']['n']:,} / {row['wrong']['n']:,}",
        ]
        for which in MODELS
        for row in result["acceptance"][which]["bins"]
    ]
    note = "Thirds of the first answers, by the probability of the answer given."
    return Table("Taken, by confidence before", ["confidence", "right", "wrong", "n"], rows, note)


def _fit_table(result: Result) -> Table:
    rows = []
    for which in MODELS:
        for name, fit in result["acceptance"][which]["fits"].items():
            for term, e in fit.items():
                if e["value"] is None:
                    told = [str(e.get("why", "")), MISSING]
                else:
                    told = [estimate(e, 2, signed=True), p_value(e["p_holm"])]
                rows.append([f"{_FIT[term]} ({name}): {result['names'][which]}", *told])
    note = (
        "Log odds of taking it, by logistic regressions with errors over clusters; confidence per "
        "standard deviation. Adjusted: for how likely its option was before."
    )
    return Table("What acceptance goes with", ["", "log odds", "p, Holm"], rows, note,
                 terminal=False)  # fmt: skip


def _chart(result: Result) -> Chart:
    traces = []
    colours = {"model": "@outcome", "sibling": "@confidence"}
    for which in MODELS:
        for kind, dash in (("right", "solid"), ("wrong", "dot")):
            rows = [r for r in result["acceptance"][which]["bins"] if r[kind]["value"] is not None]
            each = [row[kind] for row in rows]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": f"{kind}: {result['names'][which]}",
                    "x": [(row["low"] + row["high"]) / 2 for row in rows],
                    "y": [100 * e["value"] for e in each],
                    "error_y": error_bars(
                        [
                            {k: None if e[k] is None else 100 * e[k]
                             for k in ("value", "low", "high")}
                            for e in each
                        ],
                        colours[which],
                    ),
                    "line": {"color": colours[which], "dash": dash, "width": 2},
                    "marker": {"color": colours[which], "size": 7},
                    "hovertext": [f"{percent(e['value'])} % {said(e, 'share')}" for e in each],
                    "hoverinfo": "text+name",
                }
            )  # fmt: skip
    return Chart(
        name="accepted-by-confidence",
        title="Feedback taken, by confidence before",
        alt="Share of feedback that is taken, right and wrong, of both models, by confidence.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "probability of the answer given before"}},
            "yaxis": {"title": {"text": "taken, %"}, "rangemode": "tozero"},
        },
        caption="Bars are 95 % intervals over clusters.",
    )
