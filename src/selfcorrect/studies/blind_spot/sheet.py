"""What becomes of given answers, in words, tables and a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import points
from selfcorrect.report.numbers import MISSING, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.blind_spot.arms import OWN, TOLD, USER
from selfcorrect.studies.claims import allowed, unread
from selfcorrect.studies.words import estimate, sheet_of, sized

QUESTION = "Does a model correct an error shown as the user's, but not the same one as its own?"
TITLE = "Blind spot"

Result = Mapping[str, Any]

_ASKED = (
    "The task gives a first answer, so it is known which are wrong. The same answer, word for "
    "word, stands there as the model's own turn or in the user's message; then the same request "
    "to check it and to answer. The blind spot is the share of the errors corrected as the user's "
    "that isn't corrected as its own (arXiv 2507.02778: 64.5 %, over 14 models). Its interval is "
    "Fieller's.",
    "Of each question there is a dialogue with a wrong answer and one with a right one. A model "
    "that changes whatever stands there corrects errors, too, and loses as many right answers: so "
    "accuracy over both is compared as well.",
    "In two arms the user says whether the answer is right or wrong: what it does when nothing "
    "needs to be found. They use the truth, and are never ranked.",
)
_NOT = (
    "As its own, the answer is a turn, and the request a message after it; as the user's, both "
    "stand in the message with the question. So the place in the dialogue differs with the role.",
    "The answers given are an option and nothing else, drawn alike among the wrong ones. Errors "
    "that the model would make itself, or reasons that lead to one, may be corrected less.",
)
_WHAT = {
    "corrected": "wrong answers corrected",
    "left": "right answers left right",
    "accuracy": "accuracy over both",
    "known": "wrong answers corrected, of questions that it answers right by itself",
}


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [
        Section(
            "What becomes of given answers",
            [],
            [_arms(result), _claims(result), _known(result), _chart(result)],
        )
    ]


def findings(result: Result) -> Iterator[str]:
    """The blind spot, right answers, both together, what it knows, what it does when told."""
    yield _blind_spot(result)
    yield _control(result)
    yield _of_known(result)
    told = [result["arms"][arm]["corrected"] for arm in TOLD.values()]
    yield (
        f"Told that it is wrong, it corrects {estimate(told[0])} shown as its own and "
        f"{estimate(told[1])} as the user's; these arms use the truth and are never ranked."
    )
    yield from unread("Last answers that couldn't be read", result["unread"], result["n"])


def _seen(e: Result) -> str:
    beside = "" if e.get("unread") is None else f", unread answers allow {allowed(e['unread'])}"
    return f"{estimate(e, signed=True)}{beside}, p {p_value(e['p_holm'])} (Holm), {sized(e)}"


def _ratio(e: Result) -> str:
    """The blind spot with its interval, or why there is none."""
    if e["value"] is None:
        return f"not defined ({e['why']})"
    if e["low"] is None:
        return f"{short(e['value'], 3)}, without an interval ({e.get('why')})"
    return estimate(e)


def _blind_spot(result: Result) -> str:
    e = result["claims"]["corrected"]
    rates = [result["arms"][arm]["corrected"] for arm in (USER, OWN)]
    both = f"{estimate(rates[0])} as the user's, {estimate(rates[1])} as its own"
    if e["state"] is None:
        return f"Whether there is a blind spot can't be told ({e.get('why')}): {both}."
    spot = f"blind spot {_ratio(result['blind_spot'])}"
    words = {
        "more": f"Wrong answers are corrected more often as the user's than as its own: {both}; "
        f"{spot}",
        "less": f"No blind spot, but the contrary: wrong answers are corrected less often as the "
        f"user's than as its own: {both}",
        "same": f"No blind spot: wrong answers are corrected as often in both roles, within "
        f"±{short(result['margin'])}: {both}",
        "unread": f"Whether there is a blind spot can't be told, as answers that weren't read "
        f"could turn it: {both}",
        "few": f"Too few clusters to tell whether there is a blind spot: {both}",
        "open": f"No blind spot is shown, and none is ruled out: {both}; {spot}",
    }
    return f"{words[e['state']]}; difference {_seen(e)}."


def _control(result: Result) -> str:
    left, net = result["claims"]["left"], result["claims"]["accuracy"]
    rates = [result["arms"][arm]["left"] for arm in (USER, OWN)]
    if left["state"] is None or net["state"] is None:
        return "What becomes of right answers can't be told."
    told = (
        f"Right answers are left right in {estimate(rates[0])} as the user's and "
        f"{estimate(rates[1])} as its own, difference {_seen(left)}; over right and wrong ones "
        f"accuracy differs by {_seen(net)}"
    )
    if result["claims"]["corrected"]["state"] != "more":
        return f"{told}."
    if net["state"] == "more":
        return f"{told}: so more is corrected than merely changed."
    return (
        f"{told}, which isn't shown to be above 0: so the user's answers may merely be changed "
        "more, wrong or right."
    )


def _of_known(result: Result) -> str:
    known, e = result["known"], result["claims"]["known"]
    if e["state"] is None:
        return (
            "What it does with errors in questions that it answers right by itself can't be told: "
            f"it answers {estimate(known['share'])} right."
        )
    words = {
        "more": "more often as the user's",
        "less": "less often as the user's",
        "same": "as often in both roles",
        "unread": "in which role more often can't be told, as answers weren't read",
    }
    rates = [estimate(known["arms"][arm]) for arm in (USER, OWN)]
    return (
        f"Of the {estimate(known['share'])} that it answers right by itself, errors are corrected "
        f"in {rates[0]} as the user's and {rates[1]} as its own, "
        f"{words.get(e['state'], 'no difference is shown')}: {_seen(e)}; blind spot "
        f"{_ratio(known['blind_spot'])}."
    )


def _arms(result: Result) -> Table:
    rows = [
        [
            arm,
            *(estimate(of[name]) for name in ("corrected", "left", "accuracy")),
            *(estimate(of[name]) for name in ("changed_wrong", "changed_right")),
            estimate(of["tells"], signed=True),
        ]
        for arm, of in result["arms"].items()
    ]
    heads = ["shown as", "wrong: corrected", "right: left", "accuracy", "wrong: changed"]
    note = (
        "Changed: another answer than the one given, right or wrong. “Told” arms know the truth, "
        "and are shown for comparison only."
    )
    return Table("After a given answer", [*heads, "right: changed", "wrong − right"], rows, note)


def _claims(result: Result) -> Table:
    rows = [[what, *_cells(result["claims"][name])] for name, what in _WHAT.items()]
    rows.append(["blind spot: (user's − own) / user's", *_share(result["blind_spot"])])
    least = result["smallest"]
    seen = "can't be told" if least is None else short(least, 3)
    note = (
        "p by Holm over the four, whatever unread answers are; intervals as recorded. Of the blind "
        "spot there is no test but the first one. The smallest difference of corrected answers "
        "that so many show 4 times of 5 by itself, had all that differ done so one way: "
        f"{seen}."
    )
    return Table(
        "As the user's minus as its own",
        ["", "difference", "unread allow", "p", ""],
        rows,
        note,
    )


def _known(result: Result) -> Table:
    known = result["known"]
    rows = [
        ["wrong answers given that it would answer right", estimate(known["share"])],
        *([f"corrected, shown as {arm}", estimate(e)] for arm, e in known["arms"].items()),
        ["user's minus own", estimate(result["claims"]["known"], signed=True)],
        ["blind spot", _ratio(known["blind_spot"])],
    ]  # fmt: skip
    note = "Known by the arm in which the questions are asked alone, with the same words."
    return Table("Questions that it answers right by itself", ["", ""], rows, note)


def _cells(e: Result) -> list[str]:
    return [estimate(e, signed=True), allowed(e.get("unread")), p_value(e["p_holm"]), sized(e)]


def _share(e: Result) -> list[str]:
    return [_ratio(e), allowed(e.get("unread")), MISSING, sized(e)]


def _chart(result: Result) -> Chart:
    kinds = [("wrong: corrected", "corrected", "@outcome"), ("right: left", "left", "@baseline")]
    traces = []
    for at, (name, key, colour) in enumerate(kinds):
        found = {arm: of[key] for arm, of in result["arms"].items() if of[key]["value"] is not None}
        places = [place + 0.1 * at for place in range(len(found))]
        traces.append(points(name, places, list(found.values()), colour, called=list(found)))
    arms = list(result["arms"])
    return Chart(
        name="roles",
        title="Wrong answers corrected, right answers left",
        alt="By role, with intervals: wrong answers corrected and right answers left right.",
        data=traces,
        layout={
            "xaxis": {
                "title": {"text": "the given answer is shown as"},
                "tickvals": list(range(len(arms))),
                "ticktext": arms,
            },
            "yaxis": {"title": {"text": "share"}, "range": [0, 1.02]},
        },
        caption="Bars are 95 % intervals over clusters.",
    )
