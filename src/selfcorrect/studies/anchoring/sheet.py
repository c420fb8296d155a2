"""What standing in the transcript does, in words, a table and a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import points
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.claims import holm, seen
from selfcorrect.studies.words import estimate, sheet_of, sized

QUESTION = "Does the model review its earlier answer, or copy whatever stands in its transcript?"
TITLE = "Anchoring"

Result = Mapping[str, Any]

_ASKED = (
    "A model that is asked again often grows surer of its answer. It may have thought again; or it "
    "may give weight to whatever stands in its transcript. So the question is asked again after "
    "the model's own answer and after each other option in its place. All else is the same, word "
    "for word.",
    "What its own answer gains by standing there is compared with what another gains that was as "
    "likely: how much an option gains may depend on how likely it is, and its own answer is its "
    "likeliest. In log odds against a third option and in probability, and only what holds on both "
    "scales is claimed: a model that copies whatever stands there with some probability gives "
    "unlikely options more in log odds, one that adds to the log odds gives likely ones more in "
    "probability. All of it within round 2: since round 1 all answers may have grown sharper, or "
    "flatter, whatever stands there. Each letter as an own answer counts once: one letter may be "
    "copied more than another, whosever it is.",
)
_NOT = (
    "The answers that are put there are bare letters, as the model's own are. Reasons for them "
    "might be taken over more, or less.",
    "That a model gives more weight to its own answer than to another that was as likely doesn't "
    "say why: it may know it as its own, or know it right. Whether it knows better is asked on the "
    "same wrong answers, where the right and another wrong option can both be put, at equal "
    "likelihoods: of round 1, and of round 2 after its own answer. What these don't show of how "
    "likely it finds them counts as knowing.",
    "Where its own answer is always far likelier than any other, nothing can be told of it.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    return [Section("What stands in the transcript", [], [_table(result), _chart(result)])]


def shown(e: Result) -> int:
    """The direction that is shown, after Holm's correction; 0 where none is."""
    if e["low"] is None or e["few"] or e["p_holm"] is None or e["p_holm"] >= 0.05:
        return 0
    return 1 if e["value"] > 0 else -1


def findings(result: Result) -> Iterator[str]:
    """Is it copied, is the own answer more than copied, is a right one rather taken over?"""
    stands, beyond, knows = (result[name] for name in ("stands", "own_beyond", "knows"))
    words = {
        1: "An option is likelier where it stands in the transcript than where another one does",
        -1: "An option is less likely where it stands in the transcript than where another does",
        0: "Which option stands in the transcript isn't shown to make it likelier",
    }
    yield f"{words[shown(stands)]}: {seen(stands)}."
    taken = result["taken"]
    if taken["value"] is not None:
        yield (
            f"Another answer than its own, put in its place, is taken over in "
            f"{estimate(taken)}, and the own one given all the same in "
            f"{estimate(result['returned'])}; {sized(taken)}."
        )
    yield _own(result, beyond)
    if knows["value"] is None:
        yield f"Whether it rather takes over right answers can't be told ({knows['why']})."
        return
    rates = f"{estimate(result['right'])} against {estimate(result['wrong'])}"
    words = {
        1: "Where it was wrong it takes over the right answer more often than another wrong one "
        "that is as likely",
        -1: "Where it was wrong it takes over the right answer less often than another wrong one "
        "that is as likely",
        0: "Where it was wrong it isn't shown to take over the right answer rather than another "
        "wrong one that is as likely",
    }
    yield (
        f"{words[shown(knows)]}: difference, beyond how often either is answered after its own, "
        f"{seen(knows)}. However likely they are, {rates}."
    )


def _own(result: Result, e: Result) -> str:
    """What the own answer gains, beside another."""
    what = "its own answer gains more by standing there than another that was as likely"
    if e["value"] is None:
        return f"Whether {what} can't be told ({e['why']})."
    words = {
        1: "Its own answer gains more by standing there than another that was as likely",
        -1: "Its own answer gains less by standing there than another that was as likely",
        0: "Its own answer isn't shown to gain more or less by standing there than another that "
        "was as likely: so nothing shows what it gains to be more than copying",
    }
    whole = [
        f"{estimate(result[key]['own'], signed=True)} against "
        f"{estimate(result[key]['other'], signed=True)} {unit}"
        for key, unit in (("copied", "in log odds"), ("gained", "in probability"))
    ]
    return (
        f"{words[shown(e)]}; {estimate(e, signed=True)} more in log odds and "
        f"{estimate(e['probability'], signed=True)} in probability, {holm(e)} of the less sure "
        f"one, {sized(e)}. However likely they are, {' and '.join(whole)}."
    )


def _table(result: Result) -> Table:
    p, odds, gained = result["rises"], result["copied"], result["gained"]
    beyond = result["own_beyond"]
    rows = [
        (
            "an option where it stands minus where another one does",
            estimate(result["stands"], signed=True),
        ),
        ("the own answer, by standing there: log odds", estimate(odds["own"], signed=True)),
        ("other options, by standing there: log odds", estimate(odds["other"], signed=True)),
        ("the own answer, by standing there: probability", estimate(gained["own"], signed=True)),
        ("other options, by standing there: probability", estimate(gained["other"], signed=True)),
        ("the own answer minus another as likely: log odds", estimate(beyond, signed=True)),
        ("the same: probability", estimate(beyond["probability"], signed=True)),
        (
            "the own answer, after itself: probability minus round 1's",
            estimate(p["own"], signed=True),
        ),
        ("another option, after itself: the same", estimate(p["other"], signed=True)),
        ("other options taken over", estimate(result["taken"])),
        ("own answer given after another one", estimate(result["returned"])),
        ("own answer given after itself", estimate(result["kept"])),
        ("of wrong answers: the right option taken over", estimate(result["right"])),
        ("of the same: another wrong option taken over", estimate(result["wrong"])),
        (
            "of the same: the right one minus another as likely, beyond its answers after its own",
            estimate(result["knows"], signed=True),
        ),
        ("of right answers: a wrong option taken over", estimate(result["lost"])),
    ]
    note = (
        f"Means over dialogues, of {result['options']} options at most. Log odds are against a "
        "third option. What differs from round 1 may come from asking again."
    )
    return Table("Round 2 after each option", ["", "estimate"], rows, note)


def _chart(result: Result) -> Chart:
    parts = [("own answer", "own", "@outcome"), ("other options", "other", "@baseline")]
    found = [(name, result["copied"][key], colour) for name, key, colour in parts]
    traces = [
        {**points(name, [name], [e], colour), "hoverinfo": "text"}
        for name, e, colour in found
        if e["value"] is not None
    ]
    return Chart(
        name="rises",
        title="Log odds gained by standing in the transcript",
        alt="The log odds that the own answer and other options gain, with intervals.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": ""}},
            "yaxis": {"title": {"text": "standing there minus not, log odds"}, "zeroline": True},
            "showlegend": False,
        },
        caption="Against a third option, within round 2. Bars are 95 % intervals over clusters.",
        height="16rem",
    )
