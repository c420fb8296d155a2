"""The bridge as a sheet: its findings, the measured figures, and the forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.numbers import count, short
from selfcorrect.report.sheet import Section, Sheet
from selfcorrect.studies.bridge import charts, tables, verdict
from selfcorrect.studies.bridge.formulas import FORMULAS
from selfcorrect.studies.bridge.tables import METHODS, beyond, estimate

QUESTION = "Do two concepts explain how answers move, better than mechanisms without concepts?"

Result = Mapping[str, Any]

_MODEL = (
    "Suppose that one of two concepts governs the dialogue, the wanted one or another, and that "
    "the model isn't sure which. Its distribution over the options is then a mixture, "
    "p_t = (1 − ε_t) p₊ + ε_t p₋, where ε_t is the probability that it gives the other concept "
    "after round t. By Bayes' rule every round multiplies the odds ε/(1 − ε) by a likelihood "
    "ratio. If all rounds bring the same evidence, that ratio is one number ρ, and "
    "logit ε_t = a + b t with ρ = e^b. With ρ below 1 each round makes the wanted concept more "
    "likely; with ρ = 1 nothing changes.",
    "p₊ and p₋, the anchors, are measured and not fitted: p₋ is each example's distribution in the "
    "last round of a run with the goal reversed, p₊ that of a run whose goal is stated at length. "
    "What is fitted is ε_t, one number a round, by least squares over all records, and a line "
    "through the first three.",
    "A good line is no evidence for concepts: whatever drifts from one sharp anchor towards "
    "another can be read as one. So the model is compared with rivals that are fitted in the same "
    "way: sharpening (a power of the model's own first distribution), a drift of the logits, "
    "copying (what stands in the transcript gains mass), a chain of answers with movers and "
    "stayers, a third concept, and persistence. Each is fitted to some clusters and forecasts the "
    "distributions of the others. Two concepts are identified only if they beat every rival.",
    "The line is also continued: rounds 1-3 forecast the later means. The baseline is persistence: "
    "nothing changes after round 3. Skill is "
    "1 − error / error of persistence; 1 is perfect, 0 is no better than persistence, and below 0 "
    "is worse. The error is the distance of the predicted from the measured mean, over all later "
    "rounds. Two other forecasts use the same rounds 1-3: a free exponential (three parameters, no "
    "theory) and a transition chain (the probabilities that a right answer stays right and that a "
    "wrong one becomes right). Every forecast is for clusters that were not used in its fit.",
)
_WRONG = (
    "The anchors may be impure. If the negation run contains some of the wanted concept, or the "
    "anchor run some of the other, ε is measured on a shifted and stretched scale, and its logit "
    "isn't linear; the estimated ρ is then farther from 1 than the true one. The same happens "
    "where the anchors' runs have too few rounds to settle. Noise in the anchors moves every ε "
    "towards ½, and ρ towards 1.",
    "Answers are evidence, too. Where the model's own answers are drawn from its mixture, they "
    "leave the probability of each concept unchanged on average. Greedy answers don't, and then a "
    "round's ρ is not that of the instruction alone.",
    "Records differ. The logit of each record may be linear while that of the mean isn't: the more "
    "the records differ, the flatter the mean, and ρ of the mean is nearer to 1 than any record's "
    "own. The tournament's ρ starts from each dialogue's own odds.",
    "There may be no two concepts at all. A model that merely grows surer, or whose logits drift, "
    "may move between the anchors as a mixture does: neither the line nor its skill nor the "
    "unexplained share tells that apart. Only the tournament does, from the rivals that it knows, "
    "and not where dialogues are so alike that another mechanism passes through the same points.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what :func:`selfcorrect.studies.bridge.analysis.analyse` returns."""
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
            *([_tournament(result)] if result["tournament"] else []),
            *([_forecast(result)] if result["predictions"] else []),
            Section("What would make it wrong", _WRONG),
        ],
        formulas=FORMULAS,
        settings={
            **folders,
            "examples": f"{result['n']:,}",
            "clusters": f"{result['clusters']:,}",
            "folds": str(settings["folds"]),
            "seed": str(settings["seed"]),
        },
    )


# --- findings ------------------------------------------------------------------------------------


def _findings(result: Result) -> list[str]:
    if not result["able"]:
        return [
            f"Not identified here: {result['why']}",
            "So nothing is compared or predicted.",
            *_aimless(result),
            *_unsettled(result),
            *_used(result),
        ]
    applies = result["applies"]
    return [
        *verdict.findings(result),
        *verdict.odds(result),
        *([_headline(result), *_rivals(result), *_no_evidence(result)] if applies else []),
        *_aimless(result),
        *_unsettled(result),
        *_doubts(result),
        *_used(result),
    ]


def _headline(result: Result) -> str:
    """On the one figure that was chosen beforehand: the mean probability of the right option."""
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
        return f"The line through rounds 1-3 predicts {what} with {said}: {e.get('why')}."
    if e["low"] > 0:
        return f"The line through rounds 1-3 predicts {what} better than persistence: {said}."
    if e["high"] < 0:
        return f"The line through rounds 1-3 predicts {what} worse than persistence: {said}."
    return (
        f"Whether the line through rounds 1-3 predicts {what} better than persistence is "
        f"undecided: {said}."
    )


def _rivals(result: Result) -> list[str]:
    e = result["lead"]["exponential"]["probability"]
    if e["value"] is None or e["low"] is None:
        return []
    said = f"the difference in skill is {estimate(e, signed=True)}"
    if e["low"] > 0:
        return [f"It does better than a free exponential, which uses no theory: {said}."]
    if e["high"] < 0:
        return [f"A free exponential, which uses no theory, does better: {said}."]
    return [f"It isn't shown to do better than a free exponential, which uses no theory: {said}."]


def _no_evidence(result: Result) -> list[str]:
    """On a line that forecasts well without being identified."""
    low = result["skill"]["two_concept"]["probability"]["low"]
    if result["identified"] or low is None or low <= 0:
        return []
    return [
        "That is no evidence for concepts: whatever drifts smoothly between sharp anchors has such "
        "a line."
    ]


def _aimless(result: Result) -> list[str]:
    """On anchors that differ, but not in how likely the right option is."""
    e = result["anchors"]["difference"]
    if e["low"] is None or e["low"] > 0:
        return []
    less = e["high"] < 0
    how = "is less likely" if less else "isn't shown to be more likely"
    then = "the anchors don't" if less else "nothing shows that the anchors"
    return [
        f"The right option {how} under p₊ than under p₋: {estimate(e, 3, signed=True)}; so {then} "
        "differ in what the goal asks for."
    ]


def _unsettled(result: Result) -> list[str]:
    """On anchors that still changed in their last round."""
    most = result["settings"]["most_last_step"]
    moved = [
        f"by {estimate(e, 3, signed=True)} in the {name} run"
        for name, e in (result["last_steps"] or {}).items()
        if beyond(e, most)
    ]
    if not moved:
        return []
    told = result["tournament"]
    farther = "ρ is nearer to 1 than estimated here if they would have changed further. "
    if told and told["moved"]:
        farther = "For the tournament they were put where they would have ended. "
    return [
        f"The anchors haven't settled: in their last round ε still changed {' and '.join(moved)}. "
        f"{farther}Run negation and anchor again for more rounds (a larger --rounds); the longer "
        "runs are then used."
    ]


def _doubts(result: Result) -> list[str]:
    lines = []
    bend = result["bend"]
    if bend["low"] is not None and (bend["low"] > 0 or bend["high"] < 0):
        lines.append(
            "Rounds 2 and 3 don't bring the same evidence, so one ρ doesn't describe both: "
            f"log(ρ₃/ρ₂) = {estimate(bend, signed=True)}."
        )
    spread, epsilon = result["spread"][2], result["epsilon"][2]
    most = max(0.0, epsilon["value"] * (1 - epsilon["value"])) ** 0.5
    if result["applies"] and spread["value"] > most / 2:
        lines.append(
            "Records differ much: the standard deviation of their ε in round 3 is "
            f"{estimate(spread)}, of at most {short(most)} for probabilities with this mean. "
            "The mean of ε need not be logistic then."
        )
    worst = {name: n for name, n in result["fallbacks"].items() if n}
    if worst:
        folds = result["settings"]["folds"]
        names = ", ".join(f"{_fallback(name)} in {n} of {folds}" for name, n in worst.items())
        lines.append(
            f"Where a method gave no prediction, persistence takes its place: {names} folds."
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


def _tournament(result: Result) -> Section:
    text = [
        "Every mechanism is shown the same: a dialogue's round 1, its anchors, and the answers "
        "that stand in the transcript before the round that it forecasts. All start from round 1 "
        "by the same rule."
    ]
    if result["options"] == 2:
        text.append(verdict.TWO_OPTIONS)
    return Section("The rivals", text, [tables.tournament(result)])


def _forecast(result: Result) -> Section:
    answers = result["answers"]
    share = f"{short(answers['likeliest'], 3)} of the answers are the most likely option"
    way = (
        "so the accuracy of a forecast is that of its most likely option"
        if answers["taken_as"] == "greedy"
        else "so they count as drawn, and the accuracy of a forecast is its probability of the "
        "right option"
    )
    return Section(
        "Forecasts",
        [
            f"In this run {share}, {way}.",
            "The forecast “two concepts” places every record between its own anchors, at the ε of "
            "the line through rounds 1-3. “Two concepts, steps only” adds the changes of that line "
            "to the record's own round 3, so an error of an anchor that is the same in all rounds "
            "does no harm. For each record's distribution this is the stricter test: persistence "
            "repeats the noise of round 3, and a forecast that doesn't has an advantage from that "
            "alone.",
        ],
        [
            tables.skill(result),
            tables.rounds(result),
            *(charts.later(result, name) for name in ("probability", "accuracy")),
        ],
    )
