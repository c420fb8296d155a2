"""What the change of the activation adds, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.numbers import MISSING, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.words import (
    BETTER_READING,
    EACH_THE_OTHERS,
    LINES,
    estimate,
    label,
    never_changes,
    sheet_of,
    sized,
)

QUESTION = "Does the change of the concept predict the change of the uncertainty?"
TITLE = "Concept and uncertainty"

Result = Mapping[str, Any]

_SETS = {
    "pair": "the two rounds",
    "before": "uncertainty before",
    "both": "both",
    "history": "both, and uncertainty in other rounds",
    "change": "change of the activation alone",
    "with change": "all of these",
}
_ASKED = (
    "From trajectories: given the change of the concept's activation from one round to the next, "
    "did uncertainty fall? The published answer is a classifier that is right about 83 % of the "
    "time (recalled, not read). By itself that shows nothing. If both merely drift over the "
    "rounds, the change tells of the round, and the round of the fall; and uncertainty that is "
    "high falls more often, whatever the concept does.",
    "So two classifiers are compared, logistic regressions on clusters that neither was fitted to: "
    "one knows which two rounds it is and how high uncertainty was, in the first of them, in the "
    "round before and in the dialogue's others (an activation that copies an earlier round tells "
    "those), the other knows the change of the activation too. What that adds in AUROC is the "
    "answer; and where the changes of other dialogues in the same rounds tell as much (a "
    "permutation test, its statistic over its error between clusters), it is none.",
)
_NOT = (
    "Even a change that predicts isn't a cause: something else may move both. The study of "
    "steering moves the activation itself.",
    "Changes of a round are read in the same round: which of both went first is asked in the next "
    "table, of the round after.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section("What the change adds", [], [_table(result), *_charts(result)]),
        Section("What goes first", [], [_order(result)]),
    ]


def findings(result: Result) -> Iterator[str]:
    """A sentence each on what the change adds, and on what goes first."""
    for arm, told in result["arms"].items():
        yield _adds(arm, told["added"])
    if result["arms"]["intrinsic"]["order"] is not None:
        yield _first({arm: told["order"] for arm, told in result["arms"].items()})


def _adds(arm: str, told: Result) -> str:
    where = "In the run" if arm == "intrinsic" else f"In the control {arm}"
    if "why" in told:
        return (
            f"{where} it can't be told whether the change adds anything: {told['why']} (fell "
            f"{told['fell']:,}, rose {told['rose']:,}, ties {told['ties']:,})."
        )
    e = told["adds"]
    seen = (
        f"gain in AUROC {estimate(e, signed=True)}, {sized(e)}, permutation p {p_value(told['p'])}"
    )
    accuracy = told["sets"]["change"]["accuracy"]
    naive = (
        f"alone it is right in {estimate(accuracy)} of the transitions, where always "
        f"saying the more frequent is right in {short(told['majority'], 3)}"
    )
    how = "adds" if told["shown"] else "isn't shown to add"
    what = f"{where} the change of the activation {how} to what is known without it"
    return f"{what}: {seen}; {naive}."


#: What is said of an order, by which goes first.
_ORDERS = {
    "c": f"The activation goes ahead of the uncertainty ({BETTER_READING})",
    "u": f"The activation follows the uncertainty ({BETTER_READING})",
    "both": f"Each tells the other's next value: {EACH_THE_OTHERS}",
    None: "Neither is shown to go ahead of the other",
}
_ALSO = {
    "c": "the activation goes first",
    "u": "the activation follows",
    "both": "each tells the other's next value",
    None: "neither is shown to",
}


def _first(orders: Mapping[str, Any]) -> str:
    """What goes first in the run, and in its control."""
    found, control = orders["intrinsic"], orders.get("repeat")
    if still := never_changes(found, "the activation", "the uncertainty"):
        return f"What goes first can't be told: {still}."
    e, back = found["forward"]["changes"], found["backward"]["changes"]
    seen = (
        f"activation on the next uncertainty {estimate(e, signed=True)}, uncertainty on the next "
        f"activation {estimate(back, signed=True)} per standard deviation, {sized(e)}"
    )
    also = ""
    if control is not None:
        also = "; where the question is merely repeated "
        same = control["first"] == found["first"]
        still = never_changes(control, "the activation", "the uncertainty")
        also += still or ("it is the same" if same else _ALSO[control["first"]])
    return f"{_ORDERS[found['first']]}: {seen}{also}."


def _table(result: Result) -> Table:
    arms = [arm for arm, told in result["arms"].items() if "sets" in told["added"]]
    rows = [
        [
            text,
            *(
                cell
                for arm in arms
                for cell in (
                    estimate(result["arms"][arm]["added"]["sets"][name]["auroc"]),
                    estimate(result["arms"][arm]["added"]["sets"][name]["accuracy"]),
                )
            ),
        ]
        for name, text in _SETS.items()
    ]
    heads = [f"{what}, {arm}" for arm in arms for what in ("AUROC", "accuracy")]
    counts = "; ".join(
        f"{arm}: {told['added']['n']:,} transitions, fell {told['added']['fell']:,}, "
        f"ties left out {told['added']['ties']:,}"
        for arm, told in result["arms"].items()
    )
    return Table("What tells whether uncertainty falls", ["known", *heads], rows, counts)


def _order(result: Result) -> Table:
    rows = []
    for arm, told in result["arms"].items():
        for way, text in (
            ("forward", "activation on the next uncertainty"),
            ("backward", "uncertainty on the next activation"),
        ):
            if told["order"] is None:
                rows.append([f"{text}, {arm}", MISSING, MISSING, MISSING])
                continue
            of = told["order"][way]
            rows.append(
                [
                    f"{text}, {arm}",
                    estimate(of["levels"], signed=True),
                    estimate(of["changes"], signed=True),
                    p_value(of["changes"]["p"]),
                ]
            )
    note = "Per standard deviation of both, given the value before and the round."
    return Table("What tells the next round", ["", "levels", "changes", "p of changes"], rows, note)


def _charts(result: Result) -> list[Chart]:
    uncertainty = label(result["uncertainty"])
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": arm,
            "x": told["points"]["activation"],
            "y": told["points"]["uncertainty"],
            "marker": {"color": LINES[arm][0], "size": 4, "opacity": 0.5},
        }
        for arm, told in result["arms"].items()
    ]
    n = sum(len(told["points"]["activation"]) for told in result["arms"].values())
    return [
        Chart(
            name="changes",
            title="Change of the activation and of the uncertainty, round to round",
            alt=f"{n:,} transitions: change of activation against change of {uncertainty}.",
            data=traces,
            layout={
                "xaxis": {"title": {"text": f"change of the {label(result['activation'])}"}},
                "yaxis": {"title": {"text": f"change of the {uncertainty}"}},
            },
            caption=(
                f"One point a dialogue and pair of rounds (layer {result['layer']}). A trend that "
                f"all share puts points into one quadrant without any link; {short(0.65)} is the "
                "AUROC that such a trend alone gives."
            ),
        )
    ]
