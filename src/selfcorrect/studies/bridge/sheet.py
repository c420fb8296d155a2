"""The bridge as a sheet: what was measured of the two-concept model, and what it foretold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.numbers import count, percent, short
from selfcorrect.report.sheet import Section, Sheet
from selfcorrect.studies.bridge import charts, tables
from selfcorrect.studies.bridge.tables import METHODS, beyond, estimate

QUESTION = "Do three rounds and two anchors foretell the rest?"

Result = Mapping[str, Any]

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
        question=QUESTION,
        findings=_findings(result),
        sections=[
            Section("The model, and what it must beat", _MODEL),
            Section(
                "Between the anchors",
                _between(result),
                [tables.measured(result), charts.epsilon(result)],
            ),
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
    said = f"skill {estimate(e)} (n {e['n']:,}, {count(e['clusters'], 'cluster')})"
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
    said = f"the difference in skill is {estimate(e, signed=True)}"
    if e["low"] > 0:
        return [f"It does better than a free exponential, which knows no theory: {said}."]
    if e["high"] < 0:
        return [f"A free exponential, which knows no theory, does better: {said}."]
    return [f"It isn't shown to do better than a free exponential, which knows no theory: {said}."]


def _odds(result: Result) -> str:
    e = result["rho"]
    said = f"ρ = {estimate(e, 3)}"
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
        f"The right option {how} under p₊ than under p₋: {estimate(e, 3, signed=True)}; so {then} "
        "differ in what the goal asks for."
    ]


def _unsettled(result: Result) -> list[str]:
    """Of anchors that were still on their way in their last round."""
    most = result["settings"]["most_last_step"]
    moved = [
        f"by {estimate(e, 3, signed=True)} in the {name} run"
        for name, e in (result["last_steps"] or {}).items()
        if beyond(e, most)
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


def _doubts(result: Result) -> list[str]:
    lines = []
    bend = result["bend"]
    if bend["low"] is not None and (bend["low"] > 0 or bend["high"] < 0):
        lines.append(
            "Rounds 2 and 3 don't bring the same evidence, so one ρ is no description: "
            f"log(ρ₃/ρ₂) = {estimate(bend, signed=True)}."
        )
    spread, epsilon = result["spread"][2], result["epsilon"][2]
    most = (epsilon["value"] * (1 - epsilon["value"])) ** 0.5
    if spread["value"] > most / 2:
        lines.append(
            "Records differ much: their ε in round 3 have the standard deviation "
            f"{estimate(spread)}, and {short(most)} is the most for probabilities of this mean. "
            "The mean of ε needn't be logistic then, and ρ is nearer 1 than the records' own."
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
    return METHODS[name]


def _used(result: Result) -> list[str]:
    left = result.get("left_out", 0)
    if not left:
        return []
    return [f"{count(left, 'example')} of the run were left out: one of the three runs lacks them."]


def _between(result: Result) -> list[str]:
    anchors = result["anchors"]
    return [
        "The mean probability of the right option is "
        f"{estimate(anchors['anchor'])} under p₊ and {estimate(anchors['negation'])} under p₋."
    ]


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
            tables.skill(result),
            tables.rounds(result),
            *(charts.later(result, name) for name in ("probability", "accuracy")),
        ],
    )
