"""The decision in words: are more rounds than one worth it, and what do they cost?"""

from __future__ import annotations

from collections.abc import Iterator

from selfcorrect.report.costs import beyond, large
from selfcorrect.report.numbers import change, count, decides, percent, within
from selfcorrect.report.phrases import Table, is_share, of_others, said_of

_AGAIN = "merely asking again"
_ONCE = {"round": "the first round", "baseline": "the question asked once, without the goal"}
#: As it was then, or worse.
_THEN = {"round": "in the first round", "baseline": f"with {_ONCE['baseline']}"}
#: What is known of a change that is itself undecided, by why it isn't worth it.
_REFUTED = {"again": "no better than asking again", "stops": "no better, wherever one stops"}


def headline(summary: Table) -> str | None:
    """The outcome, last round − first: ``better``, ``worse``, ``same`` or ``undecided``; a gain
    that isn't shown to be the instruction's says so. ``None`` if there is no such difference."""
    told: str | None = summary["changes"].get(summary["outcome"]["name"], {}).get("verdict")
    if told is not None and summary.get("oracle"):
        return f"{told}, using the truth (oracle)"
    decided = summary.get("decision")
    if told == "undecided" and decided is not None and decided["why"] in _REFUTED:
        return _REFUTED[decided["why"]]
    if told in ("better", "worse") and decided is not None and _small(decided):
        return f"{told}, by less than counts as none"
    if told != "better" or decided is None or decided["answer"] == "worth":
        return told
    if decided["why"] == "again":
        return "better, but so is asking again"
    if decided["over"] == "baseline" and decided["why"] != "instruction":
        return "better than its first round, not shown over the question asked once"
    return "better, not known to be by the instruction"


def _small(decided: Table) -> bool:
    """Whether the difference from its own first round lies within the margin."""
    return bool(decided["why"] == "same" and decided["over"] == "round")


def decision(summary: Table) -> str:
    """One sentence or two; empty where there is nothing to decide."""
    told = summary.get("decision")
    if told is None or summary.get("oracle") or summary.get("steered"):
        return ""
    return f"{_answer(told, summary)} {_costs(summary)}".strip()


def _answer(told: Table, summary: Table) -> str:
    share, name = is_share(summary), said_of(summary)
    once, again = told["once"], told["again"]
    than, then = _ONCE[told["over"]], _THEN[told["over"]]
    gained = f"{name} {_change(once, share)} over {than}"
    match told["why"]:
        case "better":
            over = f"and {_change(again, share)} over {_AGAIN}"
            return f"More rounds are worth it here: {gained}, {over}{_undone(told, summary)}."
        case "same":
            level = within(once["margin"], share)
            return (
                f"More rounds aren't worth it here: {name} is the same within {level} as "
                f"{then}, {_change(once, share)}{_undone(told, summary)}."
            )
        case "worse":
            return (
                f"More rounds aren't worth it here: {name} is worse than {then}, "
                f"{_change(once, share)}{_undone(told, summary)}."
            )
        case "stops":
            return (
                f"More rounds aren't worth it here: {name} gains nothing over {than}, whether one "
                f"stops in the last round or in the one before; {_change(once, share)} in the last"
                f"{_undone(told, summary)}."
            )
        case "again":
            better = again["verdict"] == "worse" and not again.get("within")
            well = "better" if better else "as well"
            return (
                f"The instruction isn't worth it here: {_AGAIN} does {well} "
                f"({_change(again, share)} against that), and {gained}{_undone(told, summary)}."
            )
        case "instruction":
            return (
                "More rounds help here, but it isn't known whether the instruction does: "
                f"{gained}, {_change(again, share)} over {_AGAIN}{_undone(told, summary)}."
            )
        case "control":
            return (
                f"It isn't known whether the instruction helps: {gained}, but nothing shows what "
                f"{_AGAIN} would do{_undone(told, summary)}."
            )
        case "unread":
            return (
                "Whether more rounds are worth it is not known: it hangs on answers that couldn't "
                "be read."
            )
    open_ = "depends on where one stops" if once.get("depends") else "is not known"
    also = f", {_change(again, share)} over {_AGAIN}" if again and _there(again) else ""
    return f"Whether more rounds are worth it {open_}: {gained}{also}{_undone(told, summary)}."


def _there(e: Table) -> bool:
    return e["value"] is not None


def _change(e: Table, share: bool) -> str:
    return change(decides(e), share)


def _undone(told: Table, summary: Table) -> str:
    """Of how many answers that were right at first the last is wrong. Of a number: how many got
    worse, beside how many got better, as noise alone moves as many either way."""
    harm, mend = told["harm"], told["mend"]
    if harm is None or harm["value"] is None or told["why"] == "unread":
        return ""
    if is_share(summary):
        return f"; {_part(harm)} of {_those(harm)} right at first {_are(harm)} wrong at last"
    better = "" if mend is None or mend["value"] is None else f", {_part(mend)} better"
    level = within(told["once"]["margin"], share=False)
    return (
        f"; {_part(harm)} of {_those(harm)} {_are(harm)} worse at last than at first{better} "
        f"(changes within {level} count as none)"
    )


def _part(e: Table) -> str:
    ends = "" if e["low"] is None else f" [{percent(e['low'])}, {percent(e['high'])}]"
    if e.get("unread"):
        low, high = (percent(end) for end in e["unread"])
        ends += f" (anything from {low} to {high} %, as not all could be read at last)"
    return f"{percent(e['value'])} %{ends}"


def _those(e: Table) -> str:
    """Of which answers a share is: of those that could be read at last."""
    return f"the {count(e['n'], 'read answer' if e.get('unread') else 'answer')}"


def _are(e: Table) -> str:
    return "is" if e["n"] == 1 else "are"


def _costs(summary: Table) -> str:
    """What dialogues take beyond one answer each."""
    arms = summary["cost"]["arms"]
    if not arms or of_others(summary):  # what measuring took isn't what the dialogues did
        return ""
    mine = arms[next(iter(arms))]  # the run itself comes first
    single = arms["baseline"] if "baseline" in arms else mine["rounds"][0]
    parts = list(_beyond(mine, single))
    said = beyond(parts, asked="baseline" in arms)
    return " ".join(
        [*filter(None, [said]), *_waited(mine["latency"]["dialogue"], _latency(single))]
    )


def _latency(single: Table) -> Table | None:
    """How long one answer was waited for, be it an arm's or the first round's."""
    told: Table | None = single["latency"]
    return told["dialogue"] if told is not None and "dialogue" in told else told


def _waited(mine: Table | None, single: Table | None) -> Iterator[str]:
    """How long a dialogue with a served model is waited for, beside one answer."""
    if mine is not None:
        one = f", one answer {_seconds(single)}" if single is not None else ""
        yield f"A dialogue takes {_seconds(mine)}{one}."


def _seconds(told: Table) -> str:
    return f"{told['p50']:.3g} s (95 % at most {told['p95']:.3g})"


def _beyond(mine: Table, single: Table) -> Iterator[str]:
    if mine["alone"] is not None and single["alone"] is not None:
        yield f"{_thousand(mine['alone'] - single['alone'])} tokens"
    if mine["money"] is not None and single["money"] is not None:
        yield f"{_thousand(mine['money'] - single['money'])} in money"


def _thousand(each: float) -> str:
    return large({"value": 1000 * each, "low": None, "high": None})
