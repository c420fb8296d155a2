"""What steering does, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import area, scatter
from selfcorrect.report.numbers import MISSING, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.words import estimate, sheet_of, sized

QUESTION = "Does a push along the concept change uncertainty and answers, more than any push does?"
TITLE = "Steering"

Result = Mapping[str, Any]

_NAMES = {"entropy": "entropy of the options", "p_right": "probability of the right option"}
_ASKED = (
    "The claim has causes in it: the concept lowers uncertainty. So the concept is moved by "
    "itself: after one layer, from the last token before the answer on or at every token, its "
    "direction is added to the states, in doses of both signs. A dose of 1 is as long as the "
    "layer's states are (their median).",
    "Any push raises entropy, whichever way it goes. So the effect is the odd part, "
    "[f(α) − f(−α)] / 2, and the even part, [f(α) + f(−α)] / 2 − f(0), is damage. And any "
    "direction along which states vary moves something. So the same is done along directions that "
    "mean nothing, and the concept's effect must go beyond theirs. It must also go beyond what the "
    "states' length does: a direction that lies along the mean state makes all states longer, and "
    "so answers sharper, whatever it means.",
)
_NOT = (
    "An effect of a direction is one of whatever lies along it. Words that come with the concept "
    "lie along it too.",
    "Doses are added after one layer, and from the last token before the answer on unless the page "
    "says otherwise. A concept that acts elsewhere (earlier in the text: --at transcript; in "
    "another layer: --layer; in several at once) is not refuted by a null here.",
    "The reversed goal is about as long as the goal and speaks of the same things, so half their "
    "difference is of what is asked for. A model that doesn't heed a reversal shows none; and no "
    "text as long that asks for nothing stands beside.",
    "Perplexity is read with every token of the neutral text steered, from the first on. Where of "
    "the questions only what comes from the last token before the answer on is, it shows another "
    "harm, most likely a greater one, than the answers had.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section(
            "Dose and response",
            [],
            [
                _table(result),
                *(_chart(result, name) for name in result["responses"]),
                *([_perplexity(result)] if _read(result) else []),
            ],
        ),
    ]


def findings(result: Result) -> Iterator[str]:
    """A sentence each on the place, effect, damage, the prompt beside, and what moves the wrong
    way."""
    yield _place(result)
    for name, told in result["responses"].items():
        yield _effect(result, name, told)
    yield _damage(result)
    for name, told in result["responses"].items():
        yield _prompt(name, told)
    moved = result["responses"]["entropy"]
    yield (
        f"{estimate(moved['wrong'])} of the questions move against the mean effect on entropy "
        f"(n {moved['wrong']['n']:,})."
    )
    if result["left_out"]:
        yield (
            f"{result['left_out']:,} doses of a question left states that weren't finite, and are "
            "left out."
        )


def _place(result: Result) -> str:
    where = (
        "at every token of the transcript"
        if result["at"] == "transcript"
        else "from the last token before the answer on"
    )
    told = (
        f"Pushed {where}, after layer {result['layer']} of 0 to {result['layers'] - 1}: what is "
        "pushed acts through the layers above"
    )
    if result["read_best"] != result["layer"]:
        told += f" (the concept is read best after layer {result['read_best']})"
    return f"{told}."


def _effect(result: Result, name: str, told: Result) -> str:
    odd = told["chosen"]["odd"]
    e = odd["concept"]
    what = f"{_NAMES[name].capitalize()}, at a dose of {short(result['dose'])}"
    if e["value"] is None or odd["null"] is None:
        return f"{what}: it can't be told."
    seen = f"odd part {estimate(e, signed=True)}, {sized(e)}; {_as_far(odd)}"
    if odd.get("p_holm") is not None:
        seen += f"; p {p_value(odd['p_holm'])}, Holm over both numbers"
    if odd["shown"]:
        way = "raises" if e["value"] > 0 else "lowers"
        each = ", ".join(
            f"{short(row['odd']['concept']['value'], 3, signed=True)} at ±{short(row['dose'])}"
            for row in told["by_dose"]
        )
        return (
            f"{what}: a push along the concept {way} it, beyond other pushes: {seen}. By dose: "
            f"{each}; by more with every step in {estimate(told['ordered'])} of the questions."
        )
    if odd["with_length"]:
        return (
            f"{what}: no effect of the concept is shown beyond that of longer states: {seen}; "
            f"without it {estimate(odd['left'], signed=True)} (cosine with the mean state "
            f"{short(result['cosine'], signed=True)})."
        )
    return f"{what}: no effect of the concept is shown: {seen}."


def _as_far(part: Result) -> str:
    far = round(part["p"] * (1 + part["null"]["n"])) - 1
    return f"{far} of {part['null']['n']} directions that mean nothing go as far"


def _damage(result: Result) -> str:
    part = result["responses"]["entropy"]["chosen"]["even"]
    moved = (
        "Damage: whichever way it goes, the push changes entropy by "
        f"{estimate(part['concept'], signed=True)}"
    )
    if part["null"] is not None:
        moved += f" ({_as_far(part)})"
    if not _read(result):
        return f"{moved}; how it reads neutral text isn't known, as its language has no such words."
    middle = len(result["doses"]) // 2
    at = next(n for n, d in enumerate(result["doses"]) if abs(d - result["dose"]) < 1e-9)
    read = [result["perplexity"][n] for n in (2 * middle - at, middle, at)]
    told = ", ".join(MISSING if value is None else f"{value:.1f}" for value in read)
    return (
        f"{moved}; neutral text is read with perplexity {told} at a dose of "
        f"−{short(result['dose'])}, 0 and +{short(result['dose'])}."
    )


def _read(result: Result) -> bool:
    """Whether neutral text was read."""
    return any(value is not None for value in result["perplexity"])


def _prompt(name: str, told: Result) -> str:
    e, odd, beyond = told["prompt"], told["prompt_odd"], told["beyond"]
    what = f"The goal in words changes the {_NAMES[name]} by {estimate(e, signed=True)}"
    if odd["value"] is None or beyond["value"] is None:
        return f"{what}."
    seen = (
        f"half the goal minus the reversed goal is {estimate(odd, signed=True)}, the push's odd "
        f"part {estimate(told['chosen']['odd']['concept'], signed=True)}"
    )
    if beyond["verdict"] == "undecided":
        return f"{what}; whether what it asks for does more than the push isn't shown: {seen}."
    return f"{what}; what it asks for does {beyond['verdict']} than the push: {seen}."


def _table(result: Result) -> Table:
    rows = []
    for name, told in result["responses"].items():
        for row in told["by_dose"]:
            odd, null = row["odd"], row["odd"]["null"]
            rows.append(
                [
                    f"{_NAMES[name]}, ±{short(row['dose'])}",
                    estimate(odd["concept"], signed=True),
                    MISSING
                    if null is None
                    else f"[{short(null['low'], 3)}, {short(null['high'], 3)}]",
                    MISSING if odd["p"] is None else short(odd["p"], 3),
                    estimate(odd["length"], signed=True),
                    estimate(row["even"]["concept"], signed=True),
                ]
            )
    heads = ["dose", "odd: the effect", "other directions", "p", "longer states", "even: damage"]
    kinds, few = _kinds(result)
    note = (
        f"Other directions: 2.5 to 97.5 % of {result['directions']}, {kinds}; p: how many "
        "of them go as far. Longer states: the odd part along the mean state, with which the "
        f"concept's direction has a cosine of {short(result['cosine'], 3, signed=True)}. Findings "
        f"are at ±{short(result['dose'])}, fixed beforehand, and hold for both numbers together "
        f"(Holm).{few}"
    )
    return Table("Odd and even parts", heads, rows, note)


def _kinds(result: Result) -> tuple[str, str]:
    """What the directions that mean nothing are, and at which doses they are pushed along."""
    if result["of_texts"]:
        kinds = "made as the concept is, from its own texts with their labels shuffled"
    else:
        kinds = (
            "weighted sums of the questions' own states (the concept's texts aren't at hand, so "
            "none is made from them)"
        )
    few = " They are pushed along by that dose alone." if result["at"] == "transcript" else ""
    return kinds, few


def _chart(result: Result, name: str) -> Chart:
    told = result["responses"][name]
    doses = result["doses"]
    known = [
        (d, e) for d, e in zip(doses, told["curve"], strict=True) if e and e["value"] is not None
    ]
    band = [(d, b) for d, b in zip(doses, told["band"], strict=True) if b is not None]
    each = [e for _, e in known]
    traces = [
        area([d for d, _ in band], [b[0] for _, b in band], [b[1] for _, b in band], "@soft/40"),
        scatter(
            f"along “{result['concept']}”", [d for d, _ in known], each, "@outcome", form="score"
        ),
    ]
    if told["prompt"]["value"] is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "the goal in words",
                "x": [doses[0], doses[-1]],
                "y": [told["prompt"]["value"]] * 2,
                "line": {"color": "@confidence", "dash": "dash", "width": 2},
            }
        )
    return Chart(
        name=f"dose-{name.replace('_', '-')}",
        title=f"{_NAMES[name].capitalize()}, minus that without a dose",
        alt=f"{_NAMES[name]} by dose along the concept, with the band of other directions.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "dose, in median lengths of the states"}},
            "yaxis": {"title": {"text": "change"}},
        },
        caption=(
            f"Bars are 95 % intervals over clusters; the band holds 95 % of {result['directions']} "
            "directions that mean nothing."
        ),
    )


def _perplexity(result: Result) -> Table:
    rows = [
        [short(d, 2, signed=True), MISSING if p is None else f"{p:.1f}"]
        for d, p in zip(result["doses"], result["perplexity"], strict=True)
    ]
    note = (
        "Eight neutral sentences, every token but the first of each; no interval: they are fixed."
    )
    return Table("Perplexity of neutral text", ["dose", "perplexity"], rows, note)
