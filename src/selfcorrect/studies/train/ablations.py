"""The ablations on the sheet: excess at every budget, plateaus, verdicts; and the shortcuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import MISSING, interval, p_value, percent, short
from selfcorrect.report.sheet import Chart, Section, Table
from selfcorrect.studies.train import charts
from selfcorrect.studies.train.claims import MARGIN, margin

Result = Mapping[str, Any]
Arms = Sequence[Result]

#: What each preset of ablations is about.
DATA = {"ablations": "the original data", "ranked": "ranked data (ours)"}
_RULES = (
    "One thing is changed at a time; every arm keeps its causal mask and its residual stream. Each "
    "arm has its own learning rates: the recipe's times ½, 1 or 2, whichever has the smallest "
    "excess on validation contexts after the middle number of steps, on a seed used for nothing "
    "else. Learning rates rise for 50 steps, are constant, and fall to 0 in the last quarter.",
    "An arm has reached a plateau if its last doubling of steps lowers its excess by less than "
    f"the margin, with the whole interval over seeds; the margin is {percent(MARGIN)} % of the "
    "range from random directions to the floor. A part is needed, or isn't, if a t test over seeds "
    "shows that the difference without it is above the margin, or below: p ≤ .05 after Holm's "
    "correction over all parts and data. Where an arm has no plateau, or the difference changed "
    "sides with the last doubling, nothing is claimed.",
)
_RANKED = (
    "The ranked data are this project's, not the paper's. On the original data, and on the warped "
    "ones, copying the best response or a line through the responses is nearer the truth than what "
    "the ranking loss asks for. On ranked data responses are independent of the truth and only "
    "their order says something of it."
)


def findings(result: Result) -> list[str]:
    """What the ablations show, and on which data the ranking is worth anything."""
    return [*(said for preset in DATA for said in _decided(result, preset)), *_best(result)]


def sections(result: Result) -> list[Section]:
    """The ablations, if any were trained, and the shortcuts."""
    parts: list[Table | Chart] = []
    for preset in DATA:
        arms = _of(result, preset)
        if arms:
            parts += [charts.budgets(arms, preset, f"Ablations, {DATA[preset]}"),
                      _table(arms, result)]  # fmt: skip
    found = [Section("Shortcuts", [_RANKED], [_shortcuts(result)])]
    return [Section("Which parts are needed", list(_RULES), parts), *found] if parts else found


def _of(result: Result, preset: str) -> list[Result]:
    return [arm for arm in result["arms"] if arm["preset"] == preset]


def _decided(result: Result, preset: str) -> list[str]:
    arms = [a for a in _of(result, preset) if a.get("compared") and "needed" in a["compared"]]
    if not arms:
        return []
    base = next(a for a in _of(result, preset) if not a["versus"])
    names = {
        verdict: ", ".join(_without(a) for a in arms if a["compared"]["needed"] is verdict)
        for verdict in (True, False, None)
    }
    said = [
        f"{start}: {names[verdict]}"
        for verdict, start in ((True, "needed"), (False, "not needed"), (None, "undecided"))
        if names[verdict]
    ]
    flipped = [_without(a) for a in arms if a["compared"]["flipped"]]
    turn = (
        f" With fewer steps the sign of the verdict was another for {', '.join(flipped)}."
        if flipped
        else ""
    )
    return [
        f"Ablations on {DATA[preset]}, after {base['budgets'][-1]:,} steps, "
        f"n = {base['excess']['n']} seeds: {'; '.join(said)} (margin "
        f"{short(margin(result, base['kind']), 3)} nats; Holm over "
        f"{arms[0]['compared']['tests']} tests).{turn}"
    ]


#: The part that an arm is without.
_PART = {
    "linear attention": "softmax",
    "no FFN": "feed-forward",
    "1 head": "several heads",
    "1 layer": "several layers",
}


def _without(arm: Result) -> str:
    return _PART.get(arm["name"], str(arm["name"]))


def _best(result: Result) -> list[str]:
    found = result["shortcuts"]
    said = []
    for kind, of in found.items():
        floor, best = of["estimates"]["floor"]["distance"], of["estimates"][of["best"]]
        what = (
            "the floor's minimiser itself"
            if of["best"] == "floor"
            else f"{of['best']} ({short(best['distance']['mean'], 3)})"
        )
        said.append(f"{kind}: {what}, with the minimiser at {short(floor['mean'], 3)}")
    return [
        "The estimate nearest the truth, by 1 − cos after all but one of the triples: "
        f"{'; '.join(said)}."
    ]


def _table(arms: Arms, result: Result) -> Table:
    budgets = arms[0]["budgets"]
    rows = []
    for arm in arms:
        fell, compared = arm["plateau"]["last_doubling"], arm.get("compared") or {}
        last = compared["at"][-1] if compared else None
        rows.append(
            [
                arm["name"],
                _factor(arm),
                f"{arm['parameters']:,}",
                *(_with(each) for each in arm["excess_at"]),
                f"{_with(fell)}: {'yes' if arm['plateau']['reached'] else 'no'}",
                *(short(each["mean"], 3, signed=True) for each in compared.get("at", ())[:-1]),
                *([MISSING] * (len(budgets) - 1) if not compared else []),
                f"{short(last['mean'], 3, signed=True)} {interval(last, 3)}" if last else MISSING,
                p_value(compared.get("p_holm")),
                _verdict(compared),
            ]
        )
    return Table(
        f"Ablations, {DATA[arms[0]['preset']]}",
        [
            "",
            "rate ×",
            "weights",
            *(f"excess, {steps:,} steps" for steps in budgets),
            "last doubling: plateau",
            *(f"difference, {steps:,}" for steps in budgets),
            "p of the margin (Holm)",
            "needed",
        ],
        rows,
        "Rate: the factor chosen of ½, 1 and 2; at the edge another might be better. Nats; 95 % "
        f"intervals over {arms[0]['excess']['n']} seeds (Student's t), not corrected "
        "for their number. Differences from base are paired by seed; arms draw other initial "
        "weights, so that pairing removes little. Margin: "
        f"{short(margin(result, arms[0]['kind']), 3)}.",
    )


def _factor(arm: Result) -> str:
    """The factor of the learning rates, and whether a further one might be better still."""
    tried = sorted(map(float, arm["validation"]))
    edge = ", the edge" if arm["factor"] in (tried[0], tried[-1]) else ""
    return f"{arm['factor']:g}{edge}"


def _verdict(compared: Result) -> str:
    if "needed" not in compared:
        return MISSING
    if compared["needed"] is None:
        return f"undecided: {compared['why']}"
    return "yes" if compared["needed"] else "no"


def _with(e: Result) -> str:
    value = short(e["mean"], 3)
    return value if e["low"] is None else f"{value} {interval(e, 3)}"


def _shortcuts(result: Result) -> Table:
    found = result["shortcuts"]
    names = list(dict.fromkeys(name for of in found.values() for name in of["estimates"]))
    rows = []
    for name in names:
        cells = []
        for of in found.values():
            if name not in of["estimates"]:
                cells += [MISSING, MISSING]
                continue
            each = of["estimates"][name]
            against = each["against"]
            cells += [
                _with(each["distance"]),
                f"{short(against['mean'], 3, signed=True)} {interval(against, 3)}"
                if against
                else MISSING,
            ]
        rows.append([name, *cells])
    some = next(iter(found.values()))["estimates"]["floor"]["distance"]
    return Table(
        "1 − cos with the truth, by kind of data",
        ["", *(t for kind, of in found.items() for t in (f"{kind}, n = {of['n']}", "− floor's"))],
        rows,
        f"Without training; means over {some['n']:,} contexts with 95 % intervals, differences "
        "paired by context. The posterior mean knows how ranked contexts are drawn; no estimate "
        "has a smaller mean there.",
    )
